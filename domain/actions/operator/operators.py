"""Operator identities: named people, each with a secret of which only a hash is stored."""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from domain.clock import Clock
from domain.errors import AuthInvalid, InvalidCommand, NotFound
from domain.partners.credentials import Randomness

SECRET_BYTES = 32
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}", re.ASCII)


class Operator(msgspec.Struct, frozen=True):
    """A registered operator; `disabled_at` is None while the operator may act."""

    name: str
    created_at: datetime
    disabled_at: datetime | None


class Claim(msgspec.Struct, frozen=True):
    """The name and the secret that a caller presents."""

    name: str
    secret: str

    def __repr__(self) -> str:
        """Hide the secret."""
        return f"Claim({self.name!r})"


class Identity(msgspec.Struct, frozen=True):
    """Who acts; `verified` if the name was proved with a secret."""

    name: str
    verified: bool


class OperatorRepository(Protocol):
    """Operators. Each method raises Unavailable."""

    async def all(self) -> Sequence[Operator]:
        """Return all operators, by name."""

    async def secret_hash(self, name: str) -> bytes | None:
        """Return the SHA-256 of an enabled operator's secret; None without such an operator."""

    async def store(self, name: str, secret_hash: bytes, now: datetime) -> bool:
        """Store an operator, or enable a disabled one again with this secret; else False."""

    async def disable(self, name: str, now: datetime) -> bool:
        """Disable an operator, unless it is the last one; False if nothing was changed."""


class OperatorIdentityPorts(msgspec.Struct, frozen=True):
    """What the actions on operators need."""

    repository: OperatorRepository
    clock: Clock
    randomness: Randomness


async def identify(
    operators: OperatorRepository, claim: Claim | None, *, system_user: str
) -> Identity:
    """Return who acts; raise AuthInvalid.

    Until the first operator is registered, that is the user of the operating system, unverified;
    from then on, everybody needs a secret.
    """
    if claim is not None:
        stored = await operators.secret_hash(claim.name)
        given = hash_of(claim.secret)
        if not hmac.compare_digest(stored or bytes(len(given)), given):
            raise AuthInvalid("there is no such operator with this secret, or it is disabled")
        return Identity(claim.name, verified=True)
    if await operators.all():
        raise AuthInvalid(
            "operators are registered: run `swapgate operator login NAME`, or set "
            "SWAPGATE_OPERATOR and SWAPGATE_OPERATOR_SECRET"
        )
    return Identity(system_user, verified=False)


async def add_operator(ports: OperatorIdentityPorts, name: str) -> Claim:
    """Register an operator, or enable a disabled one again; return the new secret.

    Raises InvalidCommand.
    """
    if not _NAME.fullmatch(name):
        raise InvalidCommand(
            f"{name!r} is not an operator's name: 1 to 32 of a-z, 0-9, dot, underscore and hyphen"
        )
    secret = base64.urlsafe_b64encode(ports.randomness(SECRET_BYTES)).decode().rstrip("=")
    if not await ports.repository.store(name, hash_of(secret), ports.clock.now()):
        raise InvalidCommand(f"there is an operator {name} already")
    return Claim(name, secret)


async def list_operators(operators: OperatorRepository) -> Sequence[Operator]:
    """Return all operators, by name."""
    return await operators.all()


async def show_operator(operators: OperatorRepository, name: str) -> Operator:
    """Return an operator; raise NotFound."""
    found = {one.name: one for one in await operators.all()}
    if name not in found:
        raise NotFound(f"there is no operator {name}")
    return found[name]


async def disable_operator(ports: OperatorIdentityPorts, name: str) -> Operator:
    """Disable an operator from now on; raise NotFound, and InvalidCommand for the last one."""
    if not await ports.repository.disable(name, ports.clock.now()):
        await show_operator(ports.repository, name)
        raise InvalidCommand(f"{name} is disabled already, or is the last enabled operator")
    return await show_operator(ports.repository, name)


def hash_of(secret: str) -> bytes:
    """Return the SHA-256 of a secret; it is random, so it needs no slow hash."""
    return hashlib.sha256(secret.encode()).digest()
