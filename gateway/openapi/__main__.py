"""Write docs/openapi.json, or with --check tell whether it is what the code says."""

import sys
from pathlib import Path

from gateway.openapi.document import document

PATH = Path(__file__).parents[2] / "docs" / "openapi.json"


def main(arguments: list[str]) -> int:
    """Return the exit status."""
    made = document()
    if arguments == ["--check"]:
        if PATH.exists() and PATH.read_bytes() == made:
            return 0
        sys.stderr.write(f"{PATH.name} isn't what the code says: run `make openapi`\n")
        return 1
    PATH.write_bytes(made)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
