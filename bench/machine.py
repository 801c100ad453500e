"""The names of the machine and of the commit that figures were measured on."""

import os
import platform
import subprocess
from pathlib import Path


def machine() -> str:
    """Return the processor, the number of available cores, kernel and Python."""
    return (
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {platform.system()} "
        f"{platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def commit() -> str:
    """Return the commit's short name, with `-changed` if the files differ from it."""
    name = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return f"{name or 'unknown'}{'-changed' if changed else ''}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607  the git on the PATH
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    return done.stdout.strip()
