"""Outside the sandbox the sandbox API does not exist, for anyone (contract, section 22)."""

import json

import pytest

from gateway.api.endpoints import ENDPOINTS
from tests.conftest import Running
from tests.support.clients.partner import Partner, send

PATHS = [endpoint.path for endpoint in ENDPOINTS if endpoint.sandbox_only]
NOT_FOUND = b'{"code":6,"msg":"NOT_FOUND"}'
BODY = {"id": "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47", "seconds": 1, "type": "webhook.test"}


@pytest.fixture(scope="module")
def partner(live: Running) -> Partner:
    return live.new_partner()


def test_there_are_six_calls() -> None:
    assert [path.rpartition("/")[2] for path in PATHS] == [
        *("deposit", "confirm", "payout", "expire", "advance", "webhook"),
    ]


@pytest.mark.parametrize("path", PATHS)
def test_signed_and_unsigned_calls_get_the_response_of_an_unknown_path(
    live: Running, partner: Partner, path: str
) -> None:
    signed = partner.call(path, BODY)
    unsigned = send(f"{live.base_url}/v1{path}", json.dumps(BODY).encode())
    with_details = partner.call(path, BODY, **{"X-API-DETAILS": "1"})
    for response in (signed, unsigned, with_details):
        assert (response.status, response.body) == (404, NOT_FOUND)
        assert "ratelimit" not in response.headers
    assert send(f"{live.base_url}/api/v1{path}", method="GET").status == 404


def test_the_document_of_a_live_installation_has_no_sandbox(live: Running) -> None:
    document = send(f"{live.base_url}/openapi.json", method="GET").json()
    assert not [path for path in document["paths"] if "sandbox" in path]
