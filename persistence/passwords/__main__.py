"""`python -m persistence.passwords`: performs the tasks of the worker that started it.

Standard input is a socket with a task in each message. The process ends with the worker, whose end
of the socket is closed then.
"""

import signal
import socket
from contextlib import suppress

from persistence.passwords.tasks import MAX_MESSAGE_BYTES, Done, Task, decode_task, encode


def main() -> None:
    """Perform one task after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which finishes first
    with socket.socket(fileno=0) as worker, suppress(ConnectionError):
        while message := worker.recv(MAX_MESSAGE_BYTES):
            worker.send(encode(_performed(decode_task(message))))


def _performed(task: Task) -> Done:
    try:
        return Done(task.number, task.work.result())
    except ValueError:
        return Done(task.number, None)


if __name__ == "__main__":
    main()
