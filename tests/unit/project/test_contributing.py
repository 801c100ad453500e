"""CONTRIBUTING names files that exist and covers every kind of addition in few files."""

import re
from pathlib import Path

import pytest

from gateway.api import endpoints
from gateway.api.endpoint import Endpoint

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
GUIDES = (
    "an endpoint",
    "a page to the cabinet",
    "a page to the documentation",
    "an asset",
    "a chain",
    "an operator command",
    "a fee",
    "a migration",
    "a key or a command in Valkey",
    "a rate source",
    "a setting",
    "a webhook event",
)
TOP = r"(?:domain|persistence|feeds|gateway|cabinet_htmx|bench|tests|docs)"
MAX_FILES_OF_AN_ENDPOINT = 6


def guide(name: str) -> str:
    """Return the section "Add <name>"."""
    return TEXT.partition(f"\n## Add {name}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("name", GUIDES)
def test_every_kind_of_addition_has_a_guide(name: str) -> None:
    assert re.search(rf"\b{TOP}/", guide(name))


@pytest.mark.parametrize("path", sorted(set(re.findall(rf"`({TOP}/[\w./<>*-]+)`", TEXT))))
def test_every_path_in_the_guides_exists(path: str) -> None:
    """A placeholder such as <family> stands for at least one name."""
    assert list(ROOT.glob(re.sub(r"<\w+>", "*", path).rstrip("/"))), path


def test_an_endpoint_needs_at_most_six_files() -> None:
    steps = re.findall(r"^(\d+)\. ", guide("an endpoint"), re.MULTILINE)
    assert steps == [str(number + 1) for number in range(len(steps))]
    assert 0 < len(steps) <= MAX_FILES_OF_AN_ENDPOINT


def test_every_family_of_endpoints_is_in_the_table() -> None:
    families = {
        path.stem for path in Path(endpoints.__file__).parent.glob("*.py") if path.stem[0] != "_"
    }
    listed: set[str] = {
        endpoint.handle.__module__.rpartition(".")[2] for endpoint in endpoints.ENDPOINTS
    }
    assert all(isinstance(endpoint, Endpoint) for endpoint in endpoints.ENDPOINTS)
    assert listed == families
