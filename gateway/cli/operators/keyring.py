"""`swapgate keyring`: the keys that encrypt stored secrets."""

from datetime import timedelta
from typing import Annotated, Any

import typer

from domain.actions.operator.keyring import KEEP, ListedKey, list_keys, reseal, rotate
from gateway.cli.command import DATA_DIR, AsJson, DataDir, Reason, group, read, run
from gateway.cli.output import show
from gateway.instance import Role

app = group("The key ring: rotate it, and encrypt stored secrets again.")

KeepDays = Annotated[
    int,
    typer.Option(
        min=0, help="Days to keep a replaced key, which also verifies cookies; 0 if it leaked."
    ),
]


@app.command("list")
def list_all(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """List the keys, the current one last, with the number of secrets that each encrypts."""
    found = read(Role.ADMIN, data_dir, lambda ports: list_keys(ports.key_ring()))
    rows = [_key_out(key) for key in found]
    show(rows, as_json=as_json, narrow=("key", "current", "inRing", "secrets"))


@app.command("rotate")
def rotate_ring(
    *, reason: Reason = "", data_dir: DataDir = DATA_DIR, as_json: AsJson = False
) -> None:
    """Add a new key that encrypts from now on, in running processes too; then run `reseal`.

    Back up the key ring before and afterwards.
    """
    name = run(
        Role.ADMIN,
        data_dir,
        lambda ports: rotate(ports.key_ring()),
        subject="key ring",
        reason=reason,
        state=lambda ports: list_keys(ports.key_ring()),
    )
    show({"current": name}, as_json=as_json)


@app.command("reseal")
def reseal_secrets(
    *,
    keep_days: KeepDays = KEEP.days,
    reason: Reason = "",
    data_dir: DataDir = DATA_DIR,
    as_json: AsJson = False,
) -> None:
    """Encrypt all secrets with the current key, and remove keys that are not needed any more.

    It runs beside the service, and can be interrupted and repeated at any time.
    """
    done = run(
        Role.ADMIN,
        data_dir,
        lambda ports: reseal(ports.key_ring(), keep=timedelta(days=keep_days)),
        subject="key ring",
        reason=reason,
        state=lambda ports: list_keys(ports.key_ring()),
    )
    show(done, as_json=as_json)


def _key_out(key: ListedKey) -> dict[str, Any]:
    return {
        "key": key.name,
        "current": key.current,
        "inRing": key.in_ring,
        "secrets": key.secrets,
        "addedAt": key.added_at,
        "supersededAt": key.superseded_at,
    }
