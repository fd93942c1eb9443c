"""What statements of a script are run, held back, left out or refused."""

from __future__ import annotations

import pytest

from deckinfra.mysql.judging import Act, judge, unquoted

RUN = r"""
CREATE TABLE `a` (`x.y` int DEFAULT 1.5 COMMENT 'see `deck`.`users`; SELECT') ENGINE=InnoDB
CREATE TABLE IF NOT EXISTS a (n int DEFAULT nextval(`live`.`s`), FOREIGN KEY (n) REFERENCES `b` (`n`))
ALTER TABLE `a` ADD CONSTRAINT `c` FOREIGN KEY (`b`) REFERENCES `d` (`e`)
ALTER TABLE `a` DISABLE KEYS
DROP TABLE IF EXISTS `a`, `b`
START TRANSACTION
COMMIT
CREATE SEQUENCE `s` start with 1 minvalue -5 maxvalue 922 increment by 1 cache 1000 nocycle ENGINE=InnoDB
DO SETVAL(`s`, 5, 0)
SELECT SETVAL(`s`, -5, 0)
ANALYZE TABLE `a` UPDATE HISTOGRAM ON `b` WITH 100 BUCKETS
"""
FILL = r"""
INSERT INTO `a` VALUES (1,-2.5e-7,NULL,'it''s \' ;',_binary 'a\0b',0xFF,b'01',X'00',DEFAULT),(.5,"x",1e5,+3,TRUE)
INSERT IGNORE INTO `a``b` (`x`, y) VALUES (CAST(_binary'7' AS UNSIGNED),CONVERT(_binary'{}' USING utf8mb4))
REPLACE INTO a VALUES (COALESCE(NULL, FROM_UNIXTIME(4294967295.999999), _utf8mb4'x' ))
"""
SET = r"""
SET NAMES utf8mb4
SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO'
SET @saved_cs_client = @@character_set_client
SET character_set_client = @saved_cs_client
SET SESSION time_zone = '+00:00', SESSION foreign_key_checks = 0
SET @@session.time_zone := 'SYSTEM'
SET autocommit=0
"""
MAKE = r"""
CREATE ALGORITHM=UNDEFINED DEFINER=`a b`@`%` SQL SECURITY DEFINER VIEW `v` AS select 1 from `other`.`t`
CREATE OR REPLACE VIEW v (a, `b`) AS SELECT 1
CREATE  DEFINER=`root`@`localhost` TRIGGER `v` BEFORE INSERT ON `t` FOR EACH ROW SET NEW.a = deck.f()
CREATE DEFINER="root"@"%" FUNCTION "v"(n int) RETURNS int RETURN n
CREATE DEFINER=CURRENT_USER() PROCEDURE v() BEGIN DROP TABLE x; END
CREATE AGGREGATE FUNCTION v(n int) RETURNS int RETURN n
CREATE DEFINER=`a`@`b` EVENT `v` ON SCHEDULE EVERY 1 DAY STARTS '2030' ON COMPLETION NOT PRESERVE ENABLE DO DO 1
CREATE DEFINER=role PACKAGE BODY `v` AS END
"""
LEAVE = r"""
USE `deck`
LOCK TABLES `a` WRITE
UNLOCK TABLES
DROP VIEW IF EXISTS `v`
SET @@SESSION.SQL_LOG_BIN= 0
SET @@GLOBAL.GTID_PURGED= '+' '3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5'
SET GLOBAL general_log = 1
CHANGE MASTER TO MASTER_LOG_FILE='a', MASTER_LOG_POS=4
"""
DEFAULT = r"""
CREATE DATABASE  IF NOT EXISTS `deck`  DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin  DEFAULT ENCRYPTION='N'
ALTER DATABASE `deck` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
CREATE SCHEMA deck DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin
"""
REFUSE = r"""
CREATE TABLE deck.users (n int)
CREATE TABLE a (n int, FOREIGN KEY (n) REFERENCES `deck`.`users` (n))
CREATE TABLE a (n int, FOREIGN KEY (n) REFERENCES 9deck . users (n))
CREATE TABLE a (n int DEFAULT nextval(`other`.`s`))
CREATE TABLE a (n int) ENGINE=MERGE UNION=(deck.users) INSERT_METHOD=LAST
CREATE TABLE a (n int) SELECT * FROM b
CREATE TABLE a LIKE b
CREATE TABLE a (n int) DATA DIRECTORY='/tmp'
CREATE TABLE a (n int) ENGINE=FEDERATED CONNECTION='mysql://a@b/c/d'
CREATE TABLE a (n int) ENGINE=CONNECT TABLE_TYPE=CSV FILE_NAME='/etc/passwd'
CREATE TEMPORARY TABLE a (n int)
ALTER TABLE a ADD b int, RENAME TO deck.users
ALTER TABLE a RENAME deck
ALTER TABLE deck.users ADD b int
DROP TABLE deck.users
DROP TABLE IF EXISTS a, deck.users
DROP VIEW deck.v
TRUNCATE TABLE a
INSERT INTO deck.users VALUES (1)
INSERT INTO a SELECT * FROM b
INSERT INTO a VALUES ((SELECT 1))
INSERT INTO a VALUES (deck.f())
INSERT INTO a VALUES (9deck.f())
INSERT INTO a VALUES (`deck`.`f`())
INSERT INTO a VALUES (f(1))
INSERT INTO a VALUES (SLEEP(5))
INSERT INTO a VALUES (LOAD_FILE('/etc/passwd'))
INSERT INTO a VALUES (@a := 1)
INSERT INTO a VALUES (1) ON DUPLICATE KEY UPDATE a = 1
INSERT INTO a VALUES (\N)
REPLACE INTO a SET b = 1
UPDATE a SET b = 1
DELETE FROM a
DO SETVAL(`deck`.`s`, 5, 0)
DO SLEEP(1)
SELECT 1 INTO OUTFILE '/tmp/x'
LOAD DATA INFILE '/etc/passwd' INTO TABLE a
CREATE VIEW deck.v AS SELECT 1
CREATE VIEW deck . v AS SELECT 1
CREATE TRIGGER a BEFORE INSERT ON deck.users FOR EACH ROW SET @a = 1
CREATE TRIGGER deck.a BEFORE INSERT ON users FOR EACH ROW SET @a = 1
CREATE PROCEDURE `mysql`.`p`() SELECT 1
CREATE FUNCTION f RETURNS STRING SONAME 'lib.so'
CREATE EVENT `e` ON SCHEDULE EVERY 1 SECOND DO DELETE FROM deck.users
CREATE EVENT `e` ON SCHEDULE EVERY 1 SECOND ENABLE DO SELECT ' ON COMPLETION PRESERVE ENABLE'
CREATE EVENT `e` ON SCHEDULE AT ' ON COMPLETION PRESERVE ENABLE' + 1 ON COMPLETION PRESERVE ENABLE DO SELECT 1
CREATE EVENT deck.e ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE DO SELECT 1
CREATE USER a
GRANT ALL ON *.* TO a
SET PASSWORD = 'a'
SET foreign_key_checks = 0, GLOBAL general_log = 1
SET foreign_key_checks = 0, @@GLOBAL.general_log = 1
SET @a = (SELECT 1)
SET ROLE a
SET STATEMENT max_statement_time = 1 FOR DELETE FROM a
SET SESSION sql_log_off = 1
PREPARE s FROM 'DROP TABLE a'
EXECUTE IMMEDIATE 'DROP TABLE a'
CALL deck.p()
BEGIN NOT ATOMIC DROP DATABASE deck; END
SOURCE /etc/passwd
system touch x
\! touch x
USE deck x
CREATE DATABASE deck COMMENT 'x'
KILL 1
SHUTDOWN
mysqldump: [Warning] Using a password on the command line interface can be insecure.
"""


@pytest.mark.parametrize(
    ("act", "script"),
    [
        (Act.RUN, RUN),
        (Act.FILL, FILL),
        (Act.SET, SET),
        (Act.MAKE, MAKE),
        (Act.LEAVE, LEAVE),
        (Act.DEFAULT, DEFAULT),
        (Act.REFUSE, REFUSE),
    ],
)
def test_each_statement_is_told_for_what_it_is(act: Act, script: str) -> None:
    lines = script.strip().splitlines()
    assert [line for line in lines if judge(line.encode(), "live").act is not act] == []


def test_what_is_made_has_a_kind_and_a_name() -> None:
    found = [judge(line.encode(), "live") for line in MAKE.strip().splitlines()]
    kinds = ["view", "view", "trigger", "function", "procedure", "function", "event", "package body"]
    assert [(each.kind, each.name) for each in found] == [(kind, "v") for kind in kinds]


def test_a_database_and_its_charset_are_told() -> None:
    found = {judge(line.encode(), "live") for line in DEFAULT.strip().splitlines()}
    assert {each.name for each in found} == {"deck", ""}
    assert {(each.charset, each.collation) for each in found} == {("utf8mb4", "utf8mb4_bin")}


def test_names_are_read_as_they_are_written() -> None:
    written = (b"a", b"`a``b`", b'"a""`"', "`ä`".encode())
    assert [unquoted(name) for name in written] == ["a", "a`b", 'a"`', "ä"]
