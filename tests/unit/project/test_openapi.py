"""The OpenAPI document is valid, and tells all that the tables of endpoints and errors hold."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from domain.partners.scopes import EVERY_SCOPE
from domain.webhooks.events import EVENT_BODIES, EventType
from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from gateway.errors import TABLE
from gateway.openapi.document import document

DOCUMENT: dict[str, Any] = json.loads(document())
EVERY_STATUS = {"400", "401", "405", "408", "413", "429", "500", "503"}

endpoints = pytest.mark.parametrize(
    "endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}"
)


def operation(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]
    return found


def matches(schema: dict[str, Any], value: object) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def test_the_document_is_openapi_3_1() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert DOCUMENT["openapi"] == "3.1.0"
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/v1", "/api/v1"]


def test_the_document_lists_every_endpoint_and_nothing_else() -> None:
    documented = {
        (method.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
    }
    assert documented == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}


def test_every_error_code_is_documented() -> None:
    told = {
        example["value"]["code"]
        for operations in DOCUMENT["paths"].values()
        for one in operations.values()
        for response in one["responses"].values()
        for example in response["content"]["application/json"]["examples"].values()
    }
    assert told == {0, 99} | {answer.code for answer in TABLE.values()}


@endpoints
def test_every_error_of_an_endpoint_is_documented_with_its_status(endpoint: Endpoint) -> None:
    responses = operation(endpoint)["responses"]
    assert responses.keys() >= EVERY_STATUS
    for fact in endpoint.errors:
        answer = TABLE[fact]
        content = responses[str(answer.status)]["content"]["application/json"]
        assert content["examples"][answer.msg]["value"] == {
            "code": answer.code,
            "msg": answer.msg,
        }


@endpoints
def test_all_examples_match_their_schemas(endpoint: Endpoint) -> None:
    for response in operation(endpoint)["responses"].values():
        content = response["content"]["application/json"]
        for example in content["examples"].values():
            matches(content["schema"], example["value"])
    body = operation(endpoint).get("requestBody")
    assert (body is None) == (endpoint.request_type is None)
    if body is not None:
        content = body["content"]["application/json"]
        matches(content["schema"], content["examples"]["request"]["value"])


@endpoints
def test_example_data_has_the_declared_type(endpoint: Endpoint) -> None:
    msgspec.json.decode(msgspec.json.encode(endpoint.example.data), type=endpoint.response_type)


@endpoints
def test_headers_are_documented_for_the_responses_that_carry_them(endpoint: Endpoint) -> None:
    responses = operation(endpoint)["responses"]
    for response in responses.values():
        assert response["headers"].keys() >= {"X-Request-Id", "Cache-Control"}
    assert "Allow" in responses["405"]["headers"]
    assert "Retry-After" in responses["429"]["headers"]
    assert "Retry-After" in responses["503"]["headers"]
    for status in ("200", "400", "429", "500", "503"):
        assert responses[status]["headers"].keys() >= {"RateLimit", "RateLimit-Policy"}
    assert all(header["description"] for header in DOCUMENT["components"]["headers"].values())


@endpoints
def test_documented_security_matches_the_required_signature(endpoint: Endpoint) -> None:
    signed: dict[str, list[str]] = {"key": [], "sign": [], "nonce": []}
    alternatives = [signed] if endpoint.auth_required else [{}, signed]
    assert operation(endpoint)["security"] == alternatives
    schemes = DOCUMENT["components"]["securitySchemes"]
    assert {scheme["name"] for scheme in schemes.values()} == {
        "X-API-KEY",
        "X-API-SIGN",
        "X-API-NONCE",
    }


@endpoints
def test_the_scopes_of_keys_are_documented(endpoint: Endpoint) -> None:
    documented = operation(endpoint)
    assert set(documented["x-scopes"]) == endpoint.scopes
    assert all(f"`{scope}`" in documented["description"] for scope in endpoint.scopes)
    assert ("403" in documented["responses"]) == (endpoint.scopes != EVERY_SCOPE)


def test_only_idempotent_operations_accept_an_idempotency_key() -> None:
    taking = [
        endpoint.path
        for endpoint in ENDPOINTS
        if {"$ref": "#/components/parameters/IdempotencyKey"} in operation(endpoint)["parameters"]
    ]
    assert taking == ["/create"]


def test_every_event_is_documented_as_a_webhook() -> None:
    assert EVENT_BODIES.keys() == set(EventType)
    assert DOCUMENT["webhooks"].keys() == {event.value for event in EventType}
    for webhook in DOCUMENT["webhooks"].values():
        names = {parameter["name"] for parameter in webhook["post"]["parameters"]}
        assert "X-Partner-Webhook-Sign" in names


def test_an_endpoint_without_documentation_is_rejected() -> None:
    required = {field.name for field in msgspec.structs.fields(Endpoint) if field.required}
    assert required >= {
        *("scopes", "summary", "request_type", "response_type", "errors", "example"),
    }
