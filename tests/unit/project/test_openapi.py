"""The OpenAPI document is valid, and tells all that the tables of endpoints and errors hold."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any

import jsonschema
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from domain.orders.states import Status
from domain.partners.scopes import EVERY_SCOPE
from domain.webhooks.events import EVENT_BODIES, EventType
from domain.wire import UUID_FORM, one_of
from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from gateway.errors import TABLE
from gateway.openapi.document import document
from gateway.openapi.schemas import Schemas

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


def test_servers_are_absolute_at_the_origin_of_an_installation() -> None:
    served = json.loads(document(origin="https://swap.example"))
    assert [server["url"] for server in served["servers"]] == [
        "https://swap.example/v1",
        "https://swap.example/api/v1",
    ]
    assert served["info"]["contact"]["url"] == "https://swap.example/docs"
    for server in DOCUMENT["servers"]:
        default = server["variables"]["origin"]["default"]
        assert server["url"].replace("{origin}", default).startswith("http://127.0.0.1:8080/")


def test_the_document_lists_every_endpoint_and_nothing_else() -> None:
    documented = {
        (method.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
    }
    assert documented == {(endpoint.method, endpoint.path) for endpoint in ENDPOINTS}


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    """Return all objects inside of a part of the document."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from schemas_in(inner)


def described() -> list[dict[str, Any]]:
    return list(schemas_in(DOCUMENT["components"]["schemas"]))


def test_no_field_has_a_default_which_would_make_it_required_in_typescript() -> None:
    assert [one for one in described() if "default" in one] == []


def test_a_default_is_described_instead() -> None:
    class SwitchIn(msgspec.Struct):
        on: bool = False

    (switch,) = Schemas([SwitchIn]).components.values()
    assert switch["properties"]["on"] == {"type": "boolean", "description": "Default: `false`."}


def test_no_field_can_only_be_null_which_openapi_fetch_takes_for_one_that_is_never_sent() -> None:
    properties = [field for one in described() for field in one.get("properties", {}).values()]
    assert properties
    assert [one for one in properties if one.get("type") == "null"] == []


def test_descriptions_are_not_indented_which_would_make_them_code_in_markdown() -> None:
    texts = [one["description"] for one in described() if isinstance(one.get("description"), str)]
    assert any("\n\n" in text for text in texts)
    assert [text for text in texts if "\n " in text] == []


def test_only_fields_that_a_response_may_omit_are_optional_in_it() -> None:
    optional = {
        name: one["properties"].keys() - set(one["required"])
        for name, one in DOCUMENT["components"]["schemas"].items()
        if name.endswith("Out")
    }
    assert {name: fields for name, fields in optional.items() if fields} == {
        "SwapProblemOut": {"side", "fromLimit", "toLimit"},
        "RotatedKeysOut": {"apiSecret", "webhookSecret", "standardWebhookSecret"},
    }


def test_an_order_is_created_from_exactly_one_of_two_forms_each_with_an_example() -> None:
    body = DOCUMENT["paths"]["/create"]["post"]["requestBody"]["content"]["application/json"]
    forms = [one["$ref"].rpartition("/")[2] for one in body["schema"]["oneOf"]]
    assert forms == ["CreateOrderIn", "CreateQuotedOrderIn"]
    priced, quoted = (body["examples"][name]["value"] for name in ("request", "quoted"))
    matches(body["schema"], {**priced, "quoteId": None})
    matches(body["schema"], {**quoted, "direction": None, "amount": None, "afftax": None})
    for neither in ({**priced, **quoted}, {"toAddress": priced["toAddress"]}):
        with pytest.raises(jsonschema.ValidationError):
            matches(body["schema"], neither)


def test_ids_are_texts_which_clients_can_send_as_they_received_them() -> None:
    assert [one for one in described() if one.get("format") == "uuid"] == []
    assert re.fullmatch(
        UUID_FORM, DOCUMENT["components"]["parameters"]["OrderId"]["schema"]["examples"][0]
    )


def test_each_enum_exists_once_and_has_a_name() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    named = {name: one["enum"] for name, one in schemas.items() if "enum" in one}
    assert {"OrderStatus", "RateType", "ErrorName", "EmergencyReason"} <= named.keys()
    assert len([one for one in described() if "enum" in one]) == len(named)
    assert len({tuple(values) for values in named.values()}) == len(named)
    assert named["OrderStatus"] == sorted(status.value for status in Status)


def test_enums_of_responses_permit_values_of_later_versions() -> None:
    statuses = [
        DOCUMENT["components"]["schemas"][name]["properties"]["status"]
        for name in ("OrderOut", "OpenedOrderOut", "StatusOut")
    ]
    for status in statuses:
        assert {"$ref": "#/components/schemas/OrderStatus"} in status["anyOf"]
        matches(status, "NEW")
        matches(status, "A_LATER_STATUS")


def test_two_enums_of_one_name_are_rejected() -> None:
    class OneOut(msgspec.Struct):
        status: Annotated[str, one_of(Status, name="Same")]

    class OtherOut(msgspec.Struct):
        kind: Annotated[str, one_of(EventType, name="Same")]

    with pytest.raises(ValueError, match="two enums have the name Same"):
        Schemas([OneOut, OtherOut])


def test_enums_and_constants_have_a_type() -> None:
    untyped = [
        one
        for part in (DOCUMENT["paths"], DOCUMENT["components"])
        for one in schemas_in(part)
        if ("const" in one or isinstance(one.get("enum"), list)) and "type" not in one
    ]
    assert untyped == []


@endpoints
def test_failures_permit_fields_and_codes_of_later_versions(endpoint: Endpoint) -> None:
    for status, response in operation(endpoint)["responses"].items():
        if status != "200":
            schema = response["content"]["application/json"]["schema"]
            matches(schema, {"code": 77, "msg": "LATER", "more": 1})
            with pytest.raises(jsonschema.ValidationError):
                matches(schema, {"code": "1", "msg": "INVALID_REQUEST"})


def test_every_tag_is_described_and_used() -> None:
    described_tags = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}
    items = [*DOCUMENT["paths"].values(), *DOCUMENT["components"]["pathItems"].values()]
    used = {tag for item in items for one in item.values() for tag in one["tags"]}
    assert described_tags.keys() == used
    assert all(text.endswith(".") and text[0].isupper() for text in described_tags.values())
    assert DOCUMENT["info"]["contact"]
    assert DOCUMENT["info"]["license"]["identifier"] == "MIT"


def test_the_time_to_wait_is_described_by_the_name_of_its_header() -> None:
    assert "retry_after" not in json.dumps(DOCUMENT)
    assert "`Retry-After`" in DOCUMENT["paths"]["/price"]["post"]["responses"]["429"]["description"]


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
        for example in content["examples"].values():
            matches(content["schema"], example["value"])


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
    for name, reference in DOCUMENT["webhooks"].items():
        assert reference == {"$ref": f"#/components/pathItems/{name}"}
    for webhook in DOCUMENT["components"]["pathItems"].values():
        names = {parameter["name"] for parameter in webhook["post"]["parameters"]}
        assert "X-Partner-Webhook-Sign" in names


def test_an_endpoint_without_documentation_is_rejected() -> None:
    required = {field.name for field in msgspec.structs.fields(Endpoint) if field.required}
    assert required >= {
        *("scopes", "summary", "request_type", "response_type", "errors", "example"),
    }
