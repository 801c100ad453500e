"""The OpenAPI document: paths from the table of endpoints, schemas from the wire types."""

import inspect
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.errors import IdempotencyConflict
from domain.partners.scopes import Scope
from domain.partners.weights import WEIGHTS
from domain.webhooks.events import EVENT_BODIES
from gateway.api.dispatcher import PARAMETER, PREFIXES
from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from gateway.openapi import prose
from gateway.openapi.responses import FAILURE_SCHEMAS, responses
from gateway.openapi.schemas import Document, Schemas

_PATH_ITEMS: Final = "#/components/pathItems/"
# openapi-generator's typescript-fetch writes invalid code for webhooks, except for references.


def document(endpoints: Sequence[Endpoint] = ENDPOINTS, *, origin: str | None = None) -> bytes:
    """Return the OpenAPI 3.1 document as indented JSON; the result is deterministic.

    `origin` is the installation's public scheme and host; without it, clients have to set theirs.
    """
    schemas = _schemas(endpoints)
    webhooks = _webhooks(schemas)
    paths: Document = {}
    for endpoint in endpoints:
        operations = paths.setdefault(endpoint.path, {})
        operations[endpoint.method.lower()] = _operation(endpoint, schemas)
    whole = {
        "openapi": "3.1.0",
        "info": {
            "title": prose.TITLE,
            "version": prose.VERSION,
            "summary": prose.SUMMARY,
            "description": prose.DESCRIPTION,
            "contact": prose.CONTACT | ({"url": f"{origin}/docs"} if origin else {}),
            "license": prose.LICENSE,
        },
        "servers": _servers(origin),
        "tags": [*_tags(endpoints), prose.WEBHOOKS_TAG],
        "paths": paths,
        "webhooks": {name: {"$ref": f"{_PATH_ITEMS}{name}"} for name in webhooks},
        "components": {
            "schemas": schemas.components | FAILURE_SCHEMAS,
            "headers": prose.HEADERS,
            "parameters": prose.PARAMETERS,
            "securitySchemes": prose.SECURITY_SCHEMES,
            "pathItems": webhooks,
        },
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _servers(origin: str | None) -> list[Document]:
    if origin is not None:
        return [{"url": f"{origin}{prefix}"} for prefix in PREFIXES]
    return [
        {"url": f"{{origin}}{prefix}", "variables": {"origin": prose.ORIGIN}} for prefix in PREFIXES
    ]


def _tags(endpoints: Sequence[Endpoint]) -> list[Document]:
    """Return the tags with the docstrings of their modules, as in "/v1/qr: an order's image."."""
    texts = {
        _tag(endpoint): (inspect.getdoc(inspect.getmodule(endpoint.handle)) or "").partition(": ")[
            2
        ]
        for endpoint in endpoints
    }
    return [
        {"name": name, "description": text[:1].upper() + text[1:]} for name, text in texts.items()
    ]


def _tag(endpoint: Endpoint) -> str:
    return endpoint.path.split("/")[1]


def _schemas(endpoints: Sequence[Endpoint]) -> Schemas:
    types = [
        kind
        for endpoint in endpoints
        for kind in (
            endpoint.request_type,
            *endpoint.other_request_types,
            endpoint.response_type,
        )
        if kind is not None
    ]
    return Schemas([*types, *EVENT_BODIES.values()])


def _operation(endpoint: Endpoint, schemas: Schemas) -> Document:
    signed: Document = {name: [] for name in prose.SECURITY_SCHEMES}
    weight = WEIGHTS[endpoint.call]
    scopes = [scope.value for scope in Scope if scope in endpoint.scopes]
    parameters = ["RequestId", "SignVersion", "Details"]
    if endpoint.path.endswith(PARAMETER):
        parameters.append("OrderId")
    if IdempotencyConflict in endpoint.errors:
        parameters.append("IdempotencyKey")
    operation: Document = {
        "operationId": _operation_id(endpoint),
        "tags": [_tag(endpoint)],
        "summary": endpoint.summary,
        "description": f"{inspect.getdoc(endpoint.handle)}\n\nWeight: {weight}. {_scopes(scopes)}",
        "x-weight": weight,
        **({"x-sandbox-only": True} if endpoint.sandbox_only else {}),
        "x-scopes": scopes,
        "security": [signed] if endpoint.auth_required else [{}, signed],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in parameters],
        "responses": responses(endpoint, schemas.of(endpoint.response_type)),
    }
    if endpoint.request_type is not None:
        operation["requestBody"] = _request_body(endpoint, endpoint.request_type, schemas)
    return operation


def _scopes(scopes: Sequence[str]) -> str:
    return f"Scopes: {', '.join(f'`{scope}`' for scope in scopes)}."


def _operation_id(endpoint: Endpoint) -> str:
    words = endpoint.path.strip("/").split("/")
    return endpoint.method.lower() + "".join(word.title() for word in words if word != PARAMETER)


def _request_body(
    endpoint: Endpoint, request_type: type[msgspec.Struct], schemas: Schemas
) -> Document:
    required = any(field.required for field in msgspec.structs.fields(request_type))
    forms = [schemas.of(kind) for kind in (request_type, *endpoint.other_request_types)]
    requests = {"request": endpoint.example.request, **endpoint.example.other_requests}
    content = {
        "schema": forms[0] if len(forms) == 1 else {"oneOf": forms},
        "examples": {name: {"value": value} for name, value in requests.items()},
    }
    return {"required": required, "content": {"application/json": content}}


def _webhooks(schemas: Schemas) -> Document:
    parameters = [
        {
            "name": name,
            "in": "header",
            "required": True,
            "description": description,
            "schema": schema,
        }
        for name, description, schema in prose.WEBHOOK_HEADERS
    ]
    return {
        event.value: {
            "post": {
                "operationId": event.value.replace(".", "_"),
                "tags": [prose.WEBHOOKS_TAG["name"]],
                "summary": inspect.getdoc(body),
                "security": [],
                "parameters": parameters,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": schemas.of(body)}},
                },
                "responses": prose.WEBHOOK_RESPONSES,
            }
        }
        for event, body in EVENT_BODIES.items()
    }
