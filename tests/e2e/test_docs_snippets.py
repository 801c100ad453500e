"""Every example of the documentation, run unchanged against a running service."""

import hashlib
import hmac
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from cabinet_htmx.docs.contents import entries
from tests.conftest import Running, free_port
from tests.support.builders.orders import AGREED
from tests.support.clients.partner import Partner, order_request, send
from tests.support.clients.snippets import ROOT, RUN, block, blocks, command, run
from tests.support.waiting import wait_until

DOCS = ROOT / "docs"
SUFFIXES = {"bash": ".sh", "python": ".py", "js": ".mjs", "go": ".go"}
LAST = "keys-rotate"  # it replaces the secret that the other examples use
NOT_IN_A_STORY = {"client", "receiver", "signing"}

SIGNATURES = {
    step: block(DOCS / "authentication.md", "text", step).strip()
    for step in ("signature", "signature-v1")
}
PRINTED = {
    ("quickstart", "quote"): r'"networkFee":|0\.01000000 BTC give \d+\.\d{6} USDT',
    ("quickstart", "order"): r"send the deposit to bc1q\w+",
    ("quickstart", "follow"): r"^NEW$",
    ("authentication", "sign"): f"^{SIGNATURES['signature']}$",
    ("authentication", "sign-v1"): f"^{SIGNATURES['signature-v1']}$",
    ("currencies", "currencies"): r"\busdt_trc20\b",
    ("currencies", "unsigned"): r"\busdt_trc20\b",
    ("pairs", "pairs"): r"\busdt_trc20\b",
    ("price", "price"): r'"markupBps":50|for 500 USDT send 0\.\d{8} BTC',
    ("quote", "quote"): r"order [0-9a-f-]{36} at the quoted rate \d+\.\d{8}",
    ("create", "create"): r"order [0-9a-f-]{36}:? send to bc1q\w+",
    ("order", "order"): r'"status":"NEW"|NEW 1[78]\d\d seconds left',
    ("orders", "orders"): r'"cursor":|orders: [1-9]',
    ("orders", "statuses"): r'"status":"NEW","outcome":null',
    ("address-validate", "validate"): r'"valid":true',
    ("emergency", "emergency"): r'"data":true|held for EXPIRED\n[Tt]rue',
    ("qr", "qr"): r"^$",
    ("keys-rotate", "rotate"): r"^$",
    ("codes", "codes"): r'"orders":0,"volumeUsd":"0.00"|summer-\w+ 0 0\.00 0\.00',
    ("rate-limits", "patience"): r'left: "default";r=\d+;t=\d+',
}
"""What each example prints."""


class DocsPartner(msgspec.Struct, frozen=True):
    """A partner who follows the documentation in one language, and their directory."""

    up: Running
    partner_id: str
    partner: Partner
    webhook_secret: str
    directory: Path
    language: str

    def environment(self, **more: str) -> dict[str, str]:
        credentials = {
            "SWAPGATE_URL": self.up.base_url,
            "SWAPGATE_KEY": self.partner.api_key,
            "SWAPGATE_SECRET": self.partner.api_secret,
            "SWAPGATE_WEBHOOK_SECRET": self.webhook_secret,
        }
        return {**os.environ, **credentials, **more}

    def save(self, page: str, step: str, name: str) -> Path:
        program = self.directory / f"{name}{SUFFIXES[self.language]}"
        program.write_text(block(DOCS / f"{page}.md", self.language, step))
        return program

    def access(self) -> dict[str, str]:
        saved = msgspec.json.decode((self.directory / "order.json").read_bytes())
        order = saved.get("data", saved)
        return {"id": order["id"], "token": order["token"]}

    def hold(self) -> None:
        """Make a deposit after the expiry, so that the order is held and can be exchanged."""
        access = self.access()
        self.up.json("sandbox", "expire", access["id"])
        self.up.json("sandbox", "deposit", access["id"], "--amount", AGREED)
        wait_until(lambda: self.partner.call("/order", access).data["status"], "EMERGENCY".__eq__)


def new_docs_partner(up: Running, directory: Path, language: str) -> DocsPartner:
    directory.mkdir(exist_ok=True)
    created = up.json("partner", "create", "--email", f"{uuid4().hex}@docs.example")
    partner = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()
    opened = DocsPartner(
        up, str(created["id"]), partner, str(created["webhookSecret"]), directory, language
    )
    if language != "go":
        opened.save("quickstart", "client", "swapgate")
    return opened


def examples_of(language: str) -> list[tuple[str, str]]:
    """Return the page and step of each example in a language, in reading order."""
    pages = sorted((entry.name for entry in entries()), key=LAST.__eq__)
    return [
        (page, example.step)
        for page in pages
        for example in blocks(DOCS / f"{page}.md", language)
        if example.step not in NOT_IN_A_STORY
    ]


LONGER = ("go", "js")
"""Languages that `make test-slow` runs; README's examples in JavaScript run in `make test`."""


@pytest.mark.parametrize(
    "language",
    [
        pytest.param(language, marks=[pytest.mark.slow] if language in LONGER else [])
        for language in sorted(RUN)
    ],
)
def test_every_example_prints_the_expected_output(
    up: Running, tmp_path: Path, language: str
) -> None:
    if language == "go" and shutil.which("go") is None:
        pytest.skip("Go is not installed")
    docs_partner = new_docs_partner(up, tmp_path, language)
    for page, step in examples_of(language):
        if step == "emergency":
            docs_partner.hold()
        program = docs_partner.save(page, step, f"{page}-{step}")
        printed = "\n".join(run(program, environment=docs_partner.environment()))
        assert re.search(PRINTED[page, step], printed, re.MULTILINE), (page, step, printed)
        assert not re.search(r'"code":[1-9]', printed), (page, step, printed)
    if language != "go":
        assert_image(docs_partner.directory / "pay-in.png")
        assert_rotated(docs_partner)


def assert_image(path: Path) -> None:
    image = path.read_bytes()
    assert image.startswith(b"\x89PNG\r\n")
    assert image[16:24] == (256).to_bytes(4) * 2


def assert_rotated(docs_partner: DocsPartner) -> None:
    path = docs_partner.directory / "new-secrets.json"
    assert path.stat().st_mode & 0o777 == 0o600
    saved = msgspec.json.decode(path.read_bytes())
    fresh = saved.get("data", saved)["apiSecret"]
    assert docs_partner.partner.call("/pairs", {}).code == 3
    rotated = Partner(docs_partner.up.base_url, docs_partner.partner.api_key, fresh)
    assert rotated.call("/pairs", {}).code == 0


def test_every_example_that_is_run_is_in_the_table() -> None:
    assert {one for language in RUN for one in examples_of(language)} == set(PRINTED)


class RunningReceiver(msgspec.Struct, frozen=True):
    """A running receiver from the documentation."""

    partner: DocsPartner
    url: str
    output: Path

    def lines(self) -> list[str]:
        return self.output.read_text().splitlines()

    def deliver(self, body: bytes, secret: str) -> int:
        sign = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return send(self.url, body, {"X-Partner-Webhook-Sign": sign}).status


@contextmanager
def running_receiver(docs_partner: DocsPartner) -> Iterator[RunningReceiver]:
    port = free_port()
    program = docs_partner.save("webhooks", "receiver", "receiver")
    output = docs_partner.directory / "receiver.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            command(program),
            stdout=log,
            stderr=subprocess.STDOUT,
            env=docs_partner.environment(PORT=str(port)),
            process_group=0,
        )
    try:
        wait_until(
            lambda: takes_connections(port) or process.poll() is not None,
            context=output.read_text,
        )
        assert process.poll() is None, output.read_text()
        yield RunningReceiver(docs_partner, f"http://127.0.0.1:{port}/", output)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)  # `go run` starts the program as its child
        process.wait()


def takes_connections(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_documented_receivers_accept_genuine_events_once(up: Running, tmp_path: Path) -> None:
    languages = {
        example.language for example in blocks(DOCS / "webhooks.md") if example.step == "receiver"
    }
    assert languages == {"js", "python", "go"}
    if shutil.which("go") is None:
        languages.remove("go")
    with ExitStack() as stack:
        receivers = [
            stack.enter_context(
                running_receiver(new_docs_partner(up, tmp_path / language, language))
            )
            for language in sorted(languages)
        ]
        orders = [open_and_deposit(receiver) for receiver in receivers]
        for receiver, order_id in zip(receivers, orders, strict=True):
            expected_lines = [f"{order_id} {status}" for status in ("PENDING", "EXCHANGE", "DONE")]
            wait_until(receiver.lines, expected_lines.__eq__)
            template = b'{"event":"order.status_changed","order":{"id":"%s","status":"DONE"}}'
            body = template % order_id.encode()
            assert receiver.deliver(body, receiver.partner.webhook_secret) == 204
            assert receiver.deliver(body.replace(b"DONE", b"NEW"), "another secret") == 401
            assert receiver.lines() == expected_lines


def open_and_deposit(receiver: RunningReceiver) -> str:
    docs_partner = receiver.partner
    docs_partner.up.json("partner", "set", docs_partner.partner_id, "--webhook-url", receiver.url)
    order_id = str(docs_partner.partner.call("/create", order_request()).data["id"])
    docs_partner.up.json("sandbox", "deposit", order_id)
    return order_id
