"""The compiled adapter, with a partner for each module of tests."""

from pathlib import Path

import pytest

from tests.clients.adapters.compiler import compile_typescript
from tests.clients.adapters.edge_program import Edge
from tests.conftest import Running

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def edge_programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter in TypeScript, compiled under strict settings."""
    return compile_typescript(HERE / "edge", tmp_path_factory.mktemp("edge"))


@pytest.fixture(scope="module")
def edge(edge_programs: Path, by_hand: Running) -> Edge:
    return Edge(edge_programs, by_hand.new_partner())
