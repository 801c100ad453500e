"""The OpenAPI document: paths from the table of endpoints, schemas from the wire types."""

import inspect
from collections.abc import Sequence
from typing import Any

import msgspec

from domain.errors import IdempotencyConflict
from domain.partners.scopes import Scope
from domain.partners.weights import WEIGHTS
from domain.webhooks.events import EVENT_BODIES
from gateway.api.dispatcher import PARAMETER
from gateway.api.endpoint import Endpoint
from gateway.api.endpoints import ENDPOINTS
from gateway.openapi import prose
from gateway.openapi.responses import Document, failure_schemas, responses


def document(endpoints: Sequence[Endpoint] = ENDPOINTS) -> bytes:
    """Return the OpenAPI 3.1 document as indented JSON; the result is deterministic."""
    schemas = _Schemas(endpoints)
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
        },
        "servers": [{"url": "/v1"}, {"url": "/api/v1"}],
        "paths": paths,
        "webhooks": _webhooks(schemas),
        "components": {
            "schemas": schemas.components | failure_schemas(),
            "headers": prose.HEADERS,
            "parameters": prose.PARAMETERS,
            "securitySchemes": prose.SECURITY_SCHEMES,
        },
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


class _Schemas:
    """The schemas of the wire types: a reference to each, and all components."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        types = [
            kind
            for endpoint in endpoints
            for kind in (endpoint.request_type, endpoint.response_type)
            if kind is not None
        ]
        types += EVENT_BODIES.values()
        references, self.components = msgspec.json.schema_components(
            types, ref_template="#/components/schemas/{name}"
        )
        self._references = list(zip(types, references, strict=True))

    def of(self, kind: Any) -> Document:
        """Return the schema of a wire type, or a reference to it."""
        return next(reference for known, reference in self._references if known == kind)


def _operation(endpoint: Endpoint, schemas: _Schemas) -> Document:
    signed: Document = {name: [] for name in prose.SECURITY_SCHEMES}
    weight = WEIGHTS[endpoint.call]
    scopes = [scope.value for scope in Scope if scope in endpoint.scopes]
    parameters = ["RequestId", "SignVersion"]
    if endpoint.path.endswith(PARAMETER):
        parameters.append("OrderId")
    if IdempotencyConflict in endpoint.errors:
        parameters.append("IdempotencyKey")
    operation: Document = {
        "operationId": _operation_id(endpoint),
        "tags": [endpoint.path.split("/")[1]],
        "summary": endpoint.summary,
        "description": f"{inspect.getdoc(endpoint.handle)}\n\nWeight: {weight}. {_scopes(scopes)}",
        "x-weight": weight,
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
    endpoint: Endpoint, request_type: type[msgspec.Struct], schemas: _Schemas
) -> Document:
    required = any(field.required for field in msgspec.structs.fields(request_type))
    content = {
        "schema": schemas.of(request_type),
        "examples": {"request": {"value": endpoint.example.request}},
    }
    return {"required": required, "content": {"application/json": content}}


def _webhooks(schemas: _Schemas) -> Document:
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
                "tags": ["webhooks"],
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
