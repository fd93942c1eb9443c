"""Loading plugins happens at every start, so it brings in nothing that it need not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("pydantic", "sqlalchemy", "alembic", "rich", "importlib.metadata", "sqlite3", "subprocess")


def test_loading_the_plugins_in_the_box_imports_no_vendor_and_no_metadata(tmp_path: Path) -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "from pathlib import Path; from deckinfra.plugins import PluginManager\n"
        "sys.path = [each for each in sys.path if 'site-packages' not in each]\n"
        "manager = PluginManager.load(Path.cwd(), {}); manager.collections()\n"
        f"print([name for name in {HEAVY!r} if name in set(sys.modules) - before])\n"
        "print(*manager.environments, *manager.engines, *manager.stores)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "local docker sqlite mysql mariadb client file"]
