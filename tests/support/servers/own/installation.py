"""An operator who sets an installation up on external servers with `swapgate init`."""

from collections.abc import Mapping
from pathlib import Path

from typer.testing import Result

from gateway.wiring.installation.files import variables_in
from tests.support.clients.command import invoke
from tests.support.servers.own.external import ExternalPostgres, ExternalValkey

OWNER = "swapgate_owner"
OWNER_PASSWORD = "of-the-owner-of-the-database"
FILES = {
    "gateway/serve.env",
    "gateway/webhooks.env",
    "gateway/keyring.json",
    "rates/rates.env",
    "rates/rates.key",
    "settlement/settlement.env",
    "settlement/rates.key",
    "operator/operator.env",
    "operator/settlement.env",
    "operator/migrate.env",
    "operator/rates.key",
}


class Operator:
    """An operator with an owner's login of the database, and the directory of the settings."""

    def __init__(self, postgres: ExternalPostgres, server: ExternalValkey, directory: Path) -> None:
        self.postgres = postgres
        self.valkey = server
        self.directory = directory
        self.environment = {
            "SWAPGATE_DATABASE_URL": postgres.url(OWNER, OWNER_PASSWORD, "swapgate"),
            "SWAPGATE_VALKEY_URL": server.url(),
        }

    def init(self, *options: str) -> Result:
        return invoke("init", *options, data_dir=self.directory, **self.environment)

    def run(self, file: str, *command: str) -> Result:
        """Run a command with the settings of a file, and nothing else."""
        return invoke(*command, data_dir=self.directory, **self.settings(file))

    def settings(self, file: str) -> Mapping[str, str]:
        return variables_in(self.directory / file)

    def database_url(self, file: str) -> str:
        return self.settings(file)["SWAPGATE_DATABASE_URL"]

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in self.directory.rglob("*")
            if path.is_file()
        }

    def secrets(self) -> list[str]:
        """Return all passwords of the settings files."""
        urls = [
            value
            for name in FILES
            if name.endswith(".env")
            for variable, value in self.settings(name).items()
            if variable.endswith("_URL")
        ]
        return [url.partition("://")[2].rpartition("@")[0].partition(":")[2] for url in urls]


def create_database(postgres: ExternalPostgres) -> None:
    """Create a database and its owner, who may create roles."""
    postgres.execute(
        f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{OWNER_PASSWORD}'",
        f"CREATE DATABASE swapgate OWNER {OWNER}",
    )
