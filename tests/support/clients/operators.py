"""Registered operators of a test's instance, and what they run."""

from typing import Any

import msgspec
from typer.testing import Result

from tests.support.clients.command import invoke
from tests.support.clients.operator_command import Operator


class Person:
    """An operator with a secret."""

    def __init__(self, instance: Operator, name: str, secret: str) -> None:
        self._instance = instance
        self.name = name
        self.secret = secret

    def run(self, *arguments: str) -> Result:
        environment = {"SWAPGATE_OPERATOR": self.name, "SWAPGATE_OPERATOR_SECRET": self.secret}
        return invoke(*arguments, "--json", data_dir=self._instance.data_dir, **environment)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments)
        assert done.exit_code == 0, done.stderr
        return msgspec.json.decode(done.stdout)

    def error(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.exit_code == 1, done.stdout
        return str(msgspec.json.decode(done.stderr)["error"]["message"])


def two_operators(instance: Operator) -> tuple[Person, Person]:
    """Register two operators."""
    ana = Person(instance, "ana", instance.json("operator", "add", "ana")["secret"])
    return ana, Person(instance, "ben", ana.json("operator", "add", "ben")["secret"])
