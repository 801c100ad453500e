"""Section 16 of the contract: keys with scopes, rotation with overlap, and revoked keys."""

import json
import time
from uuid import uuid4

import pytest

from domain.partners.scopes import Scope
from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from tests.conftest import Running
from tests.support.bad_input.keys import OVERLAPS
from tests.support.clients.command import invoke_in_thread
from tests.support.clients.partner import Partner, Response, quote_request

ROTATE = "/keys/rotate"
INVALID_REQUEST = (1, 400)
SCOPE = (16, 403)


class Holder(Partner):
    """A partner with a budget for many calls, through its first key."""

    def __init__(self, up: Running) -> None:
        self.up = up
        self.email = f"{uuid4().hex}@partner.example"
        created = up.json("partner", "create", "--email", self.email)
        up.json("partner", "set", self.email, "--budget", "1000000")
        super().__init__(up.base_url, str(created["apiKey"]), str(created["apiSecret"]))

    def new_key(self, scope: str = "full", label: str = "") -> Partner:
        created = self.up.json("key", "create", self.email, "--scope", scope, "--label", label)
        return Partner(self.base_url, str(created["apiKey"]), str(created["apiSecret"]))

    def revoke(self, key: Partner) -> None:
        assert self.up.json("key", "revoke", self.email, key.api_key)["revokedAt"] is not None


@pytest.fixture(scope="module")
def holder(up: Running) -> Holder:
    return Holder(up)


@pytest.fixture(scope="module")
def keys(holder: Holder) -> dict[Scope, Partner]:
    return {scope: holder.new_key(scope.value) for scope in Scope}


def failed_command(up: Running, *arguments: str) -> str:
    """Run a command that fails, in this process, and return its message."""
    done = invoke_in_thread(*arguments, data_dir=up.data_dir)
    assert done.exit_code == 1
    return done.stderr


def error_of(response: Response) -> tuple[int, int]:
    assert set(response.json()) == {"code", "msg"}
    return response.code, response.status


def example_call(key: Partner, endpoint: Endpoint) -> Response:
    path = endpoint.path.replace("{id}", str(uuid4()))
    return key.call(path, endpoint.example.request, method=endpoint.method)


def rotated_by_its_example(endpoint: Endpoint, scope: Scope) -> bool:
    return endpoint.path == ROTATE and scope is Scope.FULL


CALLS = [
    pytest.param(endpoint, scope, id=f"{scope.value}: {endpoint.method} {endpoint.path}")
    for endpoint in ENDPOINTS
    for scope in Scope
    if not rotated_by_its_example(endpoint, scope)
]


@pytest.mark.parametrize(("endpoint", "scope"), CALLS)
def test_a_key_may_call_the_endpoints_of_its_scope_only(
    keys: dict[Scope, Partner], endpoint: Endpoint, scope: Scope
) -> None:
    response = example_call(keys[scope], endpoint)
    if scope in endpoint.scopes:
        assert response.code != SCOPE[0]
    else:
        assert error_of(response) == SCOPE
        assert response.body == b'{"code":16,"msg":"SCOPE"}'
        assert "ratelimit" in response.headers


def test_the_scope_is_checked_after_the_nonce_and_before_the_body(
    keys: dict[Scope, Partner],
) -> None:
    key = keys[Scope.READ]
    headers = key.headers(b"not JSON")
    assert error_of(key.post("/create", b"not JSON", headers)) == SCOPE
    assert key.post("/create", b"not JSON", headers).code == 3, "the nonce is consumed"
    forged = Partner(key.base_url, key.api_key, "x" * 43)
    assert forged.call("/create", {}).code == 3


def test_a_call_outside_the_scope_is_charged(up: Running) -> None:
    key = Holder(up).new_key("read")
    before = key.remaining_weight()
    assert error_of(key.call("/create", {})) == SCOPE
    assert key.remaining_weight() == before - 51


def test_keys_share_nonces_and_the_budget(up: Running) -> None:
    holder = Holder(up)
    one, other = holder.new_key(), holder.new_key()
    nonce = uuid4().hex
    assert one.post("/pairs", b"{}", one.headers(b"{}", nonce=nonce)).code == 0
    assert other.post("/pairs", b"{}", other.headers(b"{}", nonce=nonce)).code == 3
    assert other.remaining_weight() == one.remaining_weight() + 1


def test_a_code_is_used_with_every_key_of_its_partner(holder: Holder) -> None:
    code = f"code-{uuid4().hex[:8]}"
    assert holder.call("/codes", {"code": code, "afftaxBps": 123}).code == 0
    trading = holder.new_key("trade")
    assert trading.call("/price", quote_request(), code=code).data["markupBps"] == 123


def test_rotating_one_key_does_not_affect_the_others(holder: Holder) -> None:
    one, other = holder.new_key(), holder.new_key()
    new = one.call(ROTATE, {"rotate": ["apiSecret"]}).data["apiSecret"]
    assert one.call("/pairs", {}).code == 3
    assert Partner(one.base_url, one.api_key, new).call("/pairs", {}).code == 0
    assert other.call("/pairs", {}).code == 0
    assert other.call(ROTATE, {"rotate": ["apiSecret"]}).code == 0
    assert holder.call("/pairs", {}).code == 0


def test_the_secret_before_a_rotation_is_accepted_during_the_overlap_only(holder: Holder) -> None:
    old = holder.new_key()
    began = time.monotonic()
    answer = old.call(ROTATE, {"rotate": ["apiSecret"], "overlapSeconds": 3}).data
    new = Partner(old.base_url, old.api_key, answer["apiSecret"])
    while time.monotonic() - began < 2:
        assert (old.call("/pairs", {}).code, new.call("/pairs", {}).code) == (0, 0)
    time.sleep(max(0.0, began + 3.5 - time.monotonic()))
    assert (old.call("/pairs", {}).code, new.call("/pairs", {}).code) == (3, 0)


def test_the_secret_before_a_rotation_cannot_rotate(holder: Holder) -> None:
    old = holder.new_key()
    answer = old.call(ROTATE, {"rotate": ["apiSecret"], "overlapSeconds": 60}).data
    again = old.call(ROTATE, {"rotate": ["apiSecret"]})
    assert error_of(again) == (14, 409)
    new = Partner(old.base_url, old.api_key, answer["apiSecret"])
    assert new.call("/pairs", {}).code == 0


@pytest.mark.parametrize("overlap", [None, 0, 60])
def test_another_rotation_ends_the_overlap_of_the_first(
    holder: Holder, overlap: int | None
) -> None:
    first = holder.new_key()
    answer = first.call(ROTATE, {"rotate": ["apiSecret"], "overlapSeconds": 86_400}).data
    second = Partner(first.base_url, first.api_key, answer["apiSecret"])
    answer = second.call(ROTATE, {"rotate": ["apiSecret"], "overlapSeconds": overlap}).data
    third = Partner(first.base_url, first.api_key, answer["apiSecret"])
    codes = [one.call("/pairs", {}).code for one in (first, second, third)]
    assert codes == [3, 0 if overlap else 3, 0]


def test_a_revoked_key_is_rejected_like_an_unknown_one(holder: Holder) -> None:
    for _ in range(5):
        key = holder.new_key()
        assert key.call("/pairs", {}).code == 0
        holder.revoke(key)
        for _ in range(10):
            rejected = key.call("/pairs", {})
            assert rejected.code == 3
        unknown = Partner(key.base_url, "u" * 24, key.api_secret).call("/pairs", {})
        assert (unknown.status, unknown.body) == (rejected.status, rejected.body)
        assert unknown.headers.keys() == rejected.headers.keys()
    assert holder.call("/pairs", {}).code == 0


def test_a_new_key_is_accepted_by_every_worker_at_once(holder: Holder) -> None:
    for _ in range(3):
        key = holder.new_key()
        assert [key.call("/pairs", {}).code for _ in range(10)] == [0] * 10
        holder.revoke(key)


@pytest.mark.parametrize("case", OVERLAPS)
def test_a_rotation_with_an_invalid_overlap_changes_nothing(holder: Holder, case: str) -> None:
    request = {"rotate": ["apiSecret"], "overlapSeconds": OVERLAPS[case]}
    assert error_of(holder.call(ROTATE, request)) == INVALID_REQUEST
    assert holder.call("/pairs", {}).code == 0


def test_an_overlap_needs_an_api_secret(holder: Holder) -> None:
    request = {"rotate": ["webhookSecret"], "overlapSeconds": 60}
    assert error_of(holder.call(ROTATE, request)) == INVALID_REQUEST


LABELS = {
    "65 characters": "x" * 65,
    "a line feed": "a\nb",
    "a tab": "a\tb",
    "an escape": "\x1b[31m",
    "a C1 control": "a\x85b",
    "a delete": "a\x7f",
    "a line separator": "a\u2028b",
    "a right-to-left override": "a\u202eb",
    "a left-to-right isolate": "a\u2066b",
    "a right-to-left mark": "a\u200fb",
    "a zero-width space": "a\u200bb",
    "a byte order mark": "\ufeffab",
}


@pytest.mark.parametrize("case", LABELS)
def test_a_key_with_an_invalid_label_is_neither_created_nor_labelled(
    up: Running, holder: Holder, case: str
) -> None:
    before = up.json("key", "list", holder.email)
    for arguments in (["create", holder.email, "--label"], ["label", holder.email, holder.api_key]):
        assert "A label" in failed_command(up, "key", *arguments, LABELS[case])
    without_use = [{**key, "usedAt": None} for key in before]
    assert [{**key, "usedAt": None} for key in up.json("key", "list", holder.email)] == without_use


def test_a_partner_has_20_keys_at_most(up: Running) -> None:
    full = Holder(up)
    keys = [full.new_key() for _ in range(19)]
    assert "maximum number of keys" in failed_command(up, "key", "create", full.email)
    full.revoke(keys[7])
    assert full.new_key().call("/pairs", {}).code == 0
    listed = up.json("key", "list", full.email)
    assert len(listed) == 21
    assert [key["revokedAt"] is None for key in listed] == [True] * 20 + [False]


UNUSABLE = {
    "another partner's key": "theirs",
    "a revoked key": "revoked",
    "an unknown key": "unknown",
    "a key with a code": "coded",
}


@pytest.fixture(scope="module")
def other(up: Running) -> Holder:
    return Holder(up)


@pytest.fixture(scope="module")
def revoked(holder: Holder) -> Partner:
    key = holder.new_key()
    holder.revoke(key)
    return key


@pytest.mark.parametrize("command", ["revoke", "label"])
@pytest.mark.parametrize("case", UNUSABLE)
def test_the_operator_changes_keys_of_the_named_partner_only(
    up: Running, holder: Holder, other: Holder, revoked: Partner, case: str, command: str
) -> None:
    key = {
        "theirs": other.api_key,
        "revoked": revoked.api_key,
        "unknown": "u" * 24,
        "coded": f"{holder.api_key}.code",
    }[UNUSABLE[case]]
    more = ["a label"] if command == "label" else []
    assert "no such key" in failed_command(up, "key", command, holder.email, key, *more)
    assert (other.call("/pairs", {}).code, holder.call("/pairs", {}).code) == (0, 0)


def test_actions_of_the_operator_on_keys_are_recorded_without_secrets(up: Running) -> None:
    partner = Holder(up)
    key = partner.new_key("trade", "till 4")
    up.json("key", "label", partner.email, key.api_key, "till 5")
    partner.revoke(key)
    trail = json.dumps(up.json("audit", "list"))
    assert "key revoke" in trail
    assert "till 5" in trail
    assert key.api_secret not in trail
