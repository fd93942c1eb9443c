"""How long Python takes to import deckinfra, and Invoke to list its tasks, beside the least that each could take.

python benchmarks/startup.py [--runs=15]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

_TRIVIAL = '''"""One task."""

from invoke import task


@task
def nothing(context):
    """Do nothing."""
'''


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="how often to measure each; the median counts")
    runs = parser.parse_args().runs
    root = Path(__file__).resolve().parent.parent
    invoke = [sys.executable, "-m", "invoke", "--list"]
    with tempfile.TemporaryDirectory() as folder:
        trivial = Path(folder)
        (trivial / "tasks.py").write_text(_TRIVIAL, encoding="utf-8")
        bare, imported = _medians(
            [sys.executable, "-c", ""], [sys.executable, "-c", "import deckinfra"], root, root, runs
        )
        least, listed = _medians(invoke, invoke, trivial, root, runs)
    print(f"bare Python                      {bare * 1000:6.0f} ms")
    print(
        f"import deckinfra                 {imported * 1000:6.0f} ms   {(imported - bare) * 1000:+.0f} ms (at most +60)"
    )
    print(f"invoke --list, one trivial task  {least * 1000:6.0f} ms")
    print(f"invoke --list, deckinfra         {listed * 1000:6.0f} ms   {listed / least:.2f} times (at most 1.60)")


def _medians(first: list[str], second: list[str], here: Path, there: Path, runs: int) -> tuple[float, float]:
    """Time two commands in turn, so that whatever else the machine does meets both."""
    pairs = [(_seconds(first, here), _seconds(second, there)) for _ in range(runs + 1)][1:]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def _seconds(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "100"})
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
