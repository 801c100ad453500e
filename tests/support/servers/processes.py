"""The processes of a running service, found as an attacker on its machine would find them."""

from pathlib import Path

from tests.conftest import Running


def processes(parent: int) -> dict[int, str]:
    """Return the living children of a process and their command lines."""
    commands = {}
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            status = (directory / "stat").read_text().rpartition(")")[2].split()
            command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if int(status[1]) == parent and status[0] != "Z":
            commands[int(directory.name)] = command
    return commands


def child(up: Running, name: str) -> int:
    (pid,) = [
        pid for pid, command in processes(up.process.pid).items() if f"gateway {name}" in command
    ]
    return pid


def environment_of(pid: int) -> dict[str, str]:
    """Return the variables that a process was started with."""
    variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(variable.split("=", 1) for variable in variables if "=" in variable)
