"""Partners of an installation, with receivers of their webhooks."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.cluster.topology import Cluster
from tests.conftest import memory_directory
from tests.load.orders import KnownOrders
from tests.load.partner import LoadPartner
from tests.support.clients.partner import Partner
from tests.support.servers.webhook_receiver import receiving

BUDGET: Final = 1_000_000
COUNT: Final = 4
"""Of partners, for a campaign."""


@contextmanager
def running_cluster() -> Iterator[tuple[Cluster, list[LoadPartner]]]:
    """Run an installation with partners in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="sg-cluster-", dir=memory_directory()) as directory:
        path = Path(directory)
        path.chmod(0o755)  # PostgreSQL runs as another user if this process runs as root
        with Cluster(path) as cluster, new_partners(cluster, COUNT) as partners:
            yield cluster, partners


@contextmanager
def new_partners(cluster: Cluster, count: int) -> Iterator[list[LoadPartner]]:
    """Create partners for a load, whose receivers run until the end of the context."""
    with ExitStack() as stack:
        partners = []
        for number in range(count):
            email = f"{number}@load.example"
            created = cluster.installation.partner(email)
            receiver = stack.enter_context(receiving(created.webhook_secret))
            options = ("--webhook-url", receiver.url, "--budget", str(BUDGET))
            cluster.installation.json("partner", "set", email, *options)
            api = Partner(cluster.base_url, created.api_key, created.api_secret)
            partner = LoadPartner(api, receiver, email, KnownOrders())
            partner.choose_password(created.cabinet_password, cluster.tls)
            partners.append(partner)
        yield partners
