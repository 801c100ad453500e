"""The `swapgate` command's way in and out; `python -m gateway` is the same."""

import os
import sys
from typing import NoReturn

from gateway.cli import main as command


def main() -> NoReturn:
    """Run the command, and leave without taking the interpreter down.

    The driver's threads may still be about to call into it, which aborts the process (psqlpy, some
    one in a hundred short commands); everything of ours is closed by then.
    """
    status = 1
    try:
        command()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  this is where the interpreter would print it
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
