"""The webhooks process by itself: its metrics, and how it begins and ends."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from gateway.settings import Settings, environment_of
from tests.conftest import DatabaseUrls, Servers, free_port
from tests.support.clients.operator_command import Operator, new_operator
from tests.support.waiting import wait_until


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def exposed(port: int) -> str:
    """Return the metrics, or nothing while they are not available."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            return str(response.read().decode())
    except (URLError, OSError):
        return ""


def test_webhooks_process_exports_metrics_of_its_queue_and_attempts(operator: Operator) -> None:
    partner = operator.partner(webhook_url="http://127.0.0.1:1/")
    operator.json("webhooks", "test", partner, "--no-wait")
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gateway", "webhooks", "--metrics-port", str(port)),
            *("--data-dir", str(operator.data_dir)),
        ]
    )
    try:
        # gauges are sampled, attempts are counted: not all of it is there at the same moment
        expected = [
            'swapgate_webhook_events{state="waiting"} 1.0',
            'swapgate_webhook_attempts_total{outcome="retried"} 1.0',
            "swapgate_webhook_latency_seconds_count 1.0",
            "swapgate_webhook_queue_depth 0.0",
            "swapgate_webhook_oldest_due_seconds 0.0",
            "swapgate_webhook_open_circuits 0.0",
        ]
        wait_until(lambda: exposed(port), lambda text: all(line in text for line in expected))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_metrics_port_in_use_is_reported(operator: Operator) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        done = subprocess.run(
            [
                *(sys.executable, "-m", "gateway", "webhooks", "--metrics-port", str(port)),
                *("--data-dir", str(operator.data_dir)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"Cannot listen on port {port}" in done.stderr


@pytest.mark.parametrize("allowed", ["true", "false"])
def test_operator_may_permit_webhooks_to_private_networks(
    database_urls: DatabaseUrls,
    servers: Servers,
    tmp_path: Path,
    allowed: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    live = new_operator(database_urls, servers, tmp_path, sandbox=False)
    partner = live.partner()
    monkeypatch.setenv("SWAPGATE_WEBHOOKS_TO_PRIVATE_NETWORKS", allowed)
    done = live.run("partner", "set", partner, "--webhook-url", "http://10.0.0.7/hook")

    assert (done.exit_code == 0) is (allowed == "true")


def test_webhook_settings_reach_child_processes() -> None:
    settings = Settings(
        database_url="postgresql:///x",
        valkey_url="valkey://x",
        keyring_path=Path("k"),
        webhooks_to_private_networks=True,
        webhook_endpoint_concurrency=7,
    )
    handed = environment_of(settings)
    assert handed["SWAPGATE_WEBHOOKS_TO_PRIVATE_NETWORKS"] == "true"
    assert handed["SWAPGATE_WEBHOOK_ENDPOINT_CONCURRENCY"] == "7"
    assert settings.insecure_webhooks
