from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckinfra.core.secret import Secret
from deckinfra.core.settings import Problem, SettingsGroup
from deckinfra.settings.check import check_settings
from tests.settings.support import GROUPS, STRONG, environ, git, messages, unprivileged, write

PASSWORD = "An0therL0ngRandomValue"


@pytest.fixture
def project(root: Path) -> Path:
    """Give a project in which nothing is wrong."""
    write(root / ".secrets/local/APP_SECRET_KEY", STRONG)
    write(root / ".env.local", "APP_PORT=8000\n", mode=0o644)
    for folder in (root / ".secrets", root / ".secrets/local"):
        folder.chmod(0o700)
    return root


def check(root: Path, name: str = "local", **values: str) -> list[Problem]:
    return check_settings(root, name, GROUPS, environ(**values))


def told(root: Path, name: str = "local", **values: str) -> list[str]:
    return messages(check(root, name, **values))


def test_a_configuration_without_faults_has_no_problems(project: Path) -> None:
    assert check(project) == []


def test_everything_is_told_at_once(project: Path) -> None:
    write(
        project / ".env.local",
        "APP_PORT=x\nBACKUP_KEEP_LATS=3\nAPP_PORT=y\nnonsense\nDATABASE_URL=mysql://u@h/db\n"
        "VITE_API_TOKEN=a81b\nAPP_DEBUG=1\nCORS_ORIGINS=https://a.example,*,http://b.example\nDECKINFRA_STAGE=production\n",
    )
    write(project / ".secrets/local/APP_SECRET_KEY", "changeme", mode=0o640)
    assert told(project) == [
        ".env.local line 4 is not NAME=VALUE",
        "DATABASE_PASSWORD is not set, and the database 'mysql://u@h/db' is on a server",
        "APP_PORT is 'y': it should be a valid integer, unable to parse string as an integer",
        "APP_PORT is set more than once, in lines 1 and 3",
        "BACKUP_KEEP_LATS is not a setting that anything knows",
        "APP_SECRET_KEY is a placeholder",
        "VITE_API_TOKEN would be public: Vite puts every VITE_ variable into what browsers download",
        ".secrets/local/APP_SECRET_KEY can be read by other users of this machine (mode 0640)",
        "VITE_API_TOKEN is a secret in the committed .env.local",
    ]
    write(project / ".env.local", "APP_DEBUG=1\nCORS_ORIGINS=https://a.example,*,http://b.example\n")
    write(project / ".secrets/local/APP_SECRET_KEY", STRONG)
    assert told(project, DECKINFRA_STAGE="production") == [
        "APP_DEBUG is on in production",
        "CORS_ORIGINS has the wildcard '*' in production",
        "CORS_ORIGINS has 'http://b.example' in production",
    ]


def test_a_problem_says_where_and_how_to_mend_it(project: Path) -> None:
    write(project / ".env.local", "\nAPP_PORT=x\n")
    (found,) = check(project)
    assert (found.name, found.source) == ("APP_PORT", ".env.local line 2")
    write(project / ".env.local", "\nAPP_PROT=1\n")
    (found,) = check(project)
    assert (found.name, found.source, found.hint) == ("APP_PROT", ".env.local line 2", "Did you mean APP_PORT?")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("database_ulr", "Did you mean DATABASE_URL?"),
        ("app_port", "Did you mean APP_PORT?"),
        ("ZZZ", "Remove it, or see 'invoke plugins': its plugin may not be loaded."),
    ],
)
def test_an_unknown_name_comes_with_the_likely_one(project: Path, name: str, hint: str) -> None:
    write(project / ".env.local", f"{name}=1\n")
    assert [hint] == [problem.hint for problem in check(project)]


def test_what_works_in_the_process_environment_only_is_told_in_a_file(project: Path) -> None:
    write(project / ".env.local", "DECKINFRA_PROGRESS=plain\n")
    assert told(project, DECKINFRA_PROGRESS="plain") == ["DECKINFRA_PROGRESS has no effect in a file"]


def test_names_of_the_frontend_and_of_files_are_known(project: Path) -> None:
    write(project / ".env.local", "VITE_TITLE=Decks\nAPP_SECRET_KEY_FILE=key\n")
    write(project / "key", STRONG)
    assert check(project) == []


def test_an_unknown_file_among_the_secrets_is_told(project: Path) -> None:
    write(project / ".secrets/local/APP_SECRT_KEY", STRONG)
    write(project / ".secrets/local/.tmp-1234", "left behind")
    (found,) = check(project)
    assert (found.source, found.hint) == (".secrets/local/APP_SECRT_KEY", "Did you mean APP_SECRET_KEY?")


def test_a_name_that_is_set_three_times_is_told_once(project: Path) -> None:
    write(project / ".env.local", "APP_PORT=1\nAPP_PORT=2\n\nAPP_PORT=3\n")
    assert told(project) == ["APP_PORT is set more than once, in lines 1, 2 and 4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<put yours here>", "APP_SECRET_KEY is a placeholder"),
        ("k3y", "APP_SECRET_KEY is weak: it has fewer than 12 characters"),
        ("abcabcabcabcabc", "APP_SECRET_KEY is weak: it has fewer than 6 different characters"),
    ],
)
def test_a_weak_secret_is_told_wherever_it_is_from(project: Path, text: str, message: str) -> None:
    assert told(project, APP_SECRET_KEY=text) == [message]
    write(project / ".secrets/local/APP_SECRET_KEY", text)
    (found,) = check(project)
    assert (f"{found.name} {found.message}", found.source) == (message, ".secrets/local/APP_SECRET_KEY")
    assert "'invoke env.init -e local'" in found.hint


def test_a_weak_password_in_a_url_is_told(project: Path) -> None:
    url = "mysql://u:geheim@h/db"
    assert told(project, DATABASE_URL=url) == [
        "DATABASE_URL has a password that is weak: it has fewer than 12 characters"
    ]


def test_a_weak_secret_that_nothing_makes_is_for_a_person_to_mend(root: Path) -> None:
    class Mail(SettingsGroup):
        """Mail."""

        mail_token: Secret

    (found,) = check_settings(root, "local", [Mail], environ(MAIL_TOKEN="short"))
    assert found.hint == "Use a long random one."


def test_secrets_that_others_can_read_or_change_are_told(project: Path) -> None:
    (project / ".secrets/local/APP_SECRET_KEY").chmod(0o604)
    (project / ".secrets/local").chmod(0o770)
    (project / ".secrets").chmod(0o755)
    found = check(project)
    assert messages(found) == [
        ".secrets/local can be changed by other users of this machine (mode 0770)",
        ".secrets/local/APP_SECRET_KEY can be read by other users of this machine (mode 0604)",
    ]
    assert [problem.hint for problem in found] == [
        "Run chmod 700 .secrets/local.",
        "Run chmod 600 .secrets/local/APP_SECRET_KEY.",
    ]


@pytest.mark.parametrize("line", [f"APP_SECRET_KEY={STRONG}", f"DATABASE_URL=mysql://u:{PASSWORD}@h/db"])
def test_an_env_file_with_secrets_is_for_its_owner_only(root: Path, line: str) -> None:
    write(root / ".secrets/production/APP_SECRET_KEY", STRONG)
    write(root / ".env", f"{line}\n", mode=0o644)
    assert told(root, "production") == [".env can be read by other users of this machine (mode 0644)"]
    (root / ".env").chmod(0o600)
    assert told(root, "production") == []


def test_an_env_file_without_secrets_may_be_read_by_anyone(root: Path) -> None:
    write(root / ".secrets/production/APP_SECRET_KEY", STRONG)
    write(root / ".env", "APP_PORT=1\nAPP_SECRET_KEY=\n", mode=0o644)
    assert told(root, "production") == []


def test_secrets_under_a_public_name_are_told(project: Path) -> None:
    write(project / ".env.local", f"VITE_TITLE=it is {STRONG}!\nVITE_EMPTY_SECRET=\nVITE_DB=mysql://u:p@h/db\n")
    found = check(project, VITE_SIGNING_KEY="x")
    public = [(problem.name, problem.source) for problem in found if "would be public" in problem.message]
    assert public == [
        ("VITE_SIGNING_KEY", "process environment"),
        ("VITE_TITLE", ".env.local line 1"),
        ("VITE_DB", ".env.local line 3"),
    ]


def test_a_declared_secret_under_a_public_name_is_told(root: Path) -> None:
    class Maps(SettingsGroup):
        """Maps."""

        vite_maps: Secret | None = None

    found = check_settings(root, "local", [Maps], environ(VITE_MAPS=STRONG))
    assert [problem.name for problem in found] == ["VITE_MAPS"]


def test_the_committed_files_are_searched_whichever_environment_is_checked(project: Path) -> None:
    write(project / ".env.test", f"\nAPP_SECRET_KEY={STRONG}\n")
    write(project / ".env.example", "APP_SECRET_KEY=changeme\nSTRIPE_API_KEY=sk_live_51H\n")
    write(project / ".env", f"APP_SECRET_KEY={PASSWORD}\n")
    found = check(project)
    assert messages(found) == [
        "STRIPE_API_KEY is a secret in the committed .env.example",
        "APP_SECRET_KEY is a secret in the committed .env.test",
    ]
    assert [problem.source for problem in found] == [".env.example line 2", ".env.test line 2"]


def test_a_committed_secret_is_told_once(project: Path) -> None:
    write(project / ".env.local", f"DATABASE_PASSWORD={PASSWORD}\n", mode=0o644)
    assert told(project) == ["DATABASE_PASSWORD is a secret in the committed .env.local"]


def test_what_git_has_or_would_commit_is_told(project: Path) -> None:
    git(project, "init")
    write(project / "compose.yaml", f"key: {STRONG}\n")
    write(project / ".env.local", f"DATABASE_PASSWORD={PASSWORD}\n")
    write(project / ".secrets/test/APP_SECRET_KEY", PASSWORD)
    write(project / ".secrets/.gitkeep", "")
    write(project / ".env.d/note", "")
    git(project, "add", "compose.yaml", ".secrets/test", ".secrets/.gitkeep", ".env.d")
    found = check(project)
    assert messages(found) == [
        ".secrets/test/APP_SECRET_KEY is committed",
        "compose.yaml is committed, and holds a secret",
        ".secrets/local/APP_SECRET_KEY holds a secret, and git would commit it",
        ".env.local holds a secret, and git would commit it",
    ]
    assert [problem.hint for problem in found[2:]] == [
        "Add the line /.secrets/ to .gitignore.",
        "Add the line /.env.local to .gitignore.",
    ]
    write(project / ".gitignore", "/.secrets/\n/.env.local\n")
    git(project, "rm", "--cached", "-r", "-q", ".secrets", "compose.yaml")
    assert told(project) == []


def test_what_may_not_be_looked_at_is_told_and_does_not_stop_the_rest(project: Path) -> None:
    write(project / ".env.local", "APP_PORT=x\n", mode=0o644)
    (project / ".secrets").chmod(0o000)
    with unprivileged():
        found = told(project, APP_PORT="x")
    assert found == [
        ".secrets/local cannot be looked into: Permission denied",
        "APP_PORT is 'x': it should be a valid integer, unable to parse string as an integer",
    ]


def test_a_dangling_link_among_the_secrets_is_told(project: Path) -> None:
    (project / ".secrets/local/DATABASE_PASSWORD").symlink_to("nowhere")
    expected = (
        "DATABASE_PASSWORD has no value: .secrets/local/DATABASE_PASSWORD cannot be read: No such file or directory"
    )
    assert told(project) == [expected]


def test_checking_changes_nothing(project: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in project.rglob("*"))
    (project / ".secrets/local/APP_SECRET_KEY").chmod(0o600)
    check(project)
    assert before == sorted((path, path.stat().st_mtime_ns) for path in project.rglob("*"))


LINES = st.sampled_from(
    [
        "APP_SECRET_KEY={}", "DATABASE_PASSWORD={}", "DATABASE_URL=mysql://u:{}@h/db", "DATABASE_URL=mysql://u:{}@h:x/db",
        "DATABASE_URL=mysql:u:{}@h", "BACKUP_REPOSITORY=sftp://u:{}@h/x", "BACKUP_REMOTES=a=sftp://u:{}@h/x",
        "APP_PORT=http://u:{}@h", "VITE_THING={}", "CORS_ORIGINS=https://u:{}@h", "DECKINFRA_STAGE=x://u:{}@h",
        "APP_PORT=x", "DATABASE_URL=mysql://u@h/db", "APP_DEBUG=true", "nonsense",
    ]
)  # fmt: skip
SECRETS = st.text(alphabet="abcXYZ0189/@:%+'\" ", min_size=6, max_size=16).map(lambda text: f"s{text.strip()}t")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(lines=st.lists(LINES, max_size=4), secret=SECRETS, stage=st.sampled_from(["", "production"]))
def test_no_problem_ever_holds_a_secret(root: Path, lines: Sequence[str], secret: str, stage: str) -> None:
    text = "\n".join(line.format(secret.replace(" ", "")) for line in lines)
    write(root / ".env.staging", text)
    write(root / ".secrets/staging/APP_SECRET_KEY", secret)
    for problem in check(root, "staging", DECKINFRA_STAGE=stage):
        shown = f"{problem.name} {problem.message} {problem.hint} {problem.source}"
        assert secret not in shown
        assert secret.replace(" ", "") not in shown
