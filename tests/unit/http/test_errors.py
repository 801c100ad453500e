"""Every error has its row in the error table, with the codes of the contract."""

import inspect

import pytest

from domain import errors
from domain.reasons import Reason
from gateway.errors import DETAILED, TABLE, error_response

CONTRACT = {
    1: ("INVALID_REQUEST", {400, 409}),
    2: ("AUTH_REQUIRED", {401}),
    3: ("AUTH_INVALID", {401}),
    4: ("AUTH_DISABLED", {401}),
    5: ("RATE_LIMIT", {429}),
    6: ("NOT_FOUND", {404}),
    7: ("LIMIT_MIN", {400}),
    8: ("LIMIT_MAX", {400}),
    9: ("RESERVE_EXCEEDED", {503}),
    10: ("MAINTENANCE", {503}),
    11: ("UPSTREAM_ERROR", {503}),
    12: ("EMERGENCY_INVALID_CHOICE", {400}),
    13: ("CODE_CONFLICT", {409}),
    14: ("ROTATION_CONFLICT", {409}),
    15: ("QUOTE_INVALID", {409}),
    16: ("SCOPE", {403}),
}


def kinds() -> list[type[errors.DomainError]]:
    return [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.DomainError)
        and kind not in (errors.DomainError, errors.RejectedInput, errors.AmountRejected)
    ]


@pytest.mark.parametrize("kind", kinds())
def test_every_error_has_a_row(kind: type[errors.DomainError]) -> None:
    assert kind in TABLE


def test_the_codes_with_details_are_those_of_rejected_input() -> None:
    for kind, row in TABLE.items():
        has_details = issubclass(kind, errors.RejectedInput)
        is_of_pages = issubclass(kind, errors.InvalidCommand) and not has_details
        assert (row.code in DETAILED) == (has_details or is_of_pages), kind


def test_other_codes_never_have_details() -> None:
    others = [row for row in TABLE.values() if row.code not in DETAILED]
    assert {row.code for row in others} == {2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 16}
    error = errors.InvalidRequest(field="id", reason=Reason.VALUE)
    assert all(row.body_with_details(error) == row.body() for row in others)


@pytest.mark.parametrize("code", CONTRACT)
def test_the_rows_have_the_constants_and_statuses_of_the_contract(code: int) -> None:
    msg, statuses = CONTRACT[code]
    rows = [row for row in TABLE.values() if row.code == code]
    assert {row.msg for row in rows} == {msg}
    assert {row.status for row in rows} == statuses


def test_a_rate_limit_error_has_retry_after() -> None:
    assert error_response(errors.RateLimited(7)).retry_after == 7


def test_a_failure_body_contains_only_code_and_constant() -> None:
    assert error_response(errors.NotFound("order x")).body() == b'{"code":6,"msg":"NOT_FOUND"}'
