"""Decision records are numbered without gaps, complete, indexed, and referenced correctly."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from cabinet_htmx.docs.site import DocsSite
from cabinet_htmx.shared.assets import Assets

ROOT = Path(__file__).parents[3]
DECISIONS = ROOT / "docs" / "decisions"
SECTIONS = ["Context", "Decision", "Rejected alternatives", "Consequences"]

SUFFIXES = {".css", ".go", ".html", ".js", ".lua", ".md", ".py", ".sh", ".sol", ".sql", ".toml"}
NOT_OURS = {"node_modules", "vendor", "results"}

_HEAD = re.compile(r"# (\d{4})\. (.+)\n\n- Date: (\d{4}-\d\d-\d\d)\n- Status: (.+)\n\n")
_STATUS = re.compile(r"accepted|superseded by (\d{4})")
_ROW = re.compile(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
_SECTION = re.compile(r"^## (.+)\n\n((?:(?!## ).*\n)+)", re.MULTILINE)
_REFERENCE = re.compile(r"\bdecisions?\s+(\d+)\b|\bdecisions/(\d+)", re.IGNORECASE)
_LINK = re.compile(r"\[decision (\d{4})\]\(([^)]+)\)")


class Record(msgspec.Struct, frozen=True):
    """A decision's row in the index: number, file, title, date and status."""

    number: str
    file: str
    title: str
    date: str
    status: str


def files() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def record(path: Path) -> Record:
    head = _HEAD.match(path.read_text())
    assert head is not None, f"{path.name} does not begin with its title, date and status"
    number, title, date, status = head.groups()
    return Record(number=number, file=path.name, title=title, date=date, status=status)


def every_decision() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", files(), ids=lambda path: path.name[:4])


def sources(directory: Path = ROOT) -> Iterator[Path]:
    """Return the text files of this project, without installed packages, caches and results."""
    for path in directory.iterdir():
        if path.is_dir():
            if not path.name.startswith((".", "__")) and path.name not in NOT_OURS:
                yield from sources(path)
        elif path.suffix in SUFFIXES or path.name == "Makefile":
            yield path


def unknown_references(text: str) -> list[str]:
    """Return the references in `text` that name no decision by its four digits."""
    known = {path.name[:4] for path in files()}
    found = [by_name or by_path for by_name, by_path in _REFERENCE.findall(text)]
    old = ["DECISIONS.md"] if "DECISIONS" + ".md" in text else []
    return [number for number in found if number not in known] + old


def test_numbers_start_at_one_and_have_no_gaps() -> None:
    numbers = [path.name[:4] for path in files()]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
    assert numbers


@every_decision()
def test_a_decision_has_its_number_a_date_and_a_known_status(path: Path) -> None:
    found = record(path)
    assert path.name.startswith(f"{found.number}-")
    status = _STATUS.fullmatch(found.status)
    assert status is not None, found.status
    assert status[1] is None or status[1] in {other.name[:4] for other in files()}


@every_decision()
def test_a_decision_has_every_section_in_order_and_none_is_empty(path: Path) -> None:
    sections = _SECTION.findall(path.read_text())
    assert [heading for heading, _ in sections] == SECTIONS
    assert all(text.strip() for _, text in sections)


@every_decision()
def test_links_between_decisions_lead_to_the_decision_they_name(path: Path) -> None:
    for number, file in _LINK.findall(path.read_text()):
        assert file.startswith(f"{number}-")
        assert (DECISIONS / file).is_file(), file


def test_the_index_lists_every_decision_exactly_once_and_in_order() -> None:
    rows = [Record(*row) for row in _ROW.findall((DECISIONS / "README.md").read_text())]
    assert rows == [record(path) for path in files()]


def test_every_reference_in_the_repository_names_an_existing_decision() -> None:
    unknown = {
        str(path.relative_to(ROOT)): found
        for path in sources()
        if path != Path(__file__) and (found := unknown_references(path.read_text()))
    }
    assert unknown == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("as decision 9999 says", ["9999"]),
        ("Decisions\n9999 and later", ["9999"]),
        ("docs/decisions/9999-none.md", ["9999"]),
        ("decision 3", ["3"]),
        ("see DECISIONS.md", ["DECISIONS.md"]),
        ("decision 0001", []),
    ],
)
def test_a_planted_reference_is_reported_when_it_names_no_decision(
    text: str, found: list[str]
) -> None:
    assert unknown_references(text) == found


def test_references_are_searched_in_code_tests_and_documents() -> None:
    searched = {str(path.relative_to(ROOT)) for path in sources()}
    assert {"README.md", "docs/operations.md", "gateway/settings.py"} <= searched
    assert str(Path(__file__).relative_to(ROOT)) in searched


@every_decision()
def test_a_decision_is_not_a_page_of_the_published_documentation(path: Path) -> None:
    site = DocsSite(Assets())
    assert site.has("/docs/operations")
    assert not site.has(f"/docs/decisions/{path.stem}")
