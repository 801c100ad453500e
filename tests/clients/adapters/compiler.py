"""Compiles TypeScript with the locked compiler of tests/clients, without its other packages."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from cabinet_htmx.vendor import npm_command
from tests.support.clients.snippets import ROOT, node

LOCKED: Final = ROOT / "tests/clients/package-lock.json"
NEEDED: Final = ("typescript", "@types/node")
SECONDS: Final = 300
"""To download the compiler where no cache has it, on a busy machine."""


def compile_typescript(sources: Path, folder: Path) -> Path:
    """Copy a folder with its tsconfig.json, compile it, and return the folder of the programs.

    Raises AssertionError with the compiler's report if the sources have an error.
    """
    for source in (*sources.glob("*.ts"), sources / "tsconfig.json", ROOT / ".npmrc"):
        shutil.copy(source, folder)
    _write_lock(folder)
    _run(folder, *npm_command(), "ci", "--ignore-scripts", "--silent")
    _run(folder, node(), "node_modules/typescript/bin/tsc", "-p", ".")
    return folder / "out"


def _write_lock(folder: Path) -> None:
    """Write the part of the lock that the compiler needs, with its versions and hashes."""
    lock: dict[str, Any] = json.loads(LOCKED.read_text())
    packages: dict[str, Any] = lock["packages"]
    wanted = {name: packages[""]["devDependencies"][name] for name in NEEDED}
    kept, pending = {}, list(NEEDED)
    while pending:
        path = f"node_modules/{pending.pop()}"
        kept[path] = packages[path]
        pending += packages[path].get("dependencies", {})
    root = {"name": "adapters", "devDependencies": wanted}
    (folder / "package.json").write_text(json.dumps({**root, "private": True}))
    lock |= {"name": root["name"], "packages": {"": root, **kept}}
    (folder / "package-lock.json").write_text(json.dumps(lock))


def _run(folder: Path, *command: str | Path) -> None:
    done = subprocess.run(
        [str(one) for one in command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
