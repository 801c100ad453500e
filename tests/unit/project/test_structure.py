"""The limits of the tree: small folders, short modules, and no passage written twice."""

import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[3]

MAX_MODULES = 14
MAX_LINES = 400
MAX_MEDIAN_LINES = 90
MAX_REPEATED_LINES = 11
PACKAGES = (
    "domain",
    "persistence",
    "feeds",
    "gateway",
    "cabinet_htmx",
    "supply_chain",
    "bench",
    "tests",
)
NOT_COMPARED = ("bench/limits/peer.py", "gateway/api/examples.py")
"""A benchmark's peer, written as users of its framework would; the table of examples, whose values
the contract's tests state literally."""


def modules() -> list[Path]:
    """Return the modules of the project, relative to its root."""
    listed = subprocess.run(
        ["git", "ls-files", *(f"{package}/*.py" for package in PACKAGES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return [Path(name) for name in listed if (ROOT / name).exists()]


def lines_of(module: Path) -> list[str]:
    return (ROOT / module).read_text().splitlines()


def test_no_folder_has_more_than_fourteen_modules() -> None:
    sizes = Counter(module.parent for module in modules() if module.name != "__init__.py")
    assert len(sizes) > 20
    assert {str(folder): size for folder, size in sizes.items() if size > MAX_MODULES} == {}


def test_no_module_has_more_than_four_hundred_lines_and_most_have_at_most_ninety() -> None:
    lengths = {module: len(lines_of(module)) for module in modules()}
    assert {str(module): size for module, size in lengths.items() if size > MAX_LINES} == {}
    product = [
        size
        for module, size in lengths.items()
        if module.parts[0] not in ("tests", "bench") and module.name != "__init__.py"
    ]
    assert median(product) <= MAX_MEDIAN_LINES


def statements(module: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines that say something: no blanks, imports or brackets."""
    for number, line in enumerate(lines_of(module), start=1):
        text = line.strip()
        if len(text) > 1 and not text.startswith(("import ", "from ", "#", '"""')):
            yield number, text


def repeated(found: dict[str, list[tuple[int, str]]], length: int) -> list[str]:
    """Return passages of `length` lines that occur in two places, as `a.py:1 b.py:7`."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, lines in found.items():
        for start in range(len(lines) - length + 1):
            window = lines[start : start + length]
            places[tuple(text for _, text in window)].append(f"{name}:{window[0][0]}")
    return [" ".join(where) for where in places.values() if len(where) > 1]


def test_no_passage_of_twelve_lines_occurs_twice() -> None:
    found = {
        str(module): list(statements(module))
        for module in modules()
        if str(module) not in NOT_COMPARED
    }
    assert repeated(found, MAX_REPEATED_LINES + 1) == []


@pytest.mark.parametrize(("copied", "reported"), [(11, False), (12, True)])
def test_a_copied_passage_is_reported_from_twelve_lines_on(copied: int, *, reported: bool) -> None:
    passage = [(number, f"step({number})") for number in range(copied)]
    found = {"a.py": [(0, "a = 1"), *passage], "b.py": [(0, "b = 1"), *passage, (99, "c = 1")]}
    assert bool(repeated(found, MAX_REPEATED_LINES + 1)) is reported
