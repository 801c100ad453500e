"""Who runs a command: from the environment, or from the file that `operator login` writes."""

import getpass
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from domain.actions.operator.operators import Claim
from gateway.cli.failure import Failure
from gateway.instance import OPERATOR_FILE, write_private

NAME = "SWAPGATE_OPERATOR"
SECRET = "SWAPGATE_OPERATOR_SECRET"  # noqa: S105  the name of a variable
NOT_PRIVATE = 0o077


def claim_of(data_dir: Path, environment: Mapping[str, str]) -> Claim | None:
    """Return the operator's name and secret, if any are given; raise Failure."""
    name, secret = environment.get(NAME), environment.get(SECRET)
    if name and secret:
        return Claim(name, secret)
    if name or secret:
        raise Failure(f"{SECRET if name else NAME} is not set: an operator needs both")
    return _signed_in(data_dir / OPERATOR_FILE)


def store_claim(data_dir: Path, claim: Claim) -> Path:
    """Write the file that identifies the operator from now on; return its path. Raises Failure."""
    path = data_dir / OPERATOR_FILE
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, msgspec.json.encode(claim))
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}") from None
    return path


def system_user() -> str:
    """Return the name of the operating system's user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _signed_in(path: Path) -> Claim | None:
    try:
        if path.stat().st_mode & NOT_PRIVATE:
            raise Failure(f"{path} can be read by others: run `chmod 600 {path}`")
        return msgspec.json.decode(path.read_bytes(), type=Claim)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise Failure(f"{path} cannot be read: {error}") from None
