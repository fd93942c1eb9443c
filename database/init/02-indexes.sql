-- The indexes that can be made last.
-- Made by `invoke db.init-sql` from the migrations up to revision 0003: edits here are lost.

SET NAMES utf8mb4;

-- Revision 0002: Indexes for how the application looks decks and cards up.

CREATE INDEX ix_decks_user_id_created_at ON decks (user_id, created_at);

CREATE INDEX ix_decks_name ON decks (name);

CREATE INDEX ix_decks_created_at ON decks (created_at);

CREATE INDEX ix_cards_cache_name ON cards_cache (name);

CREATE INDEX ix_cards_cache_rarity ON cards_cache (rarity);

CREATE INDEX ix_cards_cache_elixir_cost ON cards_cache (elixir_cost);

CREATE INDEX ix_cards_cache_type ON cards_cache (type);

-- The migrations carry on from here.

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO `alembic_version` (`version_num`) VALUES
    ('0003');
