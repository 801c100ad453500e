"""docs/security.md answers each requirement of ASVS 5.0, level 2, once, with what shows it."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SECURITY = (ROOT / "docs/security.md").read_text()

REQUIREMENTS = """
    1.1:2 1.2:9 1.3:11 1.4:3 1.5:2 2.1:3 2.2:3 2.3:4 2.4:1 3.2:2 3.3:4 3.4:6 3.5:5 3.7:2 4.1:3
    4.2:1 4.3:2 4.4:4 5.1:1 5.2:3 5.3:2 5.4:3 6.1:3 6.2:12 6.3:4 6.4:4 6.5:5 6.6:3 6.8:4 7.1:3
    7.2:4 7.3:2 7.4:5 7.5:2 7.6:2 8.1:2 8.2:3 8.3:1 8.4:1 9.1:3 9.2:4 10.1:2 10.2:2 10.3:4
    10.4:11 10.5:5 10.6:2 10.7:3 11.1:2 11.2:3 11.3:3 11.4:4 11.5:1 11.6:1 12.1:3 12.2:2
    12.3:4 13.1:1 13.2:5 13.3:2 13.4:5 14.1:2 14.2:4 14.3:3 15.1:3 15.2:3 15.3:7 16.1:1 16.2:5
    16.3:4 16.4:3 16.5:3 17.1:1 17.2:4 17.3:2
"""
"""The number of requirements of levels 1 and 2 in each section, which come first in it."""

ROW = re.compile(r"^\| (?P<names>V\d[^|]*) \| (?P<met>[^|]+) \| (?P<shown>.+) \|$", re.MULTILINE)
NAME = re.compile(r"V(\d+\.\d+)\.(\d+)(?: to V\1\.(\d+))?")
PATH = re.compile(r"`([\w./-]+/[\w.-]+|[\w-]+\.(?:md|toml|lock|json))`")


def required() -> Iterator[tuple[str, int]]:
    for section in REQUIREMENTS.split():
        name, _, number = section.partition(":")
        yield from ((name, one + 1) for one in range(int(number)))


def answered(names: str) -> Iterator[tuple[str, int]]:
    for one in names.split(", "):
        found = NAME.fullmatch(one)
        assert found is not None, f"{one} is no requirement or range"
        section, first, last = found.groups()
        yield from ((section, number) for number in range(int(first), int(last or first) + 1))


def test_every_requirement_is_answered_once() -> None:
    names = [one for row in ROW.finditer(SECURITY) for one in answered(row["names"])]
    assert sorted(names) == sorted(required())


def problem(row: re.Match[str]) -> str:
    paths = PATH.findall(row["shown"])
    missing = [path for path in paths if not (ROOT / path).exists()]
    if row["met"] not in ("yes", "no", "n/a", "operator"):
        return f"{row['names']}: {row['met']} is no answer"
    if row["met"] != "n/a" and not paths and row["shown"] != "below":
        return f"{row['names']}: what shows it?"
    return f"{row['names']}: {', '.join(missing)} do not exist" if missing else ""


def test_every_answer_refers_to_what_exists() -> None:
    assert [found for row in ROW.finditer(SECURITY) if (found := problem(row))] == []
