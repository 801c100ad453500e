"""The entry point of the `swapgate` command, also as `python -m gateway`."""

import os
import sys
from typing import NoReturn

from gateway.cli import main as command


def main() -> NoReturn:
    """Run the command and exit without finalizing the interpreter.

    Threads of psqlpy may still call into it, which would abort the process: about one in a hundred
    short commands. Everything of ours is closed by then.
    """
    status = 1
    try:
        command()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  what the interpreter would print
        sys.excepthook(*sys.exc_info())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
