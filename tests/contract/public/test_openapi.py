"""What /openapi.json shows is true: every example, sent to a running service, is answered so."""

import json
from typing import Any

import jsonschema
import pytest

from tests.conftest import Running
from tests.support.clients.partner import Partner, Response, send

OPERATIONS = (
    *("POST /currencies", "POST /pairs", "POST /price", "POST /create", "POST /order"),
    *("POST /emergency", "POST /qr", "POST /keys/rotate", "POST /codes", "GET /codes"),
    *("DELETE /codes", "POST /codes/enable", "GET /status/{id}"),
)
SUCCEEDING = {
    *("POST /currencies", "POST /pairs", "POST /price", "POST /create", "POST /keys/rotate"),
    *("POST /codes", "GET /codes", "DELETE /codes", "POST /codes/enable"),
}
"""The others' examples name an order that is only there in the examples."""


@pytest.fixture(scope="session")
def document(up: Running) -> dict[str, Any]:
    return send(f"{up.base_url}/openapi.json", method="GET").json()


@pytest.fixture(scope="module")
def partner(up: Running) -> Partner:
    """A partner of these tests alone: they rotate its keys."""
    made = up.json("partner", "create", "--email", "examples@example.org")
    return Partner(up.base_url, str(made["apiKey"]), str(made["apiSecret"])).until_known()


def call(
    document: dict[str, Any], partner: Partner, operation: str, *, prefix: str, signed: bool = True
) -> Response:
    method, _, path = operation.partition(" ")
    described = document["paths"][path][method.lower()]
    body = b""
    if "requestBody" in described:
        content = described["requestBody"]["content"]["application/json"]
        body = json.dumps(content["examples"]["request"]["value"]).encode()
    headers = partner.headers(body) if signed else {}
    for parameter in described["parameters"]:
        shown = document["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
        if shown["in"] == "path":
            path = path.replace(f"{{{shown['name']}}}", shown["schema"]["examples"][0])
    return send(f"{partner.base_url}{prefix}{path}", body, headers, method=method)


def is_documented(document: dict[str, Any], operation: str, answer: Response) -> None:
    method, _, path = operation.partition(" ")
    described = document["paths"][path][method.lower()]["responses"][str(answer.status)]
    schema = described["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(whole).validate(answer.json())
    names = {name.lower() for name in described["headers"]}
    required = {
        name.lower()
        for name, header in document["components"]["headers"].items()
        if name.lower() in names and header.get("required")
    }
    assert answer.headers.keys() >= required
    ours = {"ratelimit", "ratelimit-policy", "retry-after", "allow"} & answer.headers.keys()
    assert ours <= names


def test_operations_match_the_contract(document: dict[str, Any]) -> None:
    told = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert told == set(OPERATIONS)


def test_every_example_request_returns_the_documented_response(
    document: dict[str, Any], partner: Partner
) -> None:
    """In this order: a code is created before it is listed, disabled and enabled again."""
    for operation in OPERATIONS:
        answer = call(document, partner, operation, prefix=document["servers"][0]["url"])
        is_documented(document, operation, answer)
        assert (answer.code == 0) == (operation in SUCCEEDING), (operation, answer.body)
        if operation == "POST /keys/rotate":
            partner.api_secret = answer.data["apiSecret"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_error_responses_match_the_document(
    document: dict[str, Any], partner: Partner, operation: str
) -> None:
    prefix = document["servers"][1]["url"]
    unsigned = call(document, partner, operation, prefix=prefix, signed=False)
    is_documented(document, operation, unsigned)
    method, _, path = operation.partition(" ")
    optional = {} in document["paths"][path][method.lower()]["security"]
    found = 0 if operation in SUCCEEDING else 6
    assert unsigned.code == (found if optional else 2)
    stranger = Partner(partner.base_url, partner.api_key, "another secret")
    answer = call(document, stranger, operation, prefix=prefix)
    is_documented(document, operation, answer)
    assert answer.code == 3
    wrong = send(f"{partner.base_url}{prefix}{path}", method="PATCH")
    is_documented(document, operation, wrong)
    assert wrong.headers["allow"].split(", ").count(method) == 1


def test_an_exhausted_budget_returns_the_documented_headers(
    up: Running, document: dict[str, Any]
) -> None:
    made = up.json("partner", "create", "--email", "spender@example.org")
    up.json("partner", "set", "spender@example.org", "--budget", "149")
    spender = Partner(up.base_url, str(made["apiKey"]), str(made["apiSecret"])).until_known()
    answers = [call(document, spender, "POST /create", prefix="/v1") for _ in range(3)]
    for answer in answers:
        is_documented(document, "POST /create", answer)
    assert {answer.status for answer in answers} == {200, 429}
    assert answers[-1].headers.keys() >= {"retry-after", "ratelimit", "ratelimit-policy"}
    assert answers[-1].headers["ratelimit-policy"] == '"default";q=149;w=60'


def test_the_openapi_document_is_served_with_an_etag(up: Running) -> None:
    url = f"{up.base_url}/openapi.json"
    answer = send(url, method="GET")
    assert answer.headers["content-type"] == "application/json"
    tag = answer.headers["etag"]
    again = send(url, headers={"If-None-Match": tag}, method="GET")
    assert (again.status, again.body) == (304, b"")
    assert send(url, headers={"If-None-Match": '"another"'}, method="GET").body == answer.body
