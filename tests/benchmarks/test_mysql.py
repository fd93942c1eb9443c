"""The benchmark of backup and restore, with few rows: it runs, and prints a table; its figures are of no meaning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.servers import IMAGES, Server

_ROOT = Path(__file__).resolve().parents[2]


def test_every_way_is_run_and_set_beside_ours(mariadb_server: Server, tmp_path: Path) -> None:
    # That fixture is there to skip the test where there is none; the benchmark starts its own.
    few = ("--rows=300", "--quiet=0.2", f"--image={IMAGES[mariadb_server.dialect]}", f"--folder={tmp_path}")
    done = subprocess.run(
        [sys.executable, str(_ROOT / "benchmarks" / "mysql.py"), *few],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cells = [line.strip("| ").split(" | ") for line in done.stdout.replace("\\|", "&").splitlines() if "|" in line]
    wanted = [row[-1] for row in cells if len(row) == 3]
    assert {"≥ 6 x", "≥ 2.3 x", "≤ 0.5", "< 0.1 %", "< 3 %", "≥ 2.4 x", "≤ 2 x", "≤ 200 MB"} <= set(wanted)
    assert {"backup", "restore", "backup, nothing changed"} <= {row[0] for row in cells if len(row) >= 4}
    assert list(tmp_path.iterdir()) == []
