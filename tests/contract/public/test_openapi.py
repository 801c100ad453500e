"""/openapi.json is accurate: a running service responds to its examples as documented."""

import json
from typing import Any

import jsonschema
import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, send

OPERATIONS = (
    *("POST /currencies", "POST /pairs", "POST /price", "POST /create", "POST /order"),
    *("POST /emergency", "POST /qr", "POST /keys/rotate", "POST /codes", "GET /codes"),
    *("DELETE /codes", "POST /codes/enable", "GET /status/{id}", "POST /orders"),
    *("POST /orders/status", "POST /address/validate", "POST /quote"),
    *("POST /sandbox/deposit", "POST /sandbox/confirm", "POST /sandbox/payout"),
    *("POST /sandbox/expire", "POST /sandbox/advance", "POST /sandbox/webhook"),
)
SUCCEEDING = {
    *("POST /currencies", "POST /pairs", "POST /price", "POST /create", "POST /keys/rotate"),
    *("POST /codes", "GET /codes", "DELETE /codes", "POST /codes/enable", "POST /orders"),
    *("POST /orders/status", "POST /address/validate", "POST /quote"),
}
"""All other examples refer to an order that does not exist."""


@pytest.fixture(scope="module")
def document(up: Running) -> dict[str, Any]:
    return send(f"{up.base_url}/openapi.json", method="GET").json()


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    """A partner used by no other tests, since these rotate its keys."""
    return up.new_partner()


def call(
    document: dict[str, Any], partner: Partner, operation: str, *, prefix: str, signed: bool = True
) -> Response:
    method, _, path = operation.partition(" ")
    description = document["paths"][path][method.lower()]
    body = b""
    if "requestBody" in description:
        content = description["requestBody"]["content"]["application/json"]
        body = json.dumps(content["examples"]["request"]["value"]).encode()
    for parameter in description["parameters"]:
        definition = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
        if definition["in"] == "path":
            path = path.replace(f"{{{definition['name']}}}", definition["schema"]["examples"][0])
    path = f"{prefix}{path}"
    headers = partner.v2_headers(path, body, method=method) if signed else {}
    return send(f"{partner.base_url}{path}", body, headers, method=method)


def assert_documented(document: dict[str, Any], operation: str, response: Response) -> None:
    method, _, path = operation.partition(" ")
    description = document["paths"][path][method.lower()]["responses"][str(response.status)]
    schema = description["content"]["application/json"]["schema"]
    complete_schema = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(complete_schema).validate(response.json())
    names = {name.lower() for name in description["headers"]}
    required = {
        name.lower()
        for name, header in document["components"]["headers"].items()
        if name.lower() in names and header.get("required")
    }
    assert response.headers.keys() >= required
    present = {"ratelimit", "ratelimit-policy", "retry-after", "allow"} & response.headers.keys()
    assert present <= names


def test_operations_match_the_contract(document: dict[str, Any]) -> None:
    operations_in_document = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert operations_in_document == set(OPERATIONS)


def test_servers_are_the_addresses_of_the_service(up: Running, document: dict[str, Any]) -> None:
    addresses = [server["url"] for server in document["servers"]]
    origin = up.base_url.replace("127.0.0.1", "localhost")
    assert addresses == [f"{origin}/v1", f"{origin}/api/v1"]


def test_every_example_request_returns_the_documented_response(
    document: dict[str, Any], partner: Partner
) -> None:
    """The order matters: a code is created before it is listed, disabled and enabled again."""
    for operation in OPERATIONS:
        response = call(document, partner, operation, prefix="/v1")
        assert_documented(document, operation, response)
        assert (response.code == 0) == (operation in SUCCEEDING), (operation, response.body)
        if operation == "POST /keys/rotate":
            partner.api_secret = response.data["apiSecret"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_error_responses_match_the_document(
    document: dict[str, Any], partner: Partner, operation: str
) -> None:
    prefix = "/api/v1"
    unsigned = call(document, partner, operation, prefix=prefix, signed=False)
    assert_documented(document, operation, unsigned)
    method, _, path = operation.partition(" ")
    optional = {} in document["paths"][path][method.lower()]["security"]
    expected = 0 if operation in SUCCEEDING else 6
    assert unsigned.code == (expected if optional else 2)
    forger = Partner(partner.base_url, partner.api_key, "another secret")
    response = call(document, forger, operation, prefix=prefix)
    assert_documented(document, operation, response)
    assert response.code == 3
    other_method = send(f"{partner.base_url}{prefix}{path}", method="PATCH")
    assert_documented(document, operation, other_method)
    assert other_method.headers["allow"].split(", ").count(method) == 1


def test_an_exhausted_budget_returns_the_documented_headers(
    up: Running, document: dict[str, Any]
) -> None:
    created = up.json("partner", "create", "--email", "spender@example.org")
    up.json("partner", "set", "spender@example.org", "--budget", "149")
    spender = Partner(up.base_url, str(created["apiKey"]), str(created["apiSecret"])).until_active()
    responses = [call(document, spender, "POST /create", prefix="/v1") for _ in range(3)]
    for response in responses:
        assert_documented(document, "POST /create", response)
    assert {response.status for response in responses} == {200, 429}
    assert responses[-1].headers.keys() >= {"retry-after", "ratelimit", "ratelimit-policy"}
    assert responses[-1].headers["ratelimit-policy"] == '"default";q=149;w=60'


def test_the_openapi_document_is_served_with_an_etag(up: Running) -> None:
    url = f"{up.base_url}/openapi.json"
    response = send(url, method="GET")
    assert response.headers["content-type"] == "application/json"
    tag = response.headers["etag"]
    cached = send(url, headers={"If-None-Match": tag}, method="GET")
    assert (cached.status, cached.body) == (304, b"")
    assert send(url, headers={"If-None-Match": '"another"'}, method="GET").body == response.body
