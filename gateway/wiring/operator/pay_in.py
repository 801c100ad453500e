"""The ports of pay-in accounts, and of dealing with a restored database."""

from typing import TYPE_CHECKING

from domain.actions.operator.pay_in import PayInPorts
from domain.actions.operator.settlement.restored import RestorePorts
from feeds.settlement.addresses.derivation import checked_account, derive
from persistence.postgres.chains.pay_in.operator import PostgresOperatorPayInRepository
from persistence.postgres.chains.pay_in.restored import PostgresRestoredDatabase
from persistence.valkey.history import read_marker

if TYPE_CHECKING:
    from gateway.wiring.operator.ports import OperatorPorts


def pay_in_ports(ports: "OperatorPorts") -> PayInPorts:
    """Return the ports of pay-in accounts."""
    return PayInPorts(
        repository=PostgresOperatorPayInRepository(ports.database),
        checked=checked_account,
        derive=lambda account, count: derive(account, start=0, count=count),
    )


def restore_ports(ports: "OperatorPorts") -> RestorePorts:
    """Return the ports, over the connections of one command."""
    return RestorePorts(
        history=PostgresRestoredDatabase(ports.database),
        pay_in=ports.pay_in().repository,
        outflows=ports.outflows(),
        marker=lambda: read_marker(ports.valkey),
        derive=lambda account, start, count: derive(account, start=start, count=count),
        clock=ports.clock,
    )
