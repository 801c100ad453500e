"""Programs with no more rights than deploy/ leaves them: a user who can write only /tmp."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

PROGRAM: Final = """\
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0, "PR_SET_MDWE"
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""What MemoryDenyWriteExecute= of systemd does, on Linux 6.3 or newer."""

SHELL: Final = """\
user=$1 temporary=$2 closed=$3 python=$4; shift 4
mkdir -p "$temporary" && chown "$user" "$temporary"
if [ -n "$closed" ]; then
  mount --bind "$python" "$temporary"
  mount --types tmpfs --options mode=755 tmpfs "$closed"
  mkdir -p "$python"
  mount --move "$temporary" "$python"
fi
mount --types tmpfs --options noexec,nosuid,nodev,mode=1777 tmpfs "$temporary"
mount --options remount,bind,ro /
exec setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --bounding-set=-all \\
  --inh-caps=-all "$@"
"""
"""All mounts are those of a new namespace. Python may be in the home directory of root."""


def can_confine() -> bool:
    """Return whether this user may do so, on this kernel."""
    release = os.uname().release.split(".")
    return os.geteuid() == 0 and (int(release[0]), int(release[1])) >= (6, 3)


def confined(
    argv: Sequence[str], *, user: int, temporary: Path, environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return a command that runs another one confined, and its whole environment.

    The root file system is read-only, no capability is left or can be got, no memory becomes
    executable, and `temporary` is the directory for temporary files. Other file systems, such as
    one in memory that tests use, are as they are: their files belong to root.
    """
    places = (temporary, closed_directory(Path(sys.base_prefix)), sys.base_prefix)
    shell = ["unshare", "--mount", "sh", "-euc", SHELL, "sh", str(user), *map(str, places)]
    return (
        [*shell, sys.executable, "-c", PROGRAM, *argv],
        {"PATH": os.environ["PATH"], "TMPDIR": str(temporary), "HOME": "/", **environment},
    )


def closed_directory(path: Path) -> Path | str:
    """Return the directory that keeps other users from a path; empty if none does."""
    closed = [part for part in path.parents if not part.stat().st_mode & 0o001]
    return closed[-1] if closed else ""
