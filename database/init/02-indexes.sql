-- The indexes that can be made last.
-- Made by `invoke db.init-sql` from the migrations up to revision 0003: edits here are lost.

SET NAMES utf8mb4;

-- The migrations carry on from here.

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO `alembic_version` (`version_num`) VALUES
    ('0003');
