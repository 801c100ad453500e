"""Partners by command: their settings, and secrets that are shown once."""

from pathlib import Path
from uuid import UUID

import pytest
from valkey import Valkey

from persistence.passwords.hashing import verify_password
from persistence.postgres.partners.partners import read_access
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import KEYRING
from tests.support.clients.operator_command import Operator, new_operator, with_database

EMAIL = "team@wallet.example"


@pytest.fixture
def operator(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path)


def test_the_credentials_of_a_new_partner_authenticate(operator: Operator) -> None:
    created = operator.json("partner", "create", "--email", " Team@Wallet.example ")

    assert list(created) == [
        "id",
        "email",
        "apiKey",
        "apiSecret",
        "webhookSecret",
        "standardWebhookSecret",
    ]
    assert created["email"] == EMAIL
    access = with_database(
        operator.urls.gateway, lambda gateway: read_access(gateway, KEYRING, created["apiKey"])
    )
    assert access is not None
    assert access.id == UUID(created["id"])
    assert access.api_secret == created["apiSecret"]
    assert access.enabled


def test_the_settings_of_a_new_partner_are_stored(operator: Operator) -> None:
    operator.json(
        *("partner", "create", "--email", EMAIL, "--name", "A wallet", "--markup-bps", "2000"),
        *("--webhook-url", "https://wallet.example/hook"),
    )

    shown = operator.json("partner", "show", EMAIL)
    assert shown["name"] == "A wallet"
    assert shown["markupBps"] == 2000
    assert shown["webhookUrl"] == "https://wallet.example/hook"
    assert shown["events"] == ["order.status_changed"]


def test_secrets_are_shown_only_by_create(operator: Operator) -> None:
    created = operator.json("partner", "create", "--email", EMAIL)
    secrets = [created["apiSecret"], created["webhookSecret"]]

    for arguments in (
        ("list",),
        ("show", EMAIL),
        ("set", EMAIL, "--budget", "500"),
        ("disable", EMAIL),
        ("enable", EMAIL),
        ("password", EMAIL),
    ):
        for form in ((), ("--json",)):
            done = operator.run("partner", *arguments, *form)
            assert done.exit_code == 0, done.stderr
            assert EMAIL in done.stdout
            assert not any(secret in done.stdout + done.stderr for secret in secrets)
            assert "secret" not in done.stdout.lower()


def test_the_table_of_a_new_partner_has_its_credentials(operator: Operator) -> None:
    done = operator.run("partner", "create", "--email", EMAIL)

    for name in ("apiKey", "apiSecret", "webhookSecret"):
        assert name in done.stdout


def test_partners_are_listed_oldest_first(operator: Operator) -> None:
    assert operator.json("partner", "list") == []
    for name in ("one", "two", "three"):
        operator.json("partner", "create", "--email", f"{name}@wallet.example")

    listed = operator.json("partner", "list")
    assert [one["name"] for one in listed] == [
        f"{name}@wallet.example" for name in ("one", "two", "three")
    ]


def test_a_name_is_never_parsed_as_markup(operator: Operator) -> None:
    operator.json("partner", "create", "--email", EMAIL, "--name", "[/bold] [red]")

    assert "[/bold] [red]" in operator.run("partner", "list").stdout
    assert "[/bold] [red]" in operator.run("partner", "show", EMAIL).stdout


def test_a_partner_is_found_by_id_and_by_email_address(operator: Operator) -> None:
    partner_id = operator.partner(email=EMAIL)

    for who in (partner_id, partner_id.upper(), EMAIL, EMAIL.upper()):
        assert operator.json("partner", "show", who)["id"] == partner_id


@pytest.mark.parametrize("command", ["show", "enable", "disable", "password", "set"])
@pytest.mark.parametrize(
    "who", ["nobody@wallet.example", "01890a5d-ac96-774b-bcce-b302099a8057", "'; --"]
)
def test_an_unknown_partner_is_named_in_the_message(
    operator: Operator, command: str, who: str
) -> None:
    options = ["--budget", "500"] if command == "set" else []

    message = operator.error("partner", command, who, *options)
    assert message == f"There is no partner {who}"


def test_an_email_address_in_use_is_rejected_in_any_case(operator: Operator) -> None:
    operator.partner(email=EMAIL)

    message = operator.error("partner", "create", "--email", EMAIL.upper())
    assert message == f"There is a partner {EMAIL} already"
    assert len(operator.json("partner", "list")) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--email", "wallet"], "'wallet' is not an e-mail address"),
        (["--email", EMAIL, "--markup-bps", "2001"], "A markup of 2001 bps is not in 0..2000"),
        (["--email", EMAIL, "--markup-bps=-1"], "A markup of -1 bps is not in 0..2000"),
        (["--email", EMAIL, "--name", " "], "A name has 1 to 100 printable characters"),
        (
            ["--email", EMAIL, "--webhook-url", "wallet.example"],
            "A webhook URL looks like https://host/path: ASCII, no spaces",
        ),
    ],
)
def test_invalid_settings_of_a_new_partner_are_rejected(
    operator: Operator, options: list[str], message: str
) -> None:
    assert operator.error("partner", "create", *options) == message
    assert operator.json("partner", "list") == []


def test_plain_http_is_accepted_only_in_sandbox_mode(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> None:
    live = new_operator(database_urls, servers, tmp_path, sandbox=False)
    url = ["--webhook-url", "http://127.0.0.1:9000/"]
    partner_id = live.partner()

    for arguments in (["create", "--email", EMAIL], ["set", partner_id]):
        assert live.error("partner", *arguments, *url) == (
            "A webhook URL must be https: plain http is for sandbox mode"
        )

    (tmp_path / "playing").mkdir()
    sandbox = new_operator(database_urls, servers, tmp_path / "playing")
    assert sandbox.json("partner", "set", partner_id, *url)["webhookUrl"] == url[1]


def test_a_partner_is_not_created_without_a_key_ring(operator: Operator) -> None:
    keyring = operator.data_dir / "keyring.json"
    for content, complaint in ((b"{}", "cannot be used"), (None, "cannot be read")):
        keyring.unlink() if content is None else keyring.write_bytes(content)

        message = operator.error("partner", "create", "--email", EMAIL)
        assert message.startswith(f"The key ring {keyring} {complaint}: ")
    assert operator.json("partner", "list") == []


def test_only_the_named_settings_change(operator: Operator) -> None:
    partner_id = operator.partner(webhook_url="https://wallet.example/", markup_bps=7)
    before = operator.json("partner", "show", partner_id)
    changes = {
        "--webhook-url": ("https://wallet.example/2", "webhookUrl", "https://wallet.example/2"),
        "--markup-bps": ("150", "markupBps", 150),
        "--base-fee-share-bps": ("10000", "baseFeeShareBps", 10_000),
        "--budget": ("50", "budget", 50),
        "--max-codes": ("0", "maxCodes", 0),
        "--events": (
            "partner.paid_out, earnings.cleared",
            "events",
            ["earnings.cleared", "partner.paid_out"],
        ),
    }

    for option, (value, name, expected) in changes.items():
        before[name] = expected
        assert operator.json("partner", "set", partner_id, option, value) == before
    for option, expected_flag in (("--standard-webhooks", True), ("--no-standard-webhooks", False)):
        before["standardWebhooks"] = expected_flag
        assert operator.json("partner", "set", partner_id, option) == before
    assert operator.json("partner", "show", partner_id) == before


def test_the_webhook_url_and_the_events_can_be_removed(operator: Operator) -> None:
    partner_id = operator.partner(webhook_url="https://wallet.example/")

    changed = operator.json("partner", "set", partner_id, "--webhook-url", "", "--events", "")
    assert changed["webhookUrl"] is None
    assert changed["events"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "There is nothing to change"),
        (["--markup-bps", "2001"], "A markup of 2001 bps is not in 0..2000"),
        (["--base-fee-share-bps", "10001"], "A base fee share of 10001 is not in 0..10000"),
        (["--budget", "49"], "A weight budget of 49 is not in 50..10000000"),
        (["--max-codes", "10001"], "A cap on codes of 10001 is not in 0..10000"),
        (["--budget", "99999999999999999999"], "A weight budget of 99999999999999999999 is not"),
        (["--events", "order.opened"], "There is no event order.opened: there are order.status_"),
        (["--webhook-url", "ftp://wallet.example/"], "A webhook URL looks like https://host/path"),
        (
            ["--webhook-url", "https://a:b@wallet.example/"],
            "A webhook URL must not contain a user name",
        ),
    ],
)
def test_invalid_settings_are_rejected_and_change_nothing(
    operator: Operator, options: list[str], message: str
) -> None:
    partner_id = operator.partner()
    before = operator.json("partner", "show", partner_id)

    assert operator.error("partner", "set", partner_id, *options).startswith(message)
    assert operator.json("partner", "show", partner_id) == before


def test_a_partner_is_disabled_and_enabled_repeatedly(operator: Operator) -> None:
    partner_id = operator.partner()

    for command, enabled in (("disable", False), ("disable", False), ("enable", True)):
        assert operator.json("partner", command, partner_id)["enabled"] is enabled
        assert operator.json("partner", "show", partner_id)["enabled"] is enabled


def test_each_password_is_new_valid_once_and_stored_as_its_hash(operator: Operator) -> None:
    operator.partner(email=EMAIL)

    first, second = (operator.json("partner", "password", EMAIL) for _ in range(2))
    assert first["password"] != second["password"]
    assert second == {"email": EMAIL, "password": second["password"]}
    ((stored, one_time),) = operator.sql("SELECT password_hash, one_time FROM partner_users")
    assert one_time
    assert verify_password(second["password"], stored)
    assert not verify_password(first["password"], stored)


def test_every_change_of_a_partner_wakes_the_workers(operator: Operator) -> None:
    with Valkey.from_url(operator.valkey_url) as client, client.pubsub() as listener:
        listener.subscribe("changes")
        assert listener.get_message(timeout=30) is not None, "it is subscribed"
        partner_id = operator.json("partner", "create", "--email", EMAIL)["id"]
        for arguments in (["disable", partner_id], ["set", partner_id, "--budget", "60"]):
            assert listener.get_message(timeout=30) is not None
            before = operator.revisions()["partners"]
            operator.json("partner", *arguments)
            assert operator.revisions()["partners"] > before
        assert listener.get_message(timeout=30) is not None


def test_a_change_does_not_need_valkey(operator: Operator) -> None:
    partner_id = operator.partner()
    operator.lose_valkey()

    assert operator.json("partner", "disable", partner_id)["enabled"] is False


def test_an_argument_that_is_not_utf_8_is_rejected(operator: Operator) -> None:
    assert operator.error("partner", "show", "\udcff") == "An argument is not valid UTF-8"


@pytest.mark.parametrize("sandbox", [True, False])
def test_new_keys_accept_version_2_only_outside_the_sandbox(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path, *, sandbox: bool
) -> None:
    operator = new_operator(database_urls, servers, tmp_path, sandbox=sandbox)
    created = operator.json("partner", "create", "--email", EMAIL)
    second = operator.json("key", "create", EMAIL, "--scope", "read")
    for api_key in (created["apiKey"], second["apiKey"]):
        shown = operator.json("key", "show", EMAIL, "--key", api_key)
        assert (shown["email"], shown["apiKey"]) == (EMAIL, api_key)
        assert (shown["signatureV2Only"], shown["signatureV2Used"]) == (not sandbox, False)
