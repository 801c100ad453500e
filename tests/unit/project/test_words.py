"""Code and documents use the standard terms: words that were replaced do not come back."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

REPLACED = (
    *("anew", "lest", "purse", "fared", "heed", "aught", "hitherto", "putting down", "put down"),
    *("told of", "is told", "are told", "tells of", "told to", "stands still", "given up on"),
    *("taken back", "whose it is", "come what may", "by and by", "nobody's", "thereby"),
)
"""Words and phrases that a payments engineer would have to guess (see CONTRIBUTING, Rules)."""
IDENTIFIERS = (
    r"\w*(?:Desk|Door|Purse|Lane)\b",
    r"\b(?:Visit|Served|Refused|Front(?!-)|Entrance|Outlook|Patience|Closing)\b",
    r"\b_?(?:MOST|LEAST|LONGEST|LOOK|BREATH)_[A-Z]\w*",
    r"\b(?:signed_door|body_guard|unsigned_guard|retry_ladder|house_id|tell_partner)\b",
)
"""Names of the former vocabulary."""
OLD = (
    "persistence/postgres/migrations/",  # released migrations are never edited
    "docs/decisions/",  # may quote what was rejected
    "bench/results/",
    "tests/unit/project/test_words.py",
    "CHANGELOG.md",  # names what was renamed
)


def files(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    return [Path(name) for name in listed if not name.startswith(OLD) and (ROOT / name).exists()]


def occurrences(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Return the lines that match, as `path:line: text`."""
    return [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate((ROOT / path).read_text().splitlines(), start=1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("phrase", REPLACED)
def test_replaced_phrase_occurs_nowhere(phrase: str) -> None:
    pattern = re.compile(rf"\b{re.escape(phrase)}\b", re.IGNORECASE)
    paths = files("*.py", "*.md", "*.html", "*.js", "*.css", "*.toml", "Makefile")
    assert len(paths) > 500
    assert occurrences(pattern, paths) == []


@pytest.mark.parametrize("pattern", IDENTIFIERS)
def test_replaced_name_occurs_nowhere(pattern: str) -> None:
    assert occurrences(re.compile(pattern), files("*.py", "*.lua")) == []
