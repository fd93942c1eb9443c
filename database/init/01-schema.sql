-- The schema: tables, and whatever else the revisions make.
-- Made by `invoke db.init-sql` from the migrations up to revision 0003: edits here are lost.

SET NAMES utf8mb4;

-- Revision 0001: The deck schema: users, their decks, and a cache of the game's cards.

CREATE TABLE users (
    id INTEGER NOT NULL AUTO_INCREMENT,
    username VARCHAR(50) NOT NULL,
    email VARCHAR(254) NOT NULL,
    password_hash VARCHAR(255) COLLATE utf8mb4_bin NOT NULL,
    created_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP()),
    updated_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP()),
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT uq_users_username UNIQUE (username),
    CONSTRAINT uq_users_email UNIQUE (email),
    CONSTRAINT ck_users_username CHECK (username <> ''),
    CONSTRAINT ck_users_email CHECK (email LIKE '%_@_%')
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE decks (
    id INTEGER NOT NULL AUTO_INCREMENT,
    user_id INTEGER NOT NULL,
    name VARCHAR(100) NOT NULL,
    cards JSON NOT NULL,
    evolution_slots JSON NOT NULL,
    average_elixir NUMERIC(5, 3) NOT NULL,
    created_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP()),
    updated_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP()),
    CONSTRAINT pk_decks PRIMARY KEY (id),
    CONSTRAINT uq_decks_user_id_name UNIQUE (user_id, name),
    CONSTRAINT fk_decks_user_id_users FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT ck_decks_name CHECK (name <> ''),
    CONSTRAINT ck_decks_cards CHECK (JSON_TYPE(cards) = 'ARRAY' AND JSON_LENGTH(cards) = 8),
    CONSTRAINT ck_decks_evolution_slots CHECK (JSON_TYPE(evolution_slots) = 'ARRAY' AND JSON_LENGTH(evolution_slots) <= 2),
    CONSTRAINT ck_decks_average_elixir CHECK (average_elixir BETWEEN 0 AND 10)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_unicode_ci;

CREATE TABLE cards_cache (
    id INTEGER NOT NULL,
    name VARCHAR(64) NOT NULL,
    elixir_cost INTEGER NOT NULL,
    rarity VARCHAR(16) COLLATE utf8mb4_bin NOT NULL,
    type VARCHAR(16) COLLATE utf8mb4_bin NOT NULL,
    arena INTEGER NOT NULL,
    has_evolution BOOL NOT NULL DEFAULT false,
    image_url VARCHAR(255) COLLATE utf8mb4_bin,
    evolution_image_url VARCHAR(255) COLLATE utf8mb4_bin,
    created_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP()),
    updated_at DATETIME NOT NULL DEFAULT (UTC_TIMESTAMP()),
    CONSTRAINT pk_cards_cache PRIMARY KEY (id),
    CONSTRAINT ck_cards_cache_name CHECK (name <> ''),
    CONSTRAINT ck_cards_cache_elixir_cost CHECK (elixir_cost BETWEEN 0 AND 10),
    CONSTRAINT ck_cards_cache_rarity CHECK (rarity IN ('Common', 'Rare', 'Epic', 'Legendary', 'Champion')),
    CONSTRAINT ck_cards_cache_type CHECK (type IN ('Troop', 'Building', 'Spell')),
    CONSTRAINT ck_cards_cache_arena CHECK (arena >= 0),
    CONSTRAINT ck_cards_cache_has_evolution CHECK (has_evolution IN (0, 1))
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_unicode_ci;

-- Revision 0003: Names and addresses that differ in an accent or an emoji are not the same.

ALTER TABLE users MODIFY username VARCHAR(50) COLLATE utf8mb4_0900_as_ci NOT NULL;

ALTER TABLE users MODIFY email VARCHAR(254) COLLATE utf8mb4_0900_as_ci NOT NULL;

ALTER TABLE decks MODIFY name VARCHAR(100) COLLATE utf8mb4_0900_as_ci NOT NULL;
