"""An installation with a Valkey server of its own, in which something may go missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from persistence.embedded.valkey import EmbeddedValkey
from tests.conftest import DatabaseUrls
from tests.support.builders.degraded import Installation, installed
from tests.support.clients.operator_command import Operator


@pytest.fixture
async def installation(
    database_urls: DatabaseUrls, tmp_path: Path, valkey: EmbeddedValkey
) -> Installation:
    operator = Operator(database_urls, valkey, tmp_path / "instance", sandbox=False)
    return await installed(operator, valkey)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A Valkey server that a test may stop."""
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()
