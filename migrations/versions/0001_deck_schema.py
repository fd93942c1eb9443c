"""The deck schema: users, their decks, and a cache of the game's cards."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SERVERS = ("mysql", "mariadb")
OPTIONS: dict[str, Any] = {
    f"{server}_{name}": value
    for server in SERVERS
    for name, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_unicode_ci"}.items()
}


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("username", loose(50), nullable=False),
        sa.Column("email", loose(254), nullable=False),
        sa.Column("password_hash", exact(255), nullable=False),
        *timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("username", name="uq_users_username"),
        sa.UniqueConstraint("email", name="uq_users_email"),
        sa.CheckConstraint("username <> ''", name="ck_users_username"),
        sa.CheckConstraint("email LIKE '%_@_%'", name="ck_users_email"),
        **OPTIONS,
    )
    op.create_table(
        "decks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        # Eight ids of cards_cache. No foreign key can hold for the elements of a JSON array, and the
        # cache may be emptied and filled again; the application checks them.
        sa.Column("cards", sa.JSON, nullable=False),
        # The ids of those among them that are played evolved, in the order of the slots.
        sa.Column("evolution_slots", sa.JSON, nullable=False),
        # A sum of eight whole numbers over eight has three decimals: stored as it is, never rounded.
        sa.Column("average_elixir", sa.Numeric(5, 3), nullable=False),
        *timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_decks"),
        # An owner tells decks apart by their names. Its index also serves the foreign key, which MySQL
        # would otherwise tie to an index of the next revision and then refuse to drop.
        sa.UniqueConstraint("user_id", "name", name="uq_decks_user_id_name"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_decks_user_id_users", ondelete="CASCADE"),
        sa.CheckConstraint("name <> ''", name="ck_decks_name"),
        sa.CheckConstraint(array_length("cards", "= 8"), name="ck_decks_cards"),
        sa.CheckConstraint(array_length("evolution_slots", "<= 2"), name="ck_decks_evolution_slots"),
        sa.CheckConstraint("average_elixir BETWEEN 0 AND 10", name="ck_decks_average_elixir"),
        **OPTIONS,
    )
    op.create_table(
        "cards_cache",
        # The game's own id.
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        # Mirror costs one more than the card that it repeats; the game counts it as 1 in a deck's average.
        sa.Column("elixir_cost", sa.Integer, nullable=False),
        sa.Column("rarity", exact(16), nullable=False),
        sa.Column("type", exact(16), nullable=False),
        sa.Column("arena", sa.Integer, nullable=False),
        sa.Column("has_evolution", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("image_url", exact(255)),
        sa.Column("evolution_image_url", exact(255)),
        *timestamps(),
        sa.PrimaryKeyConstraint("id", name="pk_cards_cache"),
        sa.CheckConstraint("name <> ''", name="ck_cards_cache_name"),
        sa.CheckConstraint("elixir_cost BETWEEN 0 AND 10", name="ck_cards_cache_elixir_cost"),
        sa.CheckConstraint(
            "rarity IN ('Common', 'Rare', 'Epic', 'Legendary', 'Champion')", name="ck_cards_cache_rarity"
        ),
        sa.CheckConstraint("type IN ('Troop', 'Building', 'Spell')", name="ck_cards_cache_type"),
        sa.CheckConstraint("arena >= 0", name="ck_cards_cache_arena"),
        sa.CheckConstraint("has_evolution IN (0, 1)", name="ck_cards_cache_has_evolution"),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("cards_cache")
    op.drop_table("decks")
    op.drop_table("users")


def on_sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"


def loose(length: int) -> sa.types.TypeEngine[str]:
    """Text that is the same in upper and lower case: the servers' tables are so, SQLite's are not."""
    return sa.String(length).with_variant(sa.String(length, collation="NOCASE"), "sqlite")


def exact(length: int) -> sa.types.TypeEngine[str]:
    """Text of which every letter counts: SQLite's is so, the servers' tables are not."""
    return sa.String(length).with_variant(sa.String(length, collation="utf8mb4_bin"), *SERVERS)


def timestamps() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """When a row was made, and when the application last changed it; UTC on every database.

    CURRENT_TIMESTAMP is UTC in SQLite, but the session's time zone on a server.
    """
    now = sa.text("CURRENT_TIMESTAMP" if on_sqlite() else "(UTC_TIMESTAMP())")
    return (
        sa.Column("created_at", sa.DateTime, server_default=now, nullable=False),
        sa.Column("updated_at", sa.DateTime, server_default=now, nullable=False),
    )


def array_length(column: str, condition: str) -> str:
    """A JSON array of so many elements; there is no function for it that all databases share."""
    if on_sqlite():
        return f"json_valid({column}) AND json_type({column}) = 'array' AND json_array_length({column}) {condition}"
    return f"JSON_TYPE({column}) = 'ARRAY' AND JSON_LENGTH({column}) {condition}"
