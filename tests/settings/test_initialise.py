from __future__ import annotations

import os
import stat
import string
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckinfra.core.secret import Secret
from deckinfra.core.settings import SettingsGroup, setting
from deckinfra.errors import ConfigurationError
from deckinfra.settings.check import check_settings
from deckinfra.settings.groups import ApplicationSettings, DatabaseSettings
from deckinfra.settings.initialise import Change, initialise
from deckinfra.settings.load import load_settings
from tests.settings.support import GROUPS, STRONG, environ, unprivileged, write


def init(root: Path, name: str = "local", **values: str) -> list[Change]:
    return initialise(root, name, GROUPS, environ(**values))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def tree(root: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}


def test_a_bare_folder_gets_an_env_file_and_the_secrets_that_are_needed(root: Path) -> None:
    found = init(root)
    assert found == [
        Change(".env.local", "env file with every setting and its default"),
        Change(".secrets/local/APP_SECRET_KEY", "new secret, readable by you only"),
    ]
    assert str(found[1]) == ".secrets/local/APP_SECRET_KEY: new secret, readable by you only"
    assert check_settings(root, "local", GROUPS, environ()) == []
    secret = (root / ".secrets/local/APP_SECRET_KEY").read_text()
    assert set(secret.removesuffix("\n")) <= set(string.ascii_letters + string.digits)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_secrets_are_for_their_owner_only_whatever_the_umask(root: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        init(root)
        init(root, "production")
    finally:
        os.umask(before)
    assert [mode(root / name) for name in (".secrets", ".secrets/local", ".secrets/production")] == [0o700] * 3
    assert mode(root / ".secrets/local/APP_SECRET_KEY") == 0o600
    assert (mode(root / ".env.local"), mode(root / ".env")) == (0o644, 0o600)


def test_in_production_the_database_is_left_to_be_chosen(root: Path) -> None:
    (change, *_) = init(root, "production")
    assert change == Change(".env", "env file with every setting and its default; DATABASE_URL is left to you")
    assert [problem.name for problem in check_settings(root, "production", GROUPS, environ())] == ["DATABASE_URL"]
    text = (root / ".env").read_text()
    (root / ".env").write_text(text.replace("DATABASE_URL=?", "DATABASE_URL=sqlite:///var/app.db"))
    assert init(root, "production") == []
    assert check_settings(root, "production", GROUPS, environ()) == []


def test_a_database_that_is_chosen_elsewhere_is_not_asked_for(root: Path) -> None:
    values = {"DATABASE_URL": "sqlite:///var/chosen.db"}
    assert init(root, "production", **values)[0] == Change(".env", "env file with every setting and its default")
    assert check_settings(root, "production", GROUPS, environ(**values)) == []


def test_a_second_run_changes_nothing(root: Path) -> None:
    init(root)
    before = tree(root)
    assert init(root) == []
    assert tree(root) == before


def test_each_environment_gets_secrets_of_its_own(root: Path) -> None:
    for name in ("local", "test"):
        init(root, name)
    made = {(root / f".secrets/{name}/APP_SECRET_KEY").read_text() for name in ("local", "test")}
    assert len(made) == 2


def test_a_database_on_a_server_gets_a_password(root: Path) -> None:
    write(root / ".env.local", "DATABASE_URL=mysql://u@h/db\n")
    assert [change.path for change in init(root)] == [
        ".secrets/local/DATABASE_PASSWORD",
        ".secrets/local/APP_SECRET_KEY",
    ]
    assert init(root) == []


@pytest.mark.parametrize(
    "text",
    [
        "DATABASE_URL=mysql://u:s0meth1ngLong@h/db\n",
        "DATABASE_URL=mysql://u@h/db\nDATABASE_PASSWORD=changeme\n",
        "DATABASE_URL=nonsense\n",
        "DATABASE_URL=mysql://u@h/db\nDATABASE_PASSWORD_FILE=/no/where\n",
    ],
)
def test_what_a_person_set_stays_even_if_it_is_wrong(root: Path, text: str) -> None:
    write(root / ".env.local", text)
    write(root / ".secrets/local/APP_SECRET_KEY", "x")
    before = tree(root)
    assert init(root) == []
    assert tree(root) == before


def test_an_empty_or_unreadable_secret_is_not_replaced(root: Path) -> None:
    write(root / ".env.local", "")
    path = write(root / ".secrets/local/APP_SECRET_KEY", "")
    assert init(root) == []
    assert path.read_text() == ""


def test_a_value_in_the_process_environment_needs_no_file(root: Path) -> None:
    write(root / ".env.local", "")
    assert init(root, APP_SECRET_KEY=STRONG) == []
    assert not (root / ".secrets").exists()


def test_an_env_file_that_cannot_be_read_is_left_alone(root: Path) -> None:
    (root / ".env.local").mkdir()
    init(root)
    assert (root / ".env.local").is_dir()


def test_a_dangling_link_is_left_alone(root: Path) -> None:
    (root / ".env.local").symlink_to("nowhere")
    init(root)
    assert (root / ".env.local").readlink() == Path("nowhere")


def test_a_folder_that_may_not_be_written_is_an_error(root: Path) -> None:
    with unprivileged(), pytest.raises(ConfigurationError, match=r"^\.env\.local cannot be written: Permission denied"):
        init(root)
    write(root / ".env.local", "", mode=0o644)
    with unprivileged(), pytest.raises(ConfigurationError, match=r"^\.secrets cannot be written: Permission denied"):
        init(root)


def test_a_file_where_the_folder_of_secrets_should_be_is_an_error(root: Path) -> None:
    write(root / ".secrets", "")
    with pytest.raises(ConfigurationError) as caught:
        init(root)
    assert caught.value.message == ".secrets/local cannot be written: Not a directory"
    assert "unchanged" in caught.value.hint


def test_a_secret_that_somebody_else_writes_meanwhile_is_theirs(root: Path) -> None:
    path = root / ".secrets/local/KEY"

    def slow() -> str:
        write(path, STRONG)
        return "too late"

    class Slow(SettingsGroup):
        """Slow."""

        key: Secret = setting(description="", generate=slow)

    assert [change.path for change in initialise(root, "local", [Slow], environ())] == [".env.local"]
    assert path.read_text() == STRONG


def test_several_at_once_write_each_file_once(root: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from deckinfra.settings.initialise import initialise\n"
        "from deckinfra.builtin.standard_settings import deckinfra_settings\n"
        "sys.stdin.readline()\n"
        "for change in initialise(Path(sys.argv[1]), 'local', deckinfra_settings(), {}): print(change.path)"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for run in runs:
        assert run.stdin
        run.stdin.write("go\n")
        run.stdin.flush()
    written = [line for run in runs for line in run.communicate(timeout=60)[0].split()]
    assert sorted(written) == [".env.local", ".secrets/local/APP_SECRET_KEY"]
    assert check_settings(root, "local", GROUPS, environ()) == []


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True).filter(lambda name: name != "example")
VALUES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\ufeff"), min_size=1)


def makes(value: str) -> Callable[[], str]:
    return lambda: value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(name=NAMES, values=st.lists(VALUES, min_size=1, max_size=3), taken=st.integers(0, 3))
def test_what_init_writes_load_reads(root: Path, name: str, values: Sequence[str], taken: int) -> None:
    place = Path(tempfile.mkdtemp(dir=root))
    body = {f"key{i}": setting(description="", generate=makes(value)) for i, value in enumerate(values)}
    kinds = {"__annotations__": dict.fromkeys(body, Secret), "__module__": __name__, "__doc__": "Made."}
    group: type[SettingsGroup] = type("Made", (SettingsGroup,), kinds | body)
    mine = [f"KEY{i}" for i in range(min(taken, len(values)))]
    for variable in mine:
        write(place / f".secrets/{name}/{variable}", STRONG)
    groups: list[type[SettingsGroup]] = [group, ApplicationSettings, DatabaseSettings]
    changes = initialise(place, name, groups, environ())
    loaded = load_settings(place, name, groups, environ())
    for i, value in enumerate(values):
        expected = STRONG if f"KEY{i}" in mine else value
        assert loaded.values[f"KEY{i}"].text == expected
        assert getattr(loaded.group(group), f"key{i}") == Secret(expected)
    key = (place / f".secrets/{name}/APP_SECRET_KEY").read_text().removesuffix("\n")
    assert loaded.group(ApplicationSettings).app_secret_key == Secret(key)
    assert not {Path(change.path).name for change in changes} & set(mine)
    assert initialise(place, name, groups, environ()) == []
