"""An attacker who controls one process uses its connection to Valkey against the others."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from valkey import Valkey
from valkey.exceptions import AuthenticationError, NoPermissionError, ResponseError

from gateway.instance import ValkeyUser
from persistence.embedded.valkey import EmbeddedValkey
from tests.conftest import Running, Servers
from tests.support.clients.cabinet import CabinetPartner
from tests.support.clients.partner import order_request, quote_request
from tests.support.servers.processes import child, environment_of
from tests.support.waiting import wait_until

PARTNER, MEMBER = "{p:01890a5d-ac96-774b-bcce-b302099a8057}", "{m:01890a5d}"
SESSION, WINDOW, NONCE = f"{MEMBER}:session:a", f"{PARTNER}:weights", f"{PARTNER}:nonce:n"
RATES, LEADER, SOURCES = "rates:snapshot", "{rates:snapshot}:leader", "{rates:snapshot}:sources"
REVISION = f"{PARTNER}:revision"
STREAM, SINCE, ATTEMPTS, ADDRESS = "webhooks:due", "nonces:since", "attempts:{a}", "{ip:a}:1"
MARKER = "history:marker"
KEYS = {
    *(SESSION, f"{MEMBER}:sessions", WINDOW, NONCE, REVISION, ATTEMPTS, ADDRESS),
    *(RATES, LEADER, SOURCES, STREAM, SINCE, MARKER),
}
OF_THE_GATEWAY = KEYS - {RATES, LEADER, SOURCES, STREAM, MARKER}
WRITES: Mapping[ValkeyUser, set[str]] = {
    ValkeyUser.GATEWAY: OF_THE_GATEWAY,
    ValkeyUser.RATES: {RATES, LEADER, SOURCES},
    ValkeyUser.SETTLEMENT: {MARKER},
    ValkeyUser.WEBHOOKS: {STREAM},
    ValkeyUser.OPERATOR: {REVISION},
}
READS: Mapping[ValkeyUser, set[str]] = {
    ValkeyUser.GATEWAY: OF_THE_GATEWAY | {RATES},
    ValkeyUser.RATES: {RATES, LEADER, SOURCES},
    ValkeyUser.SETTLEMENT: {RATES, MARKER},
    ValkeyUser.WEBHOOKS: {STREAM},
    ValkeyUser.OPERATOR: {RATES, SOURCES, SINCE, REVISION, MARKER},
}
CHANNELS: Mapping[ValkeyUser, set[str]] = {
    ValkeyUser.GATEWAY: {"rates", "changes"},
    ValkeyUser.RATES: {"rates"},
    ValkeyUser.SETTLEMENT: set(),
    ValkeyUser.WEBHOOKS: set(),
    ValkeyUser.OPERATOR: {"changes"},
}
"""Channels that each may publish on."""
OF_ADMINISTRATORS = [
    *("FLUSHALL", "FLUSHDB", "SAVE", "BGREWRITEAOF", "SHUTDOWN NOSAVE", "MONITOR", "RANDOMKEY"),
    *("CONFIG GET dir", "CONFIG SET dir /tmp", "CONFIG REWRITE", "DEBUG SLEEP 0", "MODULE LIST"),
    *(
        "MODULE LOAD /tmp/x.so",
        "REPLICAOF 127.0.0.1 1",
        "FAILOVER",
        "CLUSTER RESET",
        "PSYNC ? -1",
    ),
    *("ACL LIST", "ACL SETUSER swapgate_rates +@all", "ACL LOAD", "ACL WHOAMI", "LATENCY DOCTOR"),
    *("CLIENT LIST", "CLIENT KILL TYPE normal", "CLIENT PAUSE 1", "SLOWLOG GET", "MEMORY DOCTOR"),
    *("KEYS *", "SCAN 0", "DBSIZE", "SWAPDB 0 1", "OBJECT HELP", "CLUSTER NODES"),
    *("EVAL return(1) 0", "EVAL_RO return(1) 0", "FUNCTION LIST", "FUNCTION FLUSH", "FCALL f 0"),
    *("SCRIPT FLUSH", "SCRIPT KILL", "SCRIPT SHOW a", "PUBSUB CHANNELS", "PSUBSCRIBE *"),
    *("MIGRATE 127.0.0.1 1 a 0 1", f"DUMP {SESSION}", f"RENAME {SESSION} {NONCE}"),
    *(f"COPY {SESSION} {NONCE}", f"SORT {SESSION}", f"MOVE {SESSION} 1", f"UNLINK {SESSION}"),
]
READING = ("GET", "HGETALL", "LLEN", "ZCARD", "XLEN", "EXISTS")
CHANGING = (
    *("SET {} a", "DEL {}", "HSET {} a b", "RPUSH {} a", "ZADD {} 1 a", "INCRBY {} 1"),
    *("EXPIRE {} 9", "XADD {} * a b", "XDEL {} 1-1"),
)
READ_BY_SCRIPT = "return server.call('GET', ARGV[1])"
OWN_DATABASE = 8


@pytest.fixture(params=list(ValkeyUser))
def user(request: pytest.FixtureRequest) -> ValkeyUser:
    return ValkeyUser(request.param)


@pytest.fixture
def client(servers: Servers, user: ValkeyUser) -> Iterator[Valkey]:
    with Valkey.from_url(f"{servers.valkey.url_of(user)}?db={OWN_DATABASE}") as client:
        yield client


def is_denied(client: Valkey, command: str) -> bool:
    """Tell whether a command is not permitted; one that fails for another reason was."""
    try:
        client.execute_command(*command.split())  # type: ignore[no-untyped-call]
    except NoPermissionError:
        return True
    except ResponseError as error:
        reason = str(error)
    else:
        return False
    assert "unknown command" not in reason, command
    return "command not allowed" in reason  # by the configuration, for anybody


@pytest.mark.parametrize("command", OF_ADMINISTRATORS)
def test_no_process_administrates_valkey(client: Valkey, command: str) -> None:
    assert is_denied(client, command)


def test_a_process_reads_only_its_own_keys(client: Valkey, user: ValkeyUser) -> None:
    readable = {
        key for key in KEYS if not all(is_denied(client, f"{verb} {key}") for verb in READING)
    }
    assert readable == READS[user]


def test_a_process_changes_only_its_own_keys(client: Valkey, user: ValkeyUser) -> None:
    changeable = {
        key for key in KEYS if not all(is_denied(client, one.format(key)) for one in CHANGING)
    }
    assert changeable == WRITES[user]


def test_a_process_publishes_only_on_its_own_channels(client: Valkey, user: ValkeyUser) -> None:
    channels = ("rates", "changes", "other", "__keyevent@0__:set")
    assert {one for one in channels if not is_denied(client, f"PUBLISH {one} a")} == CHANNELS[user]


@pytest.mark.parametrize("user", [ValkeyUser.GATEWAY, ValkeyUser.RATES], indirect=True)
def test_a_script_reads_no_more_than_its_caller(client: Valkey, user: ValkeyUser) -> None:
    digest = client.script_load(READ_BY_SCRIPT)
    for key in KEYS - READS[user]:
        for declared in (0, 1):
            keys = [key] * declared
            with pytest.raises(ResponseError, match=r"(?i)permission|ACL failure"):
                client.evalsha(str(digest), declared, *keys, key)


def test_nobody_gets_in_without_a_password(servers: Servers, up: Running) -> None:
    for url in (servers.valkey.url, up.valkey_url()):
        path = url.rpartition("@")[2]
        for credentials in ("", "default:@", "swapgate_gateway:@", "swapgate_owner:guess@"):
            with (
                Valkey.from_url(f"unix://{credentials}{path}") as client,
                pytest.raises(AuthenticationError),
            ):
                client.ping()


@pytest.mark.parametrize(
    ("process", "commands"),
    [
        ("rates", [f"HGETALL {SESSION}", f"GET {NONCE}", f"SET {MARKER} forged"]),
        ("webhooks", [f"GET {RATES}", f"HSET {SESSION} proved 1", f"DEL {NONCE}"]),
        ("settlement", [f"SET {RATES} forged", "PUBLISH rates forged", f"HGETALL {SESSION}"]),
        ("serve", [f"SET {RATES} forged", f"SET {MARKER} forged", "XADD webhooks:due * a b"]),
    ],
)
def test_the_connection_of_a_running_process_is_of_no_use_against_the_others(
    up: Running, process: str, commands: list[str]
) -> None:
    """The attacker reads the variables of the process, which contain its URL of Valkey."""
    variables = environment_of(child(up, process))
    with Valkey.from_url(variables["SWAPGATE_VALKEY_URL"]) as client:
        assert client.ping()
        for command in (*commands, "FLUSHALL", "CONFIG GET requirepass", "EVAL return(1) 0"):
            assert is_denied(client, command), command


@pytest.mark.parametrize("process", ["rates", "webhooks", "settlement", "serve"])
def test_a_process_is_given_no_other_password_than_its_own(up: Running, process: str) -> None:
    passwords = json.loads((up.data_dir / "valkey" / "passwords.json").read_bytes())
    given = str(environment_of(child(up, process)))
    own = "gateway" if process == "serve" else process
    assert {user for user, password in passwords.items() if password in given} == {own}


def test_no_process_is_denied_what_it_does(up: Running) -> None:
    """Quotes, an order with its events, the cabinet, a rotation and commands."""
    with Valkey.from_url(up.valkey_url()) as owner:
        owner.execute_command("ACL", "LOG", "RESET")
        partner = CabinetPartner.new(up)
        assert partner.api.until_active().call("/price", quote_request()).code == 0
        partner.carried(partner.api.call("/create", order_request()).data)
        member = partner.owner()
        for path in ("/partner", "/partner/account", "/partner/webhooks", "/partner/keys"):
            assert member.get(path).status in (200, 303)
        assert partner.api.call("/keys/rotate", {"rotate": ["webhookSecret"]}).code == 0
        up.command("doctor")
        wait_until(lambda: owner.xlen(STREAM), (0).__eq__)
        assert owner.execute_command("ACL", "LOG") == []


def test_a_server_that_runs_already_gets_the_rights_of_this_version(tmp_path: Path) -> None:
    """As after an upgrade: the server outlived the process that had started it."""
    first = EmbeddedValkey(tmp_path / "valkey")
    first.start()
    try:
        acl = tmp_path / "valkey" / "users.acl"
        acl.write_text(acl.read_text().replace("-@all +client|setinfo", "+@all"))
        with Valkey.from_url(first.url) as owner:
            owner.acl_load()
        url = first.url_of(ValkeyUser.RATES)
        with Valkey.from_url(url) as client:
            assert not is_denied(client, "FLUSHALL")
        EmbeddedValkey(tmp_path / "valkey").start()
        assert first.url_of(ValkeyUser.RATES) == url
        with Valkey.from_url(url) as client:
            assert is_denied(client, "FLUSHALL")
    finally:
        first.stop()
