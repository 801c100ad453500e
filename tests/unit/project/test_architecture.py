"""The import contracts hold, and each of them can fail: a planted violation is found."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("domain", "persistence", "feeds", "gateway", "cabinet_htmx", "bench")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(directory: Path) -> tuple[int, str]:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=directory,
        env={"PYTHONPATH": str(directory), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_import_contracts_hold(copy: Path) -> None:
    status, report = lint(copy)
    assert status == 0, report


VIOLATIONS = [
    ("domain/money.py", "persistence.keyring", "imports point one way"),
    ("domain/actions/orders/quote.py", "gateway.settings", "imports point one way"),
    ("persistence/keyring.py", "feeds.rates.sandbox", "imports point one way"),
    ("feeds/rates/sandbox.py", "persistence.keyring", "imports point one way"),
    ("cabinet_htmx/__init__.py", "persistence.keyring", "imports point one way"),
    ("feeds/rates/sandbox.py", "gateway.runtime.clock", "imports point one way"),
    ("gateway/runtime/clock.py", "bench", "imports point one way"),
    ("domain/money.py", "aiohttp", "domain imports no web framework"),
    ("domain/market/rates.py", "psqlpy", "domain imports no web framework"),
    ("domain/market/rates.py", "valkey", "domain imports no web framework"),
    ("domain/market/fees.py", "domain.orders.order", "inside domain:"),
    ("domain/ledger/postings.py", "domain.partners.codes", "inside domain:"),
    ("domain/orders/order.py", "domain.webhooks.events", "inside domain:"),
    ("domain/webhooks/events.py", "domain.actions.orders.quote", "inside domain:"),
    ("domain/actions/orders/quote.py", "domain.actions.partners.refer", "inside domain.actions"),
    (
        "domain/actions/cabinet/sign_in.py",
        "domain.actions.operator.market.fees",
        "inside domain.actions",
    ),
    (
        "persistence/postgres/market/catalogue.py",
        "persistence.postgres.orders.rows",
        "inside persistence.postgres",
    ),
    ("feeds/webhooks/relay.py", "feeds.rates.sandbox", "inside feeds"),
    ("gateway/api/authentication.py", "persistence.keyring", "only gateway.wiring"),
    ("gateway/api/endpoints/price.py", "feeds.rates.sandbox", "only gateway.wiring"),
    ("gateway/settings.py", "feeds.rates.sandbox", "only gateway.wiring"),
    ("gateway/cli/market/fee.py", "persistence.keyring", "the command parses"),
    ("gateway/cli/root.py", "valkey", "the command parses"),
    ("gateway/cabinet/days.py", "gateway.pages.errors", "inside gateway"),
    ("gateway/pages/errors.py", "gateway.api.endpoint", "inside gateway"),
    ("gateway/api/dispatcher.py", "gateway.pages.errors", "inside gateway"),
    ("gateway/http/negotiation.py", "gateway.api.endpoint", "inside gateway"),
    ("gateway/runtime/market.py", "gateway.wiring.connections", "inside gateway"),
    ("gateway/asgi.py", "gateway.app", "inside gateway"),
    ("cabinet_htmx/partner/layout.py", "cabinet_htmx.swap.form", "the views of the cabinet"),
]


def broken(report: str) -> dict[str, str]:
    """Return the explanation of each broken contract by its name."""
    _, _, explained = report.partition("Broken contracts")
    sections = re.split(r"\n(?=[^\n]+\n-{5,}\n)", explained)
    return {section.partition("\n")[0]: section for section in sections}


def test_every_planted_import_violation_is_reported_by_its_contract(copy: Path) -> None:
    for module, imported, _ in VIOLATIONS:
        path = copy / module
        path.write_text(f"{path.read_text()}\nimport {imported}\n")
    status, report = lint(copy)
    assert status == 1
    explanations = broken(report)
    for module, imported, contract in VIOLATIONS:
        (explanation,) = [text for name, text in explanations.items() if name.startswith(contract)]
        importer = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert re.search(rf"{importer}\s+->\s+{imported}\b", explanation), (importer, imported)


def test_every_contract_has_a_planted_violation(copy: Path) -> None:
    contracts = re.findall(r'^name = "(.+)"$', (copy / "pyproject.toml").read_text(), re.MULTILINE)
    named = [name for name in contracts if name != "swapgate"]
    assert len(named) >= 10
    planted = {contract for _, _, contract in VIOLATIONS}
    assert [name for name in named if not any(name.startswith(each) for each in planted)] == []
