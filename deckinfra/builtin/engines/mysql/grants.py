"""Rights on one schema and what is in it, as values: read from ``SHOW GRANTS``, given again on one of another name.

Rights on all databases, and on others than this, are none of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from deckinfra.core.documents import field_of
from deckinfra.mysql.definitions import account
from deckinfra.mysql.names import qualified, quoted
from deckinfra.mysql.rights import Naming

_NAME: Final = r"`(?:[^`]|``)*`"
_GRANT: Final = re.compile(
    rf"GRANT (?P<rights>(?:[^`]|{_NAME})+?) ON (?P<kind>(?:TABLE|SEQUENCE|PROCEDURE|FUNCTION|PACKAGE BODY|PACKAGE) )?"
    rf"(?P<schema>{_NAME})\.(?P<name>\*|{_NAME}) TO (?P<who>{_NAME}(?:@{_NAME})?)(?P<rest>.*)",
    re.DOTALL,
)
_RIGHT: Final = re.compile(rf"[A-Z][A-Z ]*[A-Z](?: \((?:{_NAME}|[^`)])*\))?")
_FURTHER: Final = re.compile(r"GRANT (?!USAGE ON )(?:PROXY ON .*|.* ON \*\.\*) TO ", re.DOTALL)
_ALL: Final = "ALL PRIVILEGES"


@dataclass(frozen=True)
class Grant:
    """Rights in one place: the schema where ``name`` is empty, else the table or, with a ``kind``, the routine.

    ``rights`` are as SQL has them, ``SELECT``, ``UPDATE (`a`)``. ``wider`` is what stands behind the schema's name
    where that is only the beginning of a pattern: ``%``.
    """

    rights: tuple[str, ...]
    name: str = ""
    kind: str = ""
    wider: str = ""
    grantable: bool = False

    @classmethod
    def parse(cls, document: Any, what: str) -> Grant:
        """Read one back; a :class:`DamagedError` that names ``what`` otherwise."""
        name, kind, wider = (field_of(document, field, str, what) for field in ("name", "kind", "wider"))
        rights = tuple(map(str, field_of(document, "rights", list, what)))
        return cls(rights, name, kind, wider, field_of(document, "grantable", bool, what))

    def document(self) -> dict[str, Any]:
        """Give it as a JSON object."""
        return {**asdict(self), "rights": list(self.rights)}

    def sql(self, who: str, schema: str, naming: Naming) -> str:
        """Give the statement that gives it to the account ``who`` on ``schema``."""
        if self.name:
            place = f"{self.kind} {qualified(schema, self.name)}".lstrip()
        else:
            place = f"{quoted(naming.pattern(schema) + self.wider)}.*"
        option = " WITH GRANT OPTION" if self.grantable else ""
        return f"GRANT {', '.join(self.rights)} ON {place} TO {account(who)}{option}"

    def without(self, others: Iterable[Grant]) -> Grant | None:
        """Give what ``others`` lack of it; None if they have it all."""
        for other in others:
            if (other.name, other.kind, other.wider) == (self.name, self.kind, self.wider):
                has_all = _ALL in other.rights
                left = tuple(right for right in self.rights if not has_all and right not in other.rights)
                if not left and (other.grantable or not self.grantable):
                    return None
                return replace(self, rights=left or self.rights)
        return self

    def __str__(self) -> str:
        return ", ".join(self.rights) + (f" on {self.name}" if self.name else "")


def grants_in(lines: Iterable[str], who: str, schema: str, naming: Naming) -> list[Grant]:
    """Read what the lines of ``SHOW GRANTS`` give to ``who`` on ``schema``.

    A pattern that means other databases, too, counts if nothing else does, as the one that the server would go by does,
    and only for this one.
    """
    found: list[Grant] = []
    patterns: list[tuple[int, Grant]] = []
    for match in filter(None, map(_GRANT.fullmatch, lines)):
        if match["who"] != account(who):
            continue
        named, name = _plain(match["schema"]), "" if match["name"] == "*" else _plain(match["name"])
        rights, kind = tuple(_RIGHT.findall(match["rights"])), (match["kind"] or "").strip()
        grant = Grant(rights, name, kind, "", "GRANT OPTION" in match["rest"])
        if name:
            found += [grant] if naming.is_same(named, schema) else []
        elif naming.fits(named, schema):
            wider = naming.beyond(named, schema)
            if wider is None:
                patterns.append((len(re.split(r"(?<!\\)[%_]", named)[0]), grant))
            else:
                found.append(replace(grant, wider=wider))
    if patterns and not any(not grant.name for grant in found):
        found.append(max(patterns, key=lambda each: each[0])[1])
    return found


def reaches_further(lines: Iterable[str], who: str) -> bool:
    """Whether ``SHOW GRANTS`` tells that ``who`` has rights on all databases, or to act for others."""
    return any(_FURTHER.match(line) and f" TO {account(who)}" in line for line in lines)


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`")
