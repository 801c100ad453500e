"""What tests of the doctor share: a healthy instance, and the checks that fail."""

from pathlib import Path

import msgspec

from domain.actions.operator.doctor.chains import MIN_FREE_ADDRESSES
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import add_addresses
from tests.support.clients.operator_command import Operator, new_operator

POSTGRES_CHECKS = [
    *("database", "database-clock", "migrations", "roles", "keyring", "database-hosts"),
    "partitions",
    *("addresses", "webhooks", "endpoints"),
    "database-history",
    "chains",
    "test-networks",
    "settlement-leaders",
    "connected-assets",
    "outflows",
    "unpaid-orders",
    "limits",
    "network-fees",
    "operators",
    "approvals",
    "deposit-refunds",
    "deposit-credits",
]
VALKEY_CHECKS = [
    *("valkey", "valkey-memory", "valkey-clock", "valkey-nonces"),
    *("rates", "rate-sources"),
]
ALL_CHECKS = [
    "settings",
    *POSTGRES_CHECKS,
    *VALKEY_CHECKS,
    "assets",
    "public-origins",
    "public-metrics",
]


def healthy_operator(urls: DatabaseUrls, servers: Servers, directory: Path) -> Operator:
    """Return an instance whose checks all pass."""
    operator = new_operator(urls, servers, directory)
    for (network,) in operator.sql("SELECT name FROM networks"):
        add_addresses(urls.owner, MIN_FREE_ADDRESSES, network=network)
    operator.publish_rates()
    operator.partner()
    return operator


def failed_checks(operator: Operator, *, ok: bool) -> dict[str, str]:
    """Run the doctor; return the advice of the checks that fail, by name."""
    done = operator.run("doctor", "--json")
    document = msgspec.json.decode(done.stdout)
    assert (done.exit_code, document["ok"]) == ((0, True) if ok else (1, False)), document
    assert [check["name"] for check in document["checks"]] == ALL_CHECKS
    assert all(set(check) == {"name", "ok", "advice"} for check in document["checks"])
    assert all(check["ok"] or check["advice"] for check in document["checks"])
    return {check["name"]: check["advice"] for check in document["checks"] if not check["ok"]}


def change_instance(operator: Operator, **changes: object) -> None:
    """Change fields of the instance file."""
    path = operator.data_dir / "instance.json"
    instance = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({**instance, **changes}))
