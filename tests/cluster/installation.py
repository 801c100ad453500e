"""What an operator types to set up and to run an installation on servers of his own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.wiring.installation.files import variables_in
from persistence.postgres.hosts import with_hosts
from tests.support.clients.command import invoke
from tests.support.servers.own.external import SUPERUSER_PASSWORD
from tests.support.servers.own.installation import OWNER, OWNER_PASSWORD, create_database
from tests.support.servers.own.replicated import ReplicatedPostgres
from tests.support.servers.valkey.cluster import ValkeyCluster

DATABASE: Final = "swapgate"
OPERATOR: Final = "operator/operator.env"
DEMO: Final = "demo@swapgate.example"


class Credentials(msgspec.Struct, frozen=True, rename="camel"):
    """What a partner gets, as in the demo.json of `swapgate up`."""

    id: str
    base_url: str
    api_key: str
    api_secret: str
    webhook_secret: str
    cabinet_email: str
    cabinet_password: str
    """For the first sign-in, which requires another one."""


class Installation:
    """Settings files in a directory, and the commands that use them."""

    def __init__(
        self, directory: Path, postgres: ReplicatedPostgres, valkey: ValkeyCluster, base_url: str
    ) -> None:
        self.directory = directory
        self._postgres = postgres
        self._valkey = valkey
        self._base_url = base_url

    def set_up(self, settings: Mapping[str, str]) -> None:
        """Follow docs/operations.md up to the start of the processes, for test money."""
        create_database(self._postgres.primary)
        urls = {
            "SWAPGATE_DATABASE_URL": self._database_url(OWNER, OWNER_PASSWORD),
            "SWAPGATE_VALKEY_URL": self._valkey.url("owner"),
        }
        self._run({**settings, "SWAPGATE_PUBLIC_URL": self._base_url, **urls}, "init", "--sandbox")
        self._postgres.primary.execute(f"ALTER ROLE {OWNER} NOCREATEROLE")
        self._run(self.settings("operator/migrate.env"), "migrate")

    def settings(self, file: str) -> Mapping[str, str]:
        return variables_in(self.directory / file)

    def environment(self, file: str) -> Mapping[str, str]:
        """Return the environment of a process."""
        return {**os.environ, **self.settings(file)}

    def json(self, *command: str) -> Any:
        """Run an operator's command."""
        return msgspec.json.decode(self._run(self.settings(OPERATOR), *command, "--json"))

    def doctor(self) -> dict[str, str]:
        """Return the advice of the checks that fail, by name."""
        done = invoke("doctor", "--json", data_dir=self.directory, **self.settings(OPERATOR))
        checks = msgspec.json.decode(done.stdout)["checks"]
        return {one["name"]: one["advice"] for one in checks if not one["ok"]}

    def differences(self) -> list[Any]:
        """Return what `swapgate reconcile` finds."""
        done = invoke("reconcile", "--json", data_dir=self.directory, **self.settings(OPERATOR))
        found: list[Any] = msgspec.json.decode(done.stdout)["differences"]
        return found

    def partner(self, email: str, *options: str) -> Credentials:
        """Create a partner who can also sign in."""
        created = self.json("partner", "create", "--email", email, *options)
        password = self.json("partner", "password", email)["password"]
        return Credentials(
            id=created["id"],
            base_url=self._base_url,
            api_key=created["apiKey"],
            api_secret=created["apiSecret"],
            webhook_secret=created["webhookSecret"],
            cabinet_email=email,
            cabinet_password=password,
        )

    def _database_url(self, user: str, password: str) -> str:
        url = self._postgres.primary.url(user, password, DATABASE)
        return with_hosts(f"{url}?target_session_attrs=read-write", self._postgres.hosts)

    def _run(self, environment: Mapping[str, str], *command: str) -> str:
        done = invoke(*command, data_dir=self.directory, **environment)
        assert done.exit_code == 0, (command, done.stdout, done.stderr)
        return done.stdout


def superuser_url(postgres: ReplicatedPostgres) -> str:
    """Return a URL of the database with which a test reads everything."""
    return postgres.primary.url("postgres", SUPERUSER_PASSWORD, DATABASE)
