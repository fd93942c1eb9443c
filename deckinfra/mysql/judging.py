"""What a statement of somebody else's script does, before a server is given it.

A script is run in a schema beside the live one, with an account that may do much. So only what dump tools write is run:
making tables, filling them with values, and settings of the session. Whatever names another schema, reads from a table
or a file, calls a function of anybody's, or is not known at all, is refused. Views, triggers, routines and events are
told apart, so that they are made when there is nothing left that could set them off.

What is judged here has no comments in it, and just so it is sent: there is nothing that a server could read otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from .definitions import EVENT, STATUS, TRIGGER, VIEW


class Act(Enum):
    """What is to be done with a statement."""

    RUN = "run"
    FILL = "fill"
    SET = "set"
    MAKE = "make"
    LEAVE = "leave"
    DEFAULT = "default"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a statement, and what is known of it.

    ``name`` is that of the object that it makes, or of the schema that it is about, and ``kind`` the object's. ``why``
    says why it is left out, or refused; nothing is said of what is left out without a reason.
    """

    act: Act
    kind: str = ""
    name: str = ""
    charset: str = ""
    collation: str = ""
    why: str = ""


_FLAGS: Final = re.DOTALL | re.IGNORECASE
_NAME: Final = rb'(?:`(?:[^`]|``)++`|"(?:[^"]|"")++"|[\w$\x80-\xff]++)'
_NUMBER: Final = rb"[-+]?\d++"
_USER: Final = rb"""(?:`(?:[^`]|``)*+`|'[^'\\]*+'|"[^"\\]*+"|[\w$]++)"""
_ACCOUNT: Final = rb"(?>" + _USER + rb"(?:\s*+@\s*+(?:" + _USER + rb"|[\w$.%-]++))?+(?:\(\))?+)"


def _pattern(text: bytes) -> re.Pattern[bytes]:
    """Give the pattern of a statement: blanks stand for one blank or more, ``{name}`` for a name, atomically."""
    text = text.replace(b"{name}", rb"(?>" + _NAME + rb")").replace(b"{account}", _ACCOUNT)
    return re.compile(text.replace(b" ", rb"\s++"), _FLAGS)


_INSERT: Final = _pattern(
    rb"(?:INSERT|REPLACE) (?:(?:LOW_PRIORITY|DELAYED|IGNORE) )*+INTO {name}\s*+"
    rb"(?:\((?:\s*+{name}\s*+,?)*+\)\s*+)?+VALUES?\s*+(?=\()"
)
# Everything of which a row may consist: numbers, strings of whatever charset, and what makes of a binary string what a
# column takes. Each alternative begins with another byte, or ends at a word's end.
_VALUES: Final = re.compile(
    rb"(?:[\s(),+-]++"
    rb"|(?:[xbn](?='))?+'(?:[^'\\]++|\\.)*+'"
    rb'|"(?:[^"\\]++|\\.)*+"'
    rb"|(?:0x[0-9a-f]++|0b[01]++|\d++(?:\.\d*+)?+(?:e[-+]?+\d++)?+|\.\d++(?:e[-+]?+\d++)?+)(?![\w$.`\x80-\xff])"
    rb"|(?>_[a-z0-9]++|NULL|DEFAULT|TRUE|FALSE|CAST|CONVERT|COALESCE|FROM_UNIXTIME|AS|USING|UNSIGNED|BINARY|CHAR|JSON|"
    rb"utf8mb4|latin1)(?![\w$.`\x80-\xff]))*+",
    _FLAGS,
)

_RUN: Final = tuple(
    _pattern(rb"(?:" + each + rb")\s*+\Z")
    for each in (
        rb"DROP (?:TABLE|SEQUENCE) (?:IF EXISTS )?+{name}(?:\s*+,\s*+{name})*+(?: (?:CASCADE|RESTRICT))?+",
        rb"START TRANSACTION(?: WITH CONSISTENT SNAPSHOT)?+|BEGIN(?: WORK)?+|COMMIT(?: WORK)?+",
        rb"ALTER TABLE {name} (?:DISABLE|ENABLE) KEYS",
        rb"CREATE (?:OR REPLACE )?+SEQUENCE (?:IF NOT EXISTS )?+{name}(?:[\s=]++(?:[a-z]++|" + _NUMBER + rb"))*+",
        rb"(?:DO|SELECT) SETVAL\s*+\(\s*+{name}(?:\s*+,\s*+" + _NUMBER + rb")*+\s*+\)",
        rb"ANALYZE TABLE {name} UPDATE HISTOGRAM ON {name}(?:\s*+,\s*+{name})*+ WITH \d++ BUCKETS"
        rb"(?: (?:AUTO|MANUAL) UPDATE)?+",
    )
)
_TABLE: Final = _pattern(
    rb"CREATE TABLE (?:IF NOT EXISTS )?+{name}\s*+(?=\()|ALTER TABLE {name} (?:ADD|MODIFY|AUTO_INCREMENT)\b"
)
_LEFT: Final = tuple(
    (_pattern(pattern), why)
    for pattern, why in (
        (rb"(?:UN)?LOCK TABLES?\b", ""),
        (rb"DROP (?:VIEW|TRIGGER|EVENT|FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) (?:IF EXISTS )?+{name}\s*+\Z", ""),
        (rb"CHANGE (?:MASTER|REPLICATION SOURCE) TO\b", "what makes a server a replica"),
        (
            rb"SET (?:(?:GLOBAL|PERSIST|PERSIST_ONLY) |@@(?:GLOBAL|PERSIST|PERSIST_ONLY)\s*+\.)",
            "settings of the whole server",
        ),
        (
            rb"SET (?:SESSION |@@(?:SESSION\.)?+)?+(?:SQL_LOG_BIN|GTID_NEXT|GTID_DOMAIN_ID|SERVER_ID)\b",
            "settings of replication",
        ),
    )
)
_SCHEMA: Final = _pattern(
    rb"(?:(?P<use>USE) |(?:CREATE|DROP|(?P<alter>ALTER)) (?:DATABASE|SCHEMA)\b\s*+(?:IF (?:NOT )?+EXISTS )?+)"
    rb"(?P<name>(?!(?:DEFAULT|CHARACTER|CHARSET|COLLATE)\b){name})?+(?P<rest>.*+)\Z"
)
_SCHEMA_CHARSET: Final = _pattern(rb"(?:CHARACTER SET|CHARSET)[\s=]++(\w++)")
_SCHEMA_COLLATION: Final = _pattern(rb"COLLATE[\s=]++(\w++)")
_SCHEMA_REST: Final = _pattern(
    rb"(?:\s*+(?:DEFAULT )?+(?:(?:CHARACTER SET|CHARSET|COLLATE)[\s=]++\w++|ENCRYPTION[\s=]++'[YN]'))*+\s*+\Z"
)
_OBJECT: Final = _pattern(
    rb"CREATE (?:OR REPLACE )?+(?:ALGORITHM\s*+=\s*+\w++ )?+(?:DEFINER\s*+=\s*+{account} )?+(?:SQL SECURITY \w++ )?+"
    rb"(?:AGGREGATE )?+(?P<kind>VIEW|TRIGGER|FUNCTION|PROCEDURE|EVENT|PACKAGE BODY|PACKAGE) (?:IF NOT EXISTS )?+"
    rb"(?P<name>{name})(?!\s*+\.)"
)
_AFTER: Final = {
    VIEW: _pattern(rb"\s*+(?:\((?:\s*+{name}\s*+,?)*+\)\s*+)?+AS\b"),
    TRIGGER: _pattern(rb" (?:BEFORE|AFTER) [a-z]++(?: OR [a-z]++)*+ ON {name} FOR EACH ROW\b"),
    "function": _pattern(rb"\s*+\("),
    "procedure": _pattern(rb"\s*+\("),
    EVENT: _pattern(rb" ON SCHEDULE\b"),
}

_QUOTED: Final = re.compile(rb"'(?:[^'\\]++|\\.)*+'|\"(?:[^\"\\]++|\\.)*+\"|(`(?:[^`]|``)++`)", re.DOTALL)
_DOTTED: Final = re.compile(rb"`\s*+\.|\.\s*+`|[\w$]*[a-z_$\x80-\xff][\w$\x80-\xff]*\s*+\.", re.IGNORECASE)
_NEXT_VALUE: Final = re.compile(rb"\b((?:next|last)val\()(`(?:[^`]|``)++`)\.(?=`)", re.IGNORECASE)
_BARRED: Final = re.compile(
    rb"\b(SELECT|INTO|DIRECTORY|CONNECTION|FEDERATED|CONNECT|SPIDER|RENAME|EXCHANGE|DISCARD|IMPORT|LOAD_FILE)\b|\\",
    re.IGNORECASE,
)
_WORD: Final = re.compile(rb"[a-z_]\w*", re.IGNORECASE)

_NAMED: Final = """
character_set_client character_set_results character_set_connection collation_connection sql_mode time_zone
foreign_key_checks unique_checks check_constraint_checks restrict_fk_on_non_standard_key innodb_strict_mode
sql_notes note_verbosity sql_quote_show_create sql_auto_is_null autocommit system_versioning_insert_history
"""
_SETTINGS: Final = frozenset(_NAMED.split())
_ASSIGNMENT: Final = _pattern(
    rb"\s*+(?:NAMES\s*+(?P<charset>\w++|'\w++')(?: COLLATE [\w']++)?+"
    rb"|(?:(?:SESSION|LOCAL) |@@(?:(?:SESSION|LOCAL)\s*+\.\s*+)?+)?+(?P<variable>@?\w++)\s*+:?+=\s*+"
    rb"(?:'[^'\\]*+'|\"[^\"\\]*+\"|@{0,2}[\w.]++|[-+]?\d++))\s*+(?:,|\Z)"
)


def judge(code: bytes, live: str) -> Verdict:
    """Say what is to be done with a statement, where ``live`` is the live schema's name."""
    word = _WORD.match(code)
    head = word[0].upper() if word else b""
    if head in {b"INSERT", b"REPLACE"}:
        return _of_insert(code)
    if any(pattern.match(code) for pattern in _RUN):
        return Verdict(Act.RUN)
    for pattern, why in _LEFT:
        if pattern.match(code):
            return Verdict(Act.LEAVE, why=why)
    if _TABLE.match(code):
        return _of_table(code, live)
    if head == b"SET":
        return _of_settings(code)
    if found := _SCHEMA.match(code):
        return _of_schema(found)
    if found := _OBJECT.match(code):
        return _of_object(code, found)
    return _refused("no dump tool is known to write this")


def unquoted(name: bytes) -> str:
    """Give the name that is written, quoted or not."""
    if (quote := name[:1]) in {b"`", b'"'}:
        name = name[1:-1].replace(quote * 2, quote)
    return name.decode(errors="replace")


def _refused(why: str) -> Verdict:
    return Verdict(Act.REFUSE, why=why)


def _of_insert(code: bytes) -> Verdict:
    found = _INSERT.match(code)
    if not found:
        return _refused("only INSERT INTO a table of this database, with VALUES, is taken")
    values = _VALUES.match(code, found.end())
    if values is None or values.end() != len(code):
        return _refused("among the values there is what is none: a name, a function or a query")
    return Verdict(Act.FILL)


def _of_table(code: bytes, live: str) -> Verdict:
    bare = _QUOTED.sub(lambda token: (token[1] and b"`x`") or b"''", _without_live(code, live))
    if _DOTTED.search(bare):
        return _refused("it names something in another database")
    if barred := _BARRED.search(bare):
        return _refused(f"'{barred[0].decode().upper()}' has no place in a table of a dump")
    return Verdict(Act.RUN)


def _without_live(code: bytes, live: str) -> bytes:
    """Leave out the live schema's name where MariaDB names a sequence with it, which stands for a default."""
    return _NEXT_VALUE.sub(lambda found: found[1] if unquoted(found[2]) == live else found[0], code)


def _of_settings(code: bytes) -> Verdict:
    at = 3
    while at < len(code):
        found = _ASSIGNMENT.match(code, at)
        if found is None:
            return _refused("only plain settings are taken")
        variable = (found["variable"] or b"").decode()
        if variable and not variable.startswith("@") and variable.lower() not in _SETTINGS:
            return _refused(f"'{variable}' is no setting that dump tools write")
        at = found.end()
    return Verdict(Act.SET)


def _of_schema(found: re.Match[bytes]) -> Verdict:
    name = unquoted(found["name"]) if found["name"] else ""
    if found["use"] or not _SCHEMA_REST.match(found["rest"]):
        plain = bool(found["use"]) and not found["rest"].strip()
        return Verdict(Act.LEAVE, name=name) if plain else _refused("no dump tool is known to write this")
    charset, collation = _SCHEMA_CHARSET.search(found["rest"]), _SCHEMA_COLLATION.search(found["rest"])
    return Verdict(
        Act.DEFAULT,
        name=name,
        charset=charset[1].decode() if charset else "",
        collation=collation[1].decode() if collation else "",
    )


def _of_object(code: bytes, found: re.Match[bytes]) -> Verdict:
    kind, name = " ".join(found["kind"].decode().lower().split()), unquoted(found["name"])
    after = _AFTER.get(kind)
    if after is not None and not after.match(code, found.end()):
        return _refused(f"a {kind} of a dump reads otherwise")
    if kind == EVENT and not _is_plain_event(code, found.end()):
        return _refused("an event of a dump says whether it is preserved, and then whether it is enabled")
    return Verdict(Act.MAKE, kind, name)


def _is_plain_event(code: bytes, start: int) -> bool:
    """Whether the place that tells if an event runs is found by what switches it off, and by the server, too."""
    text = code.decode("latin-1")
    status = STATUS.match(text)
    if status is None:
        return False
    schedule = _QUOTED.sub(b"", code[start : status.end()])
    words = re.findall(rb"\w+", schedule.upper())
    return not set(b"'\"`") & set(schedule) and b"DO" not in words and words.count(b"PRESERVE") == 1
