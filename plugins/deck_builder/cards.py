"""Cards in the official API's format: read, and each one checked."""

from __future__ import annotations

import json
from collections import Counter
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from .errors import CardsError

_HINT: Final = (
    "Nothing was changed: no card is taken unless all are sound. Look at what it gives, or use another --file."
)
_SHOWN: Final = 3

_TYPES: Final = {26: "Troop", 27: "Building", 28: "Spell"}
"""What the millions of an id say of a card. The API does not say it otherwise."""

_TYPE_OF: Final = {28000016: "Troop"}
"""Heal Spirit was the spell Heal once, and kept its number."""

_COST_OF: Final = {28000006: 1}
"""Mirror costs one more than the card that it repeats, and the API gives no cost; a deck's average counts it as 1."""

_Url = Annotated[str, Field(max_length=255, pattern=r"^https?://\S+$")]


class _Icons(BaseModel):
    model_config = ConfigDict(strict=True, alias_generator=to_camel)

    medium: _Url | None = None
    evolution_medium: _Url | None = None


class Card(BaseModel):
    """One card as the API tells it; of what else that tells, nothing is kept."""

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)

    id: int = Field(ge=26_000_000, lt=29_000_000)
    name: str = Field(min_length=1, max_length=64, pattern=r"\S")
    rarity: Literal["common", "rare", "epic", "legendary", "champion"]
    elixir_cost: int | None = Field(None, ge=0, le=10)
    max_evolution_level: int = 0
    icon_urls: _Icons = _Icons()

    @property
    def kind(self) -> str:
        """``Troop``, ``Building`` or ``Spell``."""
        return _TYPE_OF.get(self.id) or _TYPES[self.id // 1_000_000]

    @property
    def cost(self) -> int | None:
        """What it costs in elixir; None where neither the API nor the game's rules tell."""
        return _COST_OF.get(self.id) if self.elixir_cost is None else self.elixir_cost

    @property
    def evolves(self) -> bool:
        """Whether it can be played evolved. The number's lowest bit says so; the next one is for heroes."""
        return self.icon_urls.evolution_medium is not None or self.max_evolution_level & 1 == 1


def parse(data: bytes, source: str) -> tuple[Card, ...]:
    """Read an answer of ``GET /cards``; ``source`` is where it is from, for messages.

    ``supportItems``, the tower's troops, are left out: they are in no deck. Raises :class:`CardsError` naming what is
    wrong, if anything is.
    """
    try:
        document: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CardsError(f"{source} gives no JSON: {error}", hint=_HINT) from error
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list) or not items:
        raise CardsError(f"{source} gives no cards: there is no list 'items' with cards in it", hint=_HINT)
    cards: list[Card] = []
    problems: list[str] = []
    for number, item in enumerate(items, start=1):
        try:
            card = Card.model_validate(item)
        except ValidationError as error:
            problems.append(f"{_named(number, item)}: {_reason(error)}")
        else:
            cards.append(card)
            if card.cost is None:
                problems.append(f"{_named(number, item)}: elixirCost: is missing")
    problems += [
        f"the id {id} is there {count} times" for id, count in Counter(c.id for c in cards).items() if count > 1
    ]
    if problems:
        more = f" (and {len(problems) - _SHOWN} more)" if len(problems) > _SHOWN else ""
        raise CardsError(f"{source} gives cards that are not usable: {'; '.join(problems[:_SHOWN])}{more}", hint=_HINT)
    return tuple(cards)


def _named(number: int, item: Any) -> str:
    name = item.get("name") if isinstance(item, dict) else None
    return f"card {number}, {str(name)[:64]!r}" if name else f"card {number}"


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
