"""Check that the pages are installed and have an address, and that metrics are not among them."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from domain.actions.operator.doctor.checks import Probe, Remark, and_more

SERVER = "The installation"


class PagesHealth(msgspec.Struct, frozen=True):
    """What is known of the pages. `origins` are the public ones; `missing_files` pages load.

    `serves_metrics` tells whether an origin responds to /metrics with metrics.
    """

    sandbox: bool
    origins: Sequence[str]
    metrics_on_port: bool
    serves_metrics: Callable[[str], Awaitable[bool]]
    missing_files: Callable[[], Sequence[str]]


def page_checks(health: PagesHealth) -> list[tuple[str, Probe]]:
    """Return the checks."""

    async def assets() -> str | None:
        missing = health.missing_files()
        if not missing:
            return None
        return (
            f"{missing[0]}{and_more(missing)} missing, so pages fail: run `make assets` in a "
            "checkout, or install the wheel again"
        )

    return [
        ("assets", assets),
        ("public-origins", lambda: _origins(health)),
        ("public-metrics", lambda: _metrics(health)),
    ]


async def _origins(health: PagesHealth) -> str | None:
    if health.sandbox or health.origins:
        return None
    return Remark(
        "Set SWAPGATE_PUBLIC_URL, such as to https://swap.example: until then the pages are "
        "served under this machine's own names only, and links in them name this machine"
    )


async def _metrics(health: PagesHealth) -> str | None:
    """Report metrics that anybody can read: volumes and error rates are the operator's."""
    if health.sandbox:
        return None
    if health.metrics_on_port:
        return (
            "Unset SWAPGATE_METRICS_ON_PORT, so that /metrics is not on the port of the API; "
            "`serve --metrics-port` serves it on loopback"
        )
    for origin in health.origins:
        if await health.serves_metrics(origin):
            return (
                f"{origin}/metrics can be read by anybody: remove it from the proxy's routes, and "
                "let only Prometheus reach the port of `serve --metrics-port`"
            )
    return None
