"""The processes that `swapgate up` supervises, each with the settings of its role."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.instance import (
    KEYRING_FILE,
    MAIL_DIRECTORY,
    RATES_KEY_FILE,
    Instance,
    Role,
    ValkeyUser,
)
from gateway.runtime.supervisor import STOP_SECONDS, Child
from gateway.settings import environment_of, settings_from

OF_A_PERSON = ("SWAPGATE_OPERATOR", "SWAPGATE_OPERATOR_SECRET")
"""Variables that identify whoever starts the processes, not the processes."""

METRICS_PORTS = ("serve", "webhooks", "rates", "settlement")
"""The processes in the order of their ports for metrics."""

SIGNED_RATES = ("rates", "settlement")
"""The processes that get the key which signs prices."""

SENDS_MAIL = "webhooks"
"""The process that gets the password of the mail server."""


def child_processes(
    instance: Instance,
    data_dir: Path,
    *,
    serve: Sequence[str],
    auto_settle: bool,
    metrics_port: int = 0,
) -> list[Child]:
    """Return all processes; `serve` are the arguments of the one that serves the API.

    With a `metrics_port`, it and the next ones are those of the processes in METRICS_PORTS.
    Raises SettingsError for a setting in the environment that cannot be used.
    """

    def child(name: str, role: Role, user: ValkeyUser, *arguments: str) -> Child:
        urls = {
            "SWAPGATE_DATABASE_URL": instance.database_url(role),
            "SWAPGATE_VALKEY_URL": instance.valkey_urls[user],
        }
        environment = _environment(instance, data_dir, name, urls)
        metrics = str(metrics_port and metrics_port + METRICS_PORTS.index(name))
        program = [sys.executable, "-m", "gateway", name, *arguments, "--metrics-port", metrics]
        drains = float(environment["SWAPGATE_DRAINING_SECONDS"])
        return Child(name, program, environment, stop_seconds=STOP_SECONDS + drains)

    settle = ["--auto-settle"] if auto_settle and instance.sandbox else []
    return [
        child("rates", Role.GATEWAY, ValkeyUser.RATES),
        child("serve", Role.GATEWAY, ValkeyUser.GATEWAY, *serve),
        child("settlement", Role.SETTLEMENT, ValkeyUser.SETTLEMENT, "--wait", *settle),
        child("webhooks", Role.GATEWAY, ValkeyUser.WEBHOOKS),
    ]


def _environment(
    instance: Instance, data_dir: Path, name: str, urls: dict[str, str]
) -> dict[str, str]:
    """Return a process's settings as variables; secrets that it does not need are left empty."""
    public_metrics = os.environ.get("SWAPGATE_METRICS_ON_PORT", str(instance.sandbox).lower())
    signs = name in SIGNED_RATES
    mail_directory = str(data_dir / MAIL_DIRECTORY) if instance.sandbox else ""
    own_key = str(data_dir / RATES_KEY_FILE)
    settings = settings_from(
        {
            **os.environ,
            "SWAPGATE_CHAINS": (
                os.environ.get("SWAPGATE_CHAINS", "") if name == "settlement" else ""
            ),
            "SWAPGATE_RATES_KEY": os.environ.get("SWAPGATE_RATES_KEY", own_key) if signs else "",
            "SWAPGATE_MAIL_DIRECTORY": os.environ.get("SWAPGATE_MAIL_DIRECTORY", mail_directory),
            "SWAPGATE_SMTP_PASSWORD": (
                os.environ.get("SWAPGATE_SMTP_PASSWORD", "") if name == SENDS_MAIL else ""
            ),
            "SWAPGATE_PUBLIC_URL": instance.public_url,
            "SWAPGATE_DRAINING_SECONDS": os.environ.get("SWAPGATE_DRAINING_SECONDS", "0"),
            **urls,
            "SWAPGATE_KEYRING": str(data_dir / KEYRING_FILE),
            "SWAPGATE_SANDBOX": str(instance.sandbox).lower(),
            "SWAPGATE_METRICS_ON_PORT": public_metrics,
        }
    )
    return environment_of(settings) | dict.fromkeys(OF_A_PERSON, "")
