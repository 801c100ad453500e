"""Write docs/openapi.json; with --check, verify that it is up to date."""

import sys
from pathlib import Path

from gateway.openapi.document import document

PATH = Path(__file__).parents[2] / "docs" / "openapi.json"


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    generated = document()
    if arguments == ["--check"]:
        if PATH.exists() and PATH.read_bytes() == generated:
            return 0
        sys.stderr.write(f"{PATH.name} is out of date: run `make openapi`\n")
        return 1
    PATH.write_bytes(generated)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
