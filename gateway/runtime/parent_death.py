"""Ends a process together with the process that started it."""

import ctypes
import os
import signal
import sys
import threading
import time
from typing import Final

PARENT_PID_VARIABLE: Final = "SWAPGATE_PARENT_PID"

POLL_SECONDS: Final = 0.1

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Send a signal to this process when its parent process ends for any reason.

    Call it early, in a supervisor's child and in each process that such a child starts: the
    environment names the expected parent, which is replaced by this process for its own children.
    Does nothing in a process that no supervisor started. On Linux the signal is also sent when the
    parent's thread ends that started this process: start children from the main thread.
    """
    expected = os.environ.get(PARENT_PID_VARIABLE)
    os.environ[PARENT_PID_VARIABLE] = str(os.getpid())
    if expected is None:
        return
    parent = int(expected)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before `prctl`
            os.kill(os.getpid(), number)
    else:
        threading.Thread(target=_follow, args=(parent, number), daemon=True).start()


def _follow(parent: int, number: signal.Signals) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), number)
