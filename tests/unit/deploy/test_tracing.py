"""Tracing is off unless it is configured, and then it needs its packages."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from domain.tracing import TRACEPARENT
from gateway.settings import Settings, SettingsError, settings_from
from gateway.wiring.tracing import open_tracing

GIVEN = {
    "SWAPGATE_DATABASE_URL": "postgresql:///x",
    "SWAPGATE_VALKEY_URL": "valkey://x",
    "SWAPGATE_KEYRING": "k",
}
ENDPOINT = "http://127.0.0.1:1/v1/traces"
PROCESSES = ("gateway.worker", "gateway.wiring.settlement", "gateway.wiring.webhooks")


def settings(**changes: object) -> Settings:
    plain = Settings(database_url="postgresql:///x", valkey_url="valkey://x", keyring_path=Path())
    return msgspec.structs.replace(plain, **changes)


def test_without_an_endpoint_no_process_imports_opentelemetry() -> None:
    program = (
        f"import sys, {', '.join(PROCESSES)}\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
    assert open_tracing(settings(), service="serve") is None


def test_an_endpoint_without_the_packages_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for module in ("opentelemetry.sdk", "opentelemetry.exporter"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(SettingsError, match=r"swapgate\[tracing\]"):
        open_tracing(settings(tracing_endpoint=ENDPOINT), service="serve")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "grpc://127.0.0.1:4317"])
def test_an_endpoint_that_is_no_http_url_is_rejected(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="SWAPGATE_TRACING_ENDPOINT"):
        settings_from({**GIVEN, "SWAPGATE_TRACING_ENDPOINT": endpoint})


def test_no_call_is_sampled_with_a_ratio_of_0() -> None:
    tracing = open_tracing(
        settings(tracing_endpoint=ENDPOINT, tracing_sample_ratio=0.0), service="serve"
    )
    assert tracing is not None
    assert not any(tracing.samples() for _ in range(100))
    assert TRACEPARENT.get() is None
    tracing.close()
