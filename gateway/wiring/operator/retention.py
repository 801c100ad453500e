"""The ports of the actions on retention, which need the owner of the database."""

from collections.abc import Sequence
from pathlib import Path

from domain.actions.operator.retention.policy import (
    PlannedPartition,
    Policy,
    RetentionPorts,
    plan,
)
from gateway.wiring.operator.ports import OperatorPorts
from persistence.postgres.health import read_server
from persistence.postgres.partitions.retention import PostgresPartitions


def retention_ports(
    ports: OperatorPorts, policy: Policy, archive: Path | None = None
) -> RetentionPorts:
    """Return what the actions need; `archive` is the directory of archives."""
    repository = PostgresPartitions(ports.settings.direct_url, archive)
    return RetentionPorts(repository, policy, ports.clock)


async def read_plan(ports: OperatorPorts, policy: Policy) -> Sequence[PlannedPartition]:
    """Return what the policy does with each partition; without a server, fail as other commands."""
    await read_server(ports.database)
    return await plan(retention_ports(ports, policy))
