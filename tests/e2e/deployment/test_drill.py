"""The drill: an installation set up by deploy/ is backed up, lost and restored on other servers."""

import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
import valkey

from tests.support.clients.partner import Partner, order_request
from tests.support.servers.confined import can_confine
from tests.support.servers.own.deployed import DEPLOY, Deployment, deployment
from tests.support.servers.own.external import HBA, SUPERUSER_PASSWORD
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

EMAIL = "team@wallet.example"
FAILED = 1
REASON = ("--reason", "restored the backup of 03:00")


def partner_of(one: Deployment, created: dict[str, str]) -> Partner:
    return Partner(one.base_url, created["apiKey"], created["apiSecret"])


def status_of(partner: Partner, order: dict[str, Any]) -> str:
    return str(partner.call("/order", {"id": order["id"], "token": order["token"]}).data["status"])


def settle(one: Deployment, partner: Partner, order: dict[str, Any]) -> None:
    deposit = ("swapgate", "sandbox", "deposit", order["id"])
    one.with_settings("operator/settlement.env", *deposit)
    wait_until(lambda: status_of(partner, order), "DONE".__eq__)


def address_of(order: dict[str, Any]) -> str:
    return str(order["from"]["address"])


def wait_for_event(receiver: Receiver, order: dict[str, Any]) -> None:
    wait_until(lambda: "DONE" in receiver.statuses(order["id"]), context=lambda: receiver.forged)


def invalid_rules(one: Deployment) -> int:
    """Count what the server rejects of the shipped pg_hba.conf, which it reads beside its own."""
    with (one.postgres.directory / "data/pg_hba.conf").open("a") as rules:
        rules.write((DEPLOY / "compose/pg_hba.conf").read_text())
    with psycopg.connect(one.postgres.superuser_url) as connection:
        found = connection.execute(
            "SELECT count(*) FILTER (WHERE error IS NOT NULL), count(*) FROM pg_hba_file_rules"
        ).fetchone()
    assert found is not None
    assert found[1] == len(HBA.splitlines()) + 3
    return int(found[0])


def set_up_sandbox(one: Deployment) -> None:
    """Set up servers, and a database of test money, in which deposits can be simulated."""
    one.init("--sandbox")
    one.with_settings("operator/migrate.env", "swapgate", "migrate")


def backup(one: Deployment, directory: Path) -> Path:
    printed = one.with_settings("operator/migrate.env", DEPLOY / "backup/backup.sh", directory)
    file, _, tables = printed.partition(": ")
    assert int(tables.split()[0]) > 40
    return Path(file)


def restore(one: Deployment, file: Path) -> None:
    """Do what docs/operations.md says, up to the start of the processes."""
    one.init()
    one.run([DEPLOY / "backup/restore.sh", file])
    again = one.run([DEPLOY / "backup/restore.sh", file], status=FAILED)
    assert "restore into an empty one" in again.stderr
    one.with_settings("operator/migrate.env", "swapgate", "migrate")
    assert all(key["inRing"] for key in one.json("keyring", "list"))
    assert "swapgate pay-in restored" in one.refusal("settlement", "settlement")
    one.json("pay-in", "restored", *REASON)
    assert one.json("reconcile") == {"differences": []}


def forget_that_nonces_were_lost(one: Deployment) -> None:
    """Do as if five minutes had passed; tests/integration/valkey has the tests of that time."""
    with valkey.Valkey.from_url(one.valkey.url(password=SUPERUSER_PASSWORD)) as administrator:
        wait_until(lambda: administrator.get("nonces:since"))
        administrator.set("nonces:since", 0)


@pytest.mark.slow
@pytest.mark.skipif(not can_confine(), reason="needs root, and Linux 6.3 or newer")
def test_partners_go_on_with_their_keys_and_orders_after_a_restore_on_other_servers(
    tmp_path: Path,
) -> None:
    with deployment(tmp_path, servers="lost") as one:
        set_up_sandbox(one)
        assert invalid_rules(one) == 0
        with one.processes():
            created = one.json("partner", "create", "--email", EMAIL)
            partner = partner_of(one, created).until_active()
            with receiving(created["webhookSecret"]) as receiver:
                one.json("partner", "set", EMAIL, "--webhook-url", receiver.url)
                paid, unpaid = (partner.call("/create", order_request()).data for _ in range(2))
                settle(one, partner, paid)
                wait_for_event(receiver, paid)
            file = backup(one, tmp_path / "backups")
            lost = [partner.call("/create", order_request()).data for _ in range(3)]
    shutil.rmtree(tmp_path / "lost")
    shutil.rmtree(tmp_path / "valkey-lost")

    with deployment(tmp_path, servers="new") as one:
        restore(one, file)
        with one.processes():
            partner = partner_of(one, created)
            assert partner.call("/pairs").code == 11, "nonces were lost with Valkey"
            forget_that_nonces_were_lost(one)
            partner.until_active()
            assert status_of(partner, paid) == "DONE"
            assert status_of(partner, unpaid) == "NEW"
            known = {address_of(order) for order in (paid, unpaid, *lost)}
            with receiving(created["webhookSecret"]) as receiver:
                one.json("partner", "set", EMAIL, "--webhook-url", receiver.url)
                orders = [partner.call("/create", order_request()).data for _ in range(5)]
                assert known.isdisjoint(map(address_of, orders))
                one.json("outflow", "on")
                settle(one, partner, orders[0])
                wait_for_event(receiver, orders[0])
                assert receiver.forged == []
            assert one.json("reconcile") == {"differences": []}
