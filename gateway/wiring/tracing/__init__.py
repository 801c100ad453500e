"""Tracing of each process: imports OpenTelemetry only where it is on."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from gateway.settings import Settings, SettingsError

if TYPE_CHECKING:
    from gateway.runtime.tracing import Tracing


def check_tracing(settings: Settings) -> None:
    """Raise SettingsError if tracing is on and the packages that it needs are not installed."""
    if settings.tracing_endpoint and not (_is_installed("sdk") and _is_installed("exporter")):
        raise SettingsError(
            "SWAPGATE_TRACING_ENDPOINT needs further packages: pip install 'swapgate[tracing]'"
        )


def open_tracing(settings: Settings, *, service: str) -> "Tracing | None":
    """Return what begins spans of this process; None if tracing is off. Raises SettingsError."""
    if not settings.tracing_endpoint:
        return None
    check_tracing(settings)
    from gateway.runtime.tracing import Tracing  # noqa: PLC0415  an optional extra

    return Tracing(
        service=service,
        endpoint=settings.tracing_endpoint,
        sample_ratio=settings.tracing_sample_ratio,
    )


def _is_installed(part: str) -> bool:
    try:
        return find_spec(f"opentelemetry.{part}") is not None
    except ModuleNotFoundError:
        return False
