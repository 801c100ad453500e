"""The lint of migrations rejects what blocks writes under load or breaks the version before."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = Path(__file__).parents[3] / ".squawk.toml"
SQUAWK = Path(sys.executable).with_name("squawk")

CONCURRENT_INDEX = """
-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders_rate;
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_rate ON orders (rate);
"""


def lint(
    tmp_path: Path, sql: str, *, name: str = "0200-step.sql"
) -> subprocess.CompletedProcess[str]:
    """Run the lint with the project's configuration on one migration."""
    folder = tmp_path / "migrations"
    folder.mkdir(parents=True)
    (folder / name).write_text(sql)
    shutil.copy(CONFIG, tmp_path)
    return subprocess.run(
        [SQUAWK, "--no-error-on-unmatched-pattern", "--reporter", "gcc", f"migrations/{name}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("CREATE INDEX orders_rate ON orders (rate);", "require-concurrent-index-creation"),
        ("ALTER TABLE orders DROP COLUMN rate;", "ban-drop-column"),
        ("ALTER TABLE orders RENAME COLUMN rate TO price;", "renaming-column"),
        ("ALTER TABLE orders RENAME TO swaps;", "renaming-table"),
        ("ALTER TABLE orders ADD CHECK (version > 0);", "constraint-missing-not-valid"),
        ("ALTER TABLE orders ALTER COLUMN choice SET NOT NULL;", "adding-not-nullable-field"),
        ("ALTER TABLE orders ALTER COLUMN version TYPE bigint;", "changing-column-type"),
    ],
)
def test_a_migration_that_blocks_or_breaks_is_rejected(tmp_path: Path, sql: str, rule: str) -> None:
    result = lint(tmp_path, sql)
    assert result.returncode == 1
    assert rule in result.stdout


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE notes (id uuid PRIMARY KEY, amount numeric); CREATE INDEX ON notes (amount);",
        "ALTER TABLE orders ADD COLUMN note text;",
        "ALTER TABLE orders ADD CONSTRAINT positive CHECK (version > 0) NOT VALID;",
        "ALTER TABLE orders VALIDATE CONSTRAINT positive;",
        CONCURRENT_INDEX,
    ],
)
def test_the_way_to_do_it_is_accepted(tmp_path: Path, sql: str) -> None:
    result = lint(tmp_path, sql)
    assert result.returncode == 0, result.stdout


def test_only_migrations_from_before_the_lint_are_exempt(tmp_path: Path) -> None:
    drop = "ALTER TABLE orders DROP COLUMN rate;"
    assert lint(tmp_path / "a", drop, name="0127-step.sql").returncode == 0
    assert lint(tmp_path / "b", drop, name="0128-step.sql").returncode == 1
