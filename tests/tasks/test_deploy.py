from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from deckinfra.services.memory import Deployment, StackMemory
from deckinfra.system.processes import Owner
from tests.tasks.support import REPOSITORY, Project


def test_status_shows_the_database_the_schema_and_the_proof(project: Project) -> None:
    assert project.invoke("setup").code == 0
    shown = project.invoke("status")
    assert (shown.code, shown.err) == (0, "")
    assert "Environment 'local' (kind local, development)" in shown.out
    assert "schema:      0001, up to date" in shown.out
    (proof,) = [line for line in shown.out.splitlines() if line.startswith("last proof:")]
    assert proof.endswith("  drill")
    assert project.invoke("status", "--json").document["migrations"]["state"] == "up to date"
    assert project.invoke("db.backup").code == 0
    assert "  drill  (of an older backup)\n" in project.invoke("status").out


def test_status_of_what_is_not_there_yet_says_so_and_ends_with_13(project: Project) -> None:
    shown = project.invoke("status")
    assert shown.code == 13
    assert "WRONG  database: there is none yet" in shown.out
    assert "WRONG  settings: APP_SECRET_KEY is not set" in shown.out
    assert "3 things wrong with 'local'" in shown.err


def test_an_environment_without_a_stack_is_not_deployed(project: Project) -> None:
    assert project.invoke("env.init").code == 0
    ran = project.invoke("deploy")
    assert ran.code == 2
    assert "the environment 'local' has no stack" in ran.err


def test_a_deployment_with_wrong_settings_is_refused_with_all_of_them(project: Project) -> None:
    project.write(".env.local", "DATABASE_URL=nonsense\nBACKUP_THREADS=many\nAPP_PORT=0\n")
    ran = project.invoke("deploy")
    assert ran.code == 3
    for name in ("DATABASE_URL", "BACKUP_THREADS", "APP_PORT", "APP_SECRET_KEY"):
        assert name in ran.err
    assert not (project.root / "var").exists()


def test_going_back_needs_a_deployment_that_broke_off_and_consent(project: Project) -> None:
    refused = project.invoke("deploy", "--back", "--yes")
    assert (refused.code, "no deployment of 'local' broke off" in refused.err) == (10, True)
    owner = replace(Owner.me("deploy"), pid=1, boot="another/boot")
    left = Deployment(owner, "start", owner.since, "", {"web": ("shop:1", "sha256:0")}, "")
    StackMemory(project.root, "local").note(left)
    asked = project.invoke("deploy", "--back")
    assert asked.code == 10
    assert "consent is needed to replace what runs by what ran before the deployment that began at" in asked.err
    shown = project.invoke("status")
    assert "WRONG  deployment: the deployment of 'local' that began at" in shown.out


def test_the_script_says_how_it_is_used(tmp_path: Path) -> None:
    script = REPOSITORY / "scripts" / "deploy.sh"
    shown = subprocess.run([script, "--help"], capture_output=True, text=True, check=True, timeout=20)
    assert "scripts/deploy.sh [ENVIRONMENT]" in shown.stdout


def test_the_script_needs_the_project_to_be_installed(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "deploy.sh"
    script.write_bytes((REPOSITORY / "scripts" / "deploy.sh").read_bytes())
    ran = subprocess.run(["bash", script, "staging"], capture_output=True, text=True, check=False, timeout=20)
    assert ran.returncode == 3
    assert "hint: Nothing was done. Run scripts/setup-env.sh --env=staging first." in ran.stderr


def test_the_script_deploys_production_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".env").touch()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    script = tmp_path / "scripts" / "deploy.sh"
    script.write_bytes((REPOSITORY / "scripts" / "deploy.sh").read_bytes())
    invoke = tmp_path / ".venv" / "bin" / "invoke"
    invoke.write_text('#!/bin/sh\nprintf "%s\\n" "$PWD" "$@"\n')
    invoke.chmod(0o755)

    def ran(*arguments: str) -> list[str]:
        command = ["bash", str(script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines()

    assert ran() == [str(tmp_path), "deploy", "--env=production"]
    assert ran("--json") == [str(tmp_path), "deploy", "--env=production", "--json"]
    assert ran("staging", "--debug") == [str(tmp_path), "deploy", "--env=staging", "--debug"]
