"""Indexes for how the application looks decks and cards up."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

INDEXES = {
    # A user's decks, newest first: one index for both the search and the order.
    "ix_decks_user_id_created_at": ("decks", ["user_id", "created_at"]),
    "ix_decks_name": ("decks", ["name"]),
    "ix_decks_created_at": ("decks", ["created_at"]),
    "ix_cards_cache_name": ("cards_cache", ["name"]),
    "ix_cards_cache_rarity": ("cards_cache", ["rarity"]),
    "ix_cards_cache_elixir_cost": ("cards_cache", ["elixir_cost"]),
    "ix_cards_cache_type": ("cards_cache", ["type"]),
}


def upgrade() -> None:
    for name, (table, columns) in INDEXES.items():
        op.create_index(name, table, columns)


def downgrade() -> None:
    for name, (table, _) in reversed(INDEXES.items()):
        op.drop_index(name, table_name=table)
