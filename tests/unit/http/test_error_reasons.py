"""Every error with details that an endpoint of the API can raise states a reason.

The constructor of `RejectedInput` requires a reason. What remains is that code behind an endpoint
raises an `InvalidCommand`, which has none: no definition that an endpoint may reach does.
"""

import ast
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from domain import errors
from domain.actions.webhooks.send_test import NoEndpoint
from domain.reasons import Reason
from gateway.errors import DETAILED, INVALID_REQUEST, ErrorResponse, error_response
from gateway.openapi.responses import NOT_FROM_DOMAIN

ROOT = Path(__file__).parents[3]
PACKAGES = ("domain", "persistence", "gateway")
ENTRY_POINTS = ("gateway.api.", "gateway.wiring.api")
"""Endpoints, and the adapters that they are composed with."""


class Definition(NamedTuple):
    """A function, class or constant at the top level of a module."""

    module: str
    name: str


@cache
def modules() -> Mapping[str, ast.Module]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text()
        )
        for path in paths
    }


@cache
def imported(module: str) -> Mapping[str, Definition]:
    """Return what names of a module refer to in others; a module itself has no name."""
    names = {}
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.ImportFrom) and node.module:
            for one in node.names:
                whole = f"{node.module}.{one.name}"
                found = Definition(whole, "") if whole in modules() else None
                names[one.asname or one.name] = found or Definition(node.module, one.name)
    return names


@cache
def definitions(module: str) -> Mapping[str, ast.stmt]:
    """Return the statements that define the names of a module."""
    found: dict[str, ast.stmt] = {}
    for node in modules()[module].body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found[node.name] = node
            case ast.Assign(targets=targets):
                found |= {one.id: node for one in targets if isinstance(one, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return found


def references(module: str, statement: ast.stmt) -> Iterator[Definition]:
    """Yield the definitions that a statement names: by a name, or as an attribute of a module."""
    names, own = imported(module), definitions(module)
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            holder = names.get(node.value.id)
            if holder is not None and not holder.name:
                yield Definition(holder.module, node.attr)
        elif isinstance(node, ast.Name):
            if node.id in own:
                yield Definition(module, node.id)
            elif node.id in names and names[node.id].name:
                yield names[node.id]


def reachable(entry_points: tuple[str, ...]) -> set[Definition]:
    """Return the definitions that modules may reach by the names that they use."""
    waiting = [
        Definition(module, name)
        for module in modules()
        if module.startswith(entry_points)
        for name in definitions(module)
    ]
    found: set[Definition] = set()
    while waiting:
        one = waiting.pop()
        if one in found or one.module not in modules():
            continue
        found.add(one)
        statement = definitions(one.module).get(one.name)
        if statement is not None:
            waiting += references(one.module, statement)
    return found


def raised(one: Definition) -> set[str]:
    """Return the names that a definition calls in order to raise or return an error."""
    statement = definitions(one.module).get(one.name)
    calls = [] if statement is None else [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
    return {node.func.id for node in calls if isinstance(node.func, ast.Name)}


def error_classes() -> list[type[errors.RejectedInput]]:
    """Return the classes of errors that have details, wherever they are defined."""
    found: list[type[errors.RejectedInput]] = []
    waiting: list[type[errors.RejectedInput]] = [errors.RejectedInput]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        found.append(kind)
    return [kind for kind in found if kind not in (errors.RejectedInput, errors.AmountRejected)]


@cache
def without_reason() -> frozenset[str]:
    """Return the names of errors for operators and members, which have no reason."""
    names, before = {errors.InvalidCommand.__name__}, 0
    while len(names) > before:
        before = len(names)
        names |= {
            node.name
            for tree in modules().values()
            for node in tree.body
            if isinstance(node, ast.ClassDef)
            and any(isinstance(base, ast.Name) and base.id in names for base in node.bases)
            and node.name != errors.InvalidRequest.__name__
        }
    return frozenset(names)


def test_no_definition_behind_an_endpoint_raises_an_error_without_a_reason() -> None:
    found = reachable(ENTRY_POINTS)
    assert Definition("domain.orders.cursors", "CursorSigner") in found
    assert Definition("persistence.postgres.orders.orders", "PostgresOrderRepository") in found
    assert {one for one in found if raised(one) & without_reason()} == set()


def test_the_search_finds_errors_without_a_reason_where_they_are_allowed() -> None:
    assert without_reason() >= {"InvalidCommand", "InvalidWebhookUrl", "KeyLimitReached"}
    cabinet = reachable(("gateway.cabinet.",))
    found = {one for one in cabinet if raised(one) & without_reason()}
    assert Definition("domain.webhooks.urls", "validate_webhook_url") in found
    assert Definition("domain.actions.partners.manage_keys", "create_key") in found


@pytest.mark.parametrize("kind", [*error_classes(), NoEndpoint])
def test_every_error_with_details_has_a_reason_of_its_own_or_requires_one(
    kind: Callable[..., errors.RejectedInput],
) -> None:
    required = {
        one.name
        for one in inspect.signature(kind).parameters.values()
        if one.default is one.empty and one.kind is one.KEYWORD_ONLY
    }
    given: dict[str, Any] = {"reason": Reason.VALUE, "field": "amount"}
    error = kind("a message", **{name: given[name] for name in required})
    assert isinstance(error.reason, Reason)
    body = error_response(error).body_with_details(error)
    assert f'"reason":"{error.reason.value}"}}]}}'.encode() in body
    assert b"a message" not in body
    if "reason" in required:
        with pytest.raises(TypeError):
            kind("a message")


@pytest.mark.parametrize("row", [INVALID_REQUEST, *NOT_FROM_DOMAIN])
def test_a_failure_before_the_endpoint_has_the_reason_of_its_row(row: ErrorResponse) -> None:
    assert (row.reason is not None) == (row.code in DETAILED)
    assert (b'"details":[{"field":null,' in row.body_with_details()) == (row.code in DETAILED)
