"""What a restored database is asked: rules that the application keeps, and that a lost row would break.

The elements of a JSON array have no foreign keys, and a restore loads rows unchecked: what refers to nothing shows.
"""

from __future__ import annotations

from typing import Final

from deckinfra.ports import SmokeQuery

_ELEMENTS: Final = {
    "mysql": "JSON_TABLE(decks.{column}, '$[*]' COLUMNS (value INT PATH '$'))",
    "sqlite": "json_each(decks.{column})",
}


def _for_each(sql: str) -> dict[str, str]:
    """Write a query for each dialect, with the elements of the JSON arrays as tables."""
    return {
        dialect: sql.format(cards=text.format(column="cards"), slots=text.format(column="evolution_slots"))
        for dialect, text in _ELEMENTS.items()
    }


QUERIES: Final = (
    SmokeQuery(
        "decks-have-owners",
        "SELECT decks.id, decks.user_id FROM decks LEFT JOIN users ON users.id = decks.user_id WHERE users.id IS NULL",
    ),
    SmokeQuery(
        "decks-have-eight-cards",
        _for_each(
            "SELECT decks.id, COUNT(DISTINCT card.value) FROM decks CROSS JOIN {cards} AS card "
            "GROUP BY decks.id HAVING COUNT(DISTINCT card.value) <> 8"
        ),
    ),
    # The cache may be empty: it is filled again from the game's own API.
    SmokeQuery(
        "cards-of-decks-are-known",
        _for_each(
            "SELECT DISTINCT decks.id, card.value FROM decks CROSS JOIN {cards} AS card "
            "LEFT JOIN cards_cache ON cards_cache.id = card.value "
            "WHERE cards_cache.id IS NULL AND EXISTS (SELECT 1 FROM cards_cache)"
        ),
    ),
    SmokeQuery(
        "evolved-cards-are-in-their-deck",
        _for_each(
            "SELECT DISTINCT decks.id, slot.value FROM decks CROSS JOIN {slots} AS slot "
            "LEFT JOIN {cards} AS card ON card.value = slot.value WHERE card.value IS NULL"
        ),
    ),
)
