"""The operator's command: help everywhere, a `show` beside every `set`, and no adapters."""

import ast
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

import gateway.cli
from gateway.cli import main
from tests.support.clients.operator_commands import all_commands, all_groups

SOURCES = sorted(Path(gateway.cli.__file__).parent.rglob("*.py"))
SWITCHES = ("fixed-rates", "refunds", "maintenance")


def run(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"COLUMNS": str(columns)})


@pytest.mark.parametrize("name", [*all_groups(), *all_commands()])
def test_every_command_has_help_by_both_names_within_80_columns(name: str) -> None:
    short, long = run(*name.split(), "-h"), run(*name.split(), "--help")

    assert (short.exit_code, long.exit_code) == (0, 0)
    assert short.stdout == long.stdout
    assert f"swapgate {name}".strip() in short.stdout
    assert all(len(line) <= 80 for line in short.stdout.splitlines())


@pytest.mark.parametrize("name", all_commands())
def test_every_command_and_parameter_is_described(name: str) -> None:
    command = all_commands()[name]

    assert command.help.strip().endswith(".")
    assert all(parameter.help for parameter in command.params), name


def test_every_set_has_a_show_with_the_same_first_words() -> None:
    commands = all_commands()

    settable = {name.removesuffix("set") for name in commands if name.endswith(" set")}
    assert settable
    assert settable <= {name.removesuffix("show") for name in commands if name.endswith(" show")}


@pytest.mark.parametrize("name", all_commands())
def test_arguments_are_written_in_capitals_or_as_a_choice(name: str) -> None:
    for parameter in all_commands()[name].params:
        if parameter.param_type_name == "argument":
            assert parameter.metavar, name
            assert parameter.metavar.isupper() or "|" in parameter.metavar, name


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_shows_its_state_without_an_argument(name: str) -> None:
    (argument,) = (one for one in all_commands()[name].params if one.param_type_name == "argument")

    assert not argument.required
    assert argument.metavar == "on|off|show"


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_no_module_of_the_command_imports_an_adapter(path: Path) -> None:
    packages = {name.split(".")[0] for name in imported(path)}

    assert packages.isdisjoint({"persistence", "feeds", "psqlpy", "psycopg", "valkey"})


def test_the_version_is_the_packages() -> None:
    assert run("--version").stdout == f"swapgate {version('swapgate')}\n"


@pytest.mark.parametrize("arguments", [(), ("partner",)])
def test_a_group_without_a_command_shows_its_help(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)

    assert done.exit_code == 1
    assert "Usage: swapgate" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("order list --limit 0", "Invalid value for '--limit': "),
        ("order list --lost", "No such option: --lost"),
        ("order lost", "No such command 'lost'."),
        ("fee set Tron", "Missing argument 'BPS'."),
        ("lost", "No such command 'lost'."),
        ("maintenance maybe", "Invalid value for 'on|off|show': 'maybe' is not one of"),
        ("limits set --from btc", "--from and --to must be used together: they name a pair"),
        ("order show 42", "'42' is not an order's id: `swapgate order list` shows them"),
    ],
)
def test_an_error_is_one_message_on_stderr_and_with_json_one_document(
    arguments: str, message: str
) -> None:
    people, script = run(*arguments.split()), run(*arguments.split(), "--json")

    assert (people.exit_code, script.exit_code) == (1, 1)
    assert (people.stdout, script.stdout) == ("", "")
    assert people.stderr.startswith(message)
    document = msgspec.json.decode(script.stderr)
    assert list(document) == ["error"]
    assert list(document["error"]) == ["message"]
    assert document["error"]["message"].startswith(message)


def test_a_usage_error_names_the_command_whose_help_explains_it() -> None:
    assert run("order", "list", "--limit", "0").stderr.splitlines()[1] == (
        "Run `swapgate order list --help` for its usage."
    )


def test_completion_lists_commands_and_options() -> None:
    for words, expected in (("swapgate pay", "payout"), ("swapgate order list --st", "--status")):
        done = CliRunner().invoke(
            main,
            [],
            prog_name="swapgate",
            env={
                "_SWAPGATE_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split()) - 1),
            },
        )
        assert expected in done.stdout.splitlines()
