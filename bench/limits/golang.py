"""The peer in Go, built where Go and redigo are installed (Debian packages them)."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent / "go" / "main.go"
DEBIAN_GOPATH: Final = Path("/usr/share/gocode")
REDIGO: Final = DEBIAN_GOPATH / "src/github.com/gomodule/redigo"
WANTED: Final = "apt-get install golang-go golang-github-gomodule-redigo-dev"


def why_no_go() -> str | None:
    """Say what the peer in Go is missing here; None where it can be built."""
    if shutil.which("go") is None:
        return f"no peer in Go: Go isn't installed ({WANTED})"
    if not REDIGO.exists():
        return f"no peer in Go: redigo isn't installed ({WANTED})"
    return None


def build_go_peer(directory: Path) -> Path | None:
    """Build it into a directory and return the program; None where it can't be built."""
    if why_no_go() is not None:
        return None
    program = directory / "go-peer"
    subprocess.run(
        ["go", "build", "-o", str(program), SOURCE.name],  # noqa: S607  whichever is installed
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
