"""The Go peer, built if Go and redigo are installed (from Debian packages)."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent / "go" / "main.go"
DEBIAN_GOPATH: Final = Path("/usr/share/gocode")
REDIGO: Final = DEBIAN_GOPATH / "src/github.com/gomodule/redigo"
INSTALL: Final = "apt-get install golang-go golang-github-gomodule-redigo-dev"


def why_no_go() -> str | None:
    """Return why the Go peer cannot be built, or None if it can."""
    if shutil.which("go") is None:
        return f"No Go peer: Go is not installed ({INSTALL})"
    if not REDIGO.exists():
        return f"No Go peer: redigo is not installed ({INSTALL})"
    return None


def build_go_peer(directory: Path) -> Path | None:
    """Build the Go peer in a directory; return the program, or None if it cannot be built."""
    if why_no_go() is not None:
        return None
    program = directory / "go-peer"
    subprocess.run(
        ["go", "build", "-o", str(program), SOURCE.name],  # noqa: S607  the go on the PATH
        check=True,
        cwd=SOURCE.parent,
        env={
            **os.environ,
            "GO111MODULE": "off",
            "GOPATH": str(DEBIAN_GOPATH),
            "GOCACHE": str(directory / "go-cache"),
            "GOFLAGS": "",
        },
    )
    return program
