"""The ports of the actions on retention, which need the owner of the database."""

from pathlib import Path

from domain.actions.operator.retention.policy import Policy, RetentionPorts
from gateway.wiring.operator.ports import OperatorPorts
from persistence.postgres.partitions.retention import PostgresPartitions


def retention_ports(
    ports: OperatorPorts, policy: Policy, archive: Path | None = None
) -> RetentionPorts:
    """Return what the actions need; `archive` is the directory of archives."""
    repository = PostgresPartitions(ports.settings.direct_url, archive)
    return RetentionPorts(repository, policy, ports.clock)
