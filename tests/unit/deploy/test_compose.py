"""deploy/compose.yaml runs every process, each with its own settings and nothing more."""

import re
from typing import Any

import pytest

from gateway.wiring.installation.files import FILES
from tests.support.deploy import DEPLOY, PROCESSES, compose, ours, parse, services

ALL = pytest.mark.parametrize("name", services())
USERS_OF_FOLDERS = {"gateway": "10001", "rates": "10002", "settlement": "10003"}
TOOLS = {"init", "operator", "backup", "restore"}
"""What a person runs for a moment."""
OF_ROOT = {*TOOLS, "migrate"}
"""What reads the operator's settings, which belong to root."""


def command_of(service: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the settings file and the arguments of `swapgate`."""
    words: list[str] = [*service.get("entrypoint", [])[1:], *service["command"]]
    file, program, *arguments = words
    assert program == "swapgate"
    return file, arguments


def folders_of(service: dict[str, Any]) -> set[str]:
    """Return the folders of settings that a service sees."""
    sources = {volume.partition(":")[0] for volume in service.get("volumes", ())}
    return {one.removeprefix("./settings/") for one in sources if one.startswith("./settings")}


def test_every_process_and_the_migration_are_services_with_their_own_settings() -> None:
    commands = {
        name: command_of(one) for name, one in ours().items() if name not in ("init", "operator")
    }
    assert {parse(arguments): file for file, arguments in commands.values()} == {
        **{one.reader.strip("`"): one.name for one in FILES if one.reader.startswith("`")},
    }
    assert {parse(arguments) for _, arguments in commands.values()} == {*PROCESSES, "migrate"}


def test_the_tools_run_commands_that_exist() -> None:
    file, arguments = command_of(services()["operator"])
    assert (file, parse(arguments)) == ("operator/operator.env", "doctor")
    script = (DEPLOY / "docker/init").read_text()
    (options,) = re.findall(r'^swapgate (.*) "\$@"$', script, re.MULTILINE)
    assert parse([*options.replace('"$settings"', "/etc/swapgate").split(), "--dry-run"]) == "init"


def test_only_settlement_sees_its_logins_and_the_keys_of_wallets() -> None:
    seen = {name: folders_of(one) for name, one in services().items()}
    assert {name for name, folders in seen.items() if "settlement" in folders} == {"settlement"}
    assert {name for name, folders in seen.items() if "./settings" in folders} == {"init"}
    assert seen["settlement"] == {"settlement"}
    for name in PROCESSES:
        folder = command_of(ours()["gateway" if name == "serve" else name])[0].partition("/")[0]
        service = ours()["gateway" if name == "serve" else name]
        assert folders_of(service) == {folder}
        assert service["user"].partition(":")[0] == USERS_OF_FOLDERS[folder]
        assert all(volume.endswith(":ro") for volume in service["volumes"])


def test_only_the_proxy_is_reached_from_outside() -> None:
    networks = compose()["networks"]
    published = {name for name, one in services().items() if "ports" in one}
    assert published == {name for name, one in services().items() if "public" in one["networks"]}
    assert published == {"proxy"}
    assert networks["data"]["internal"]
    assert networks["edge"]["internal"]
    assert {name for name, one in services().items() if "edge" in one["networks"]} == {
        "proxy",
        "gateway",
    }
    for name in ("gateway", "postgres", "valkey"):
        reached = services()[name]["networks"]
        assert all(networks[one]["internal"] for one in reached), name


def test_the_gateways_trust_the_network_of_the_proxy_only() -> None:
    ((subnet,),) = [one.values() for one in compose()["networks"]["edge"]["ipam"]["config"]]
    environment = services()["init"]["environment"]
    assert environment == {"SWAPGATE_TRUSTED_PROXIES": subnet}


@ALL
def test_a_service_has_a_read_only_root_no_new_privileges_and_limits(name: str) -> None:
    one = services()[name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert (one["user"].partition(":")[0] == "0") is (name in OF_ROOT)
    assert ("cap_add" in one) is (name in {"init", "operator", "restore"})
    assert (one.get("profiles") == ["tools"]) is (name in TOOLS)
    assert not {"privileged", "network_mode", "pid", "devices"} & one.keys()


@ALL
def test_a_service_that_keeps_running_has_a_health_check_and_waits_for_what_it_needs(
    name: str,
) -> None:
    one = services()[name]
    ends = one["restart"] == "no"
    assert ends is (name in OF_ROOT)
    if name in ours() and not ends:
        assert one["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    if name not in ours() and not ends:
        assert one["healthcheck"]["test"]
    for needed, how in one.get("depends_on", {}).items():
        assert needed in services()
        assert how["condition"].startswith("service_")


@ALL
def test_every_file_of_the_checkout_that_a_service_mounts_exists(name: str) -> None:
    sources = {volume.partition(":")[0] for volume in services()[name].get("volumes", ())}
    made = {"./settings", "./secrets/certificates", "./backups"}
    """By the operator, see docs/operations.md."""
    for source in sources:
        if source.startswith("./") and not any(source.startswith(one) for one in made):
            assert (DEPLOY / source).is_file(), source


def test_passwords_are_files_and_images_have_versions() -> None:
    for name, secret in compose()["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    for name, one in services().items():
        assert name in ours() or re.search(r":[0-9.]+-bookworm$", one["image"]), name
    assert "${" not in (DEPLOY / "compose.yaml").read_text()
