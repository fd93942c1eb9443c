"""What ``setup.cfg`` says about the project itself, before any environment is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ParserError
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deckinfra.core.names import closest, is_name
from deckinfra.errors import ConfigurationError

SECTION: Final = "deckinfra"
VARIABLE: Final = "DECKINFRA_ENVIRONMENT"
"""The variable of the process environment that chooses the environment where no ``-e`` does."""

_KEYS: Final = ("name", "default_environment", "require_plugins", "migrations")


@dataclass(frozen=True)
class ProjectConfig:
    """The project in the folder ``root``: its name, and what it wants without being asked.

    ``require_plugins`` are names of plugins without which nothing runs; ``migrations`` is the folder
    of the Alembic environment.
    """

    root: Path
    name: str
    default_environment: str
    require_plugins: tuple[str, ...]
    migrations: Path


def read_project(root: Path, environ: Mapping[str, str] | None = None) -> ProjectConfig:
    """Read the section ``[deckinfra]`` of ``setup.cfg`` in ``root``; every key, and the file, may be absent.

    ``DECKINFRA_ENVIRONMENT`` in ``environ``, the process environment, goes before ``default_environment``.
    Raises :class:`ConfigurationError` for a file that cannot be read or parsed, an unknown key, or
    an unusable value.
    """
    values = _section(root / "setup.cfg")
    for key in values:
        if key not in _KEYS:
            meant = closest(key, _KEYS)
            advice = f"Did you mean '{meant}'?" if meant else f"Known: {', '.join(_KEYS)}."
            raise ConfigurationError(f"setup.cfg has an unknown key '{key}' in [{SECTION}]", hint=advice)
    given = (environ or {}).get(VARIABLE)
    environment = given or values.get("default_environment") or "local"
    if not is_name(environment):
        place = (
            f"{VARIABLE} is '{environment}'"
            if given
            else (f"setup.cfg has '{environment}' as default_environment in [{SECTION}]")
        )
        raise ConfigurationError(
            f"{place}, which cannot be a name",
            hint="Names start with a lower-case letter; lower-case letters, digits, '-' and '_' may follow.",
        )
    return ProjectConfig(
        root=root,
        name=values.get("name") or root.name or "project",
        default_environment=environment,
        require_plugins=tuple(values.get("require_plugins", "").replace(",", " ").split()),
        migrations=root / (values.get("migrations") or "migrations"),
    )


def _section(path: Path) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, default_section="")
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"), source="setup.cfg")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}", hint="Nothing was done. Make it a file that you may read."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text", hint="Save it as UTF-8.") from error
    except ParserError as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            f"{path} cannot be parsed: {reason}", hint="Mend setup.cfg; nothing was done."
        ) from error
    return dict(parser[SECTION]) if parser.has_section(SECTION) else {}
