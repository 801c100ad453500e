"""Clients that public tools generate from /openapi.json compile, and make signed calls.

Also: the document passes two linters, and a delivery verifies with four public libraries. The
tools are installed here by their locked versions: they are no part of the project's dependencies.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from cabinet_htmx.vendor import npm_command
from tests.conftest import Running
from tests.support.clients.partner import Partner, quote_request, send
from tests.support.clients.snippets import block
from tests.support.servers.webhook_receiver import Receiver, receiving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = ("*.ts", "*.mjs", "*.json", ".spectral.yaml", "*.redocly.yaml", "python_client.py")
DOCS_PAGE = ROOT / "docs" / "generated-clients.md"
SIGNING = {"signing.ts": "ts", "signing.py": "python"}
"""How clients sign: files that the documentation tells to save, by the language of their block."""

OF_THE_GENERATOR = re.compile(r"swapgate_client/client\.py:\d+: error: .* \[arg-type\]")
"""What mypy reports of openapi-python-client's own template, whatever the document."""


class Tools(msgspec.Struct):
    """A folder with the installed tools, the clients' sources and the served document."""

    folder: Path
    python: Path

    @property
    def document(self) -> Path:
        return self.folder / "openapi.json"

    def run(self, *command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(one) for one in command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            **options,
        )

    def output(self, *command: str | Path, **options: Any) -> str:
        done = self.run(*command, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def npm(self, name: str, *arguments: str | Path) -> str:
        """Run a program of an npm package."""
        return self.output(self.folder / "node_modules" / ".bin" / name, *arguments)


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory, up: Running) -> Tools:
    folder = tmp_path_factory.mktemp("clients")
    for pattern in SOURCES:
        for source in HERE.glob(pattern):
            shutil.copy(source, folder)
    for name, language in SIGNING.items():
        (folder / name).write_text(block(DOCS_PAGE, language, "signing"))
    shutil.copy(ROOT / ".npmrc", folder)
    tools = Tools(folder, folder / "venv" / "bin" / "python")
    tools.output(*npm_command(), "ci", "--ignore-scripts", "--silent")
    uv = Path(sys.executable).with_name("uv")
    tools.output(uv, "venv", "--quiet", "--python", sys.executable, "venv")
    lock = HERE / "requirements.lock"
    install = (uv, "pip", "install", "--quiet", "--require-hashes", "-r", lock)
    tools.output(*install, "--python", tools.python)
    tools.document.write_bytes(send(f"{up.base_url}/openapi.json", method="GET").body)
    return tools


@pytest.fixture
def partner(up: Running) -> Partner:
    return up.new_partner()


@pytest.fixture
def settings(partner: Partner) -> Mapping[str, str]:
    """The environment of a client of the partner."""
    return {
        **os.environ,
        "BASE_URL": partner.base_url,
        "API_KEY": partner.api_key,
        "API_SECRET": partner.api_secret,
        "CODE": f"c-{uuid4().hex[:12]}",
    }


def assert_calls_were_made(printed: str, settings: Mapping[str, str], partner: Partner) -> None:
    """Compare what a client reports with what another client, which is not generated, reads."""
    report = json.loads(printed)
    quoted, plain = (partner.call("/order", {"id": one}).data for one in report["ids"])
    assert report["quotedAmount"] == report["orderedAmount"] == quoted["to"]["amount"]
    assert report["usedTwice"] == 15
    assert report["externalId"] == plain["externalId"] == "generated"
    assert report["listed"] == [plain["id"], quoted["id"]]
    assert sorted(report["statuses"]) == sorted([one["id"], "NEW"] for one in (quoted, plain))
    assert report["codes"] == [settings["CODE"]]


@pytest.fixture(scope="module")
def typescript(tools: Tools) -> Tools:
    """Both clients, generated and compiled under strict settings."""
    types = tools.folder / "generated" / "openapi-typescript.d.ts"
    tools.npm("openapi-typescript", tools.document, "-o", types)
    generated = tools.folder / "generated" / "hey-api"
    tools.npm("openapi-ts", "-i", tools.document, "-o", generated, "--silent")
    tools.npm("tsc", "-p", ".")
    return tools


@pytest.mark.parametrize("client", ["openapi-typescript", "hey-api"])
def test_a_typescript_client_makes_signed_calls(
    typescript: Tools, settings: Mapping[str, str], partner: Partner, client: str
) -> None:
    printed = typescript.output("node", f"out/{client}.js", env=settings)
    assert_calls_were_made(printed, settings, partner)


def test_optional_fields_are_optional_in_typescript(typescript: Tools) -> None:
    types = (typescript.folder / "generated" / "openapi-typescript.d.ts").read_text()
    assert "afftax?: number | null" in types
    assert "refundAddress: string" in types


def test_a_python_client_makes_signed_calls(
    tools: Tools, settings: Mapping[str, str], partner: Partner
) -> None:
    generator = tools.python.with_name("openapi-python-client")
    command = ("generate", "--path", tools.document, "--meta", "none")
    path = f"{tools.python.parent}:{os.environ['PATH']}"
    done = tools.run(
        *(generator, *command, "--output-path", "swapgate_client", "--overwrite"),
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stdout
    assert "Warning" not in done.stdout, done.stdout
    mypy = Path(sys.executable).with_name("mypy")
    sources = ("python_client.py", "signing.py", "swapgate_client")
    types = tools.run(mypy, "--strict", "--python-executable", tools.python, *sources)
    errors = [line for line in types.stdout.splitlines() if ": error:" in line]
    assert [line for line in errors if not OF_THE_GENERATOR.match(line)] == []
    printed = tools.output(tools.python, "python_client.py", env=settings)
    assert_calls_were_made(printed, settings, partner)


def test_the_document_passes_spectral_and_redocly(tools: Tools, up: Running) -> None:
    # Redocly accepts no addresses at localhost, where this installation is.
    origin = up.base_url.replace("127.0.0.1", "localhost").encode()
    served = tools.document.read_bytes()
    assert origin in served
    public = tools.folder / "public.json"
    public.write_bytes(served.replace(origin, b"https://swap.example"))
    for document in (public, ROOT / "docs" / "openapi.json"):
        strict = ("-r", ".spectral.yaml", "--fail-severity", "hint")
        tools.npm("spectral", "lint", document, *strict)
        complete = ("--config", "strict.redocly.yaml", "--max-problems", "1000")
        tools.npm("redocly", "lint", document, *complete)


@pytest.fixture(scope="module")
def delivery(up: Running) -> dict[str, Any]:
    """A real delivery with the headers of Standard Webhooks, and the secret in both forms."""
    received: list[dict[str, Any]] = []

    class Keeping(Receiver):
        def receive(self, body: bytes, headers: Any) -> int:
            received.append({"body": body.decode(), "headers": dict(headers.items())})
            return 204

    email = f"{uuid4().hex}@webhooks.example"
    with receiving("") as receiver:
        created = up.json("partner", "create", "--email", email, "--webhook-url", receiver.url)
        receiver.__class__ = Keeping
        up.json("partner", "set", email, "--standard-webhooks")
        partner = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))
        partner.until_active()
        assert partner.call("/price", quote_request()).code == 0
        partner.call("/sandbox/webhook", {"type": "webhook.test"})
        wait_until(lambda: len(received), lambda count: count > 0)
    names = {"webhook-id", "webhook-timestamp", "webhook-signature"}
    headers = {name.lower(): value for name, value in received[0]["headers"].items()}
    return {
        "body": received[0]["body"],
        "headers": {name: headers[name] for name in names},
        "secret": created["standardWebhookSecret"],
        "plain": created["webhookSecret"],
    }


def test_the_libraries_of_npm_verify_a_delivery_by_the_secret_as_shown(
    tools: Tools, delivery: dict[str, Any]
) -> None:
    printed = tools.output("node", "webhooks.mjs", input=json.dumps(delivery))
    assert json.loads(printed) == {"verified": ["webhook.test"] * 2, "rejected": [True] * 2}


VERIFY = """
import json, sys
from {library} import Webhook
given = json.load(sys.stdin)
Webhook(given["secret"]).verify(given["body"], given["headers"])
try:
    Webhook(given["plain"]).verify(given["body"], given["headers"])
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("library", ["standardwebhooks.webhooks", "svix.webhooks"])
def test_the_libraries_of_pypi_verify_a_delivery_by_the_secret_as_shown(
    tools: Tools, delivery: dict[str, Any], library: str
) -> None:
    python = tools.python if library.startswith("svix") else Path(sys.executable)
    script = VERIFY.format(library=library)
    assert tools.output(python, "-c", script, input=json.dumps(delivery)).strip()
