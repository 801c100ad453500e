"""Views of the partner dashboard: charts, groups of days, CSV, statements, order events."""

import csv
import io
from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabinet_htmx.partner.csv_file import FORMULA, csv_bytes, safe
from cabinet_htmx.partner.dashboard.chart import HEIGHT, WIDTH, Point, axis_step, bar_chart, short
from cabinet_htmx.partner.ledger.statement_view import statement, statement_lines
from cabinet_htmx.partner.orders.order_view import order_event_view
from domain.ids import first_id_at, made_at
from domain.ledger.earnings import CodeEarnings
from domain.ledger.periods import EarningsPeriod
from domain.ledger.statistics import (
    SHOWN,
    DayFigures,
    Figures,
    Step,
    first_day,
    grouped,
    total,
)
from domain.orders.query import OrderFilter
from domain.webhooks.delivery import EventStatus
from domain.webhooks.delivery_log import EventDetails, EventSummary, LoggedAttempt

USD = 10**18
TODAY = date(2026, 11, 25)
AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@given(st.lists(st.integers(0, 10**12), max_size=40), st.sampled_from([1, USD]))
def test_all_bars_are_within_the_chart(values: list[int], unit: int) -> None:
    chart = bar_chart([Point("label", value * unit, "description") for value in values], unit=unit)
    for bar, value in zip(chart.bars, values, strict=True):
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT - 27.8
        assert (bar.height > 0) == (value > 0)
    assert 2 <= len(chart.lines) <= 6
    assert len(chart.labels) <= 8


@pytest.mark.parametrize(
    ("highest", "step"), [(0, 1), (3, 1), (4, 1), (5, 2), (9, 5), (41, 20), (270, 100), (999, 500)]
)
def test_grid_lines_are_at_round_numbers(highest: int, step: int) -> None:
    assert axis_step(highest, 1) == step
    assert axis_step(highest * USD, USD) == step * USD


def test_axis_labels_are_abbreviated() -> None:
    assert [short(one) for one in (0, 950, 1_500, 20_000, 2_500_000, 10**9)] == [
        *("0", "950", "1.5k", "20k", "2.5M", "1B")
    ]


def test_an_orders_page_hides_an_access_token_in_a_response_body() -> None:
    attempt = LoggedAttempt(1, AT, 12, 500, None, f'{{"token": "{"t" * 43}"}}')
    listed = EventSummary(
        *(UUID(int=1), UUID(int=2), "order.status_changed", "order:2:DONE", EventStatus.DEAD),
        *(1, AT, AT, AT, attempt),
    )
    (shown,) = order_event_view(EventDetails(listed, UUID(int=3), "{}", [attempt])).attempts
    assert shown.response_body == '{"token": "[hidden]"}'


@pytest.mark.parametrize("step", list(Step))
def test_groups_start_at_calendar_boundaries_and_their_sum_is_the_total(step: Step) -> None:
    begin = first_day(step, TODAY)
    days = [
        DayFigures(date.fromordinal(begin.toordinal() + number), Figures(1, 1, 2, 3))
        for number in range((TODAY - begin).days + 1)
    ]
    groups = grouped(days, step, TODAY)
    assert len(groups) == SHOWN[step]
    assert groups[0].day == begin
    if step is Step.WEEK:
        assert {group.day.weekday() for group in groups} == {0}
    if step is Step.MONTH:
        assert {group.day.day for group in groups} == {1}
    whole = sum((group.figures for group in groups), Figures())
    assert (
        whole
        == total(days, since=begin, until=TODAY)
        == Figures(*(len(days) * n for n in (1, 1, 2, 3)))
    )


@given(st.text(max_size=20))
def test_cells_are_never_formulas_and_keep_their_text(text: str) -> None:
    cell = safe(text)
    assert cell.lstrip("'")[:1] in FORMULA or cell[:1] not in FORMULA
    assert not cell or cell[0] not in FORMULA
    assert cell in (text, f"'{text}")
    if "\x00" not in text:
        (line,) = csv.reader(io.StringIO(csv_bytes([[text, 1]]).decode(), newline=""))
        assert line == [cell, "1"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "\n=1", "\uff1d1", "\uff20x"]
)
def test_a_possible_formula_is_prefixed_with_an_apostrophe(text: str) -> None:
    assert safe(text) == f"'{text}"


@given(st.lists(st.integers(0, 10**20), max_size=5), st.integers(0, 10**20), st.integers(0, 10**20))
def test_the_lines_of_a_statement_add_up_to_the_cent(
    codes: list[int], uncoded: int, share: int
) -> None:
    period = EarningsPeriod(
        end=None,
        start=AT,
        markup=sum(codes) + uncoded,
        base_fee_share=share,
        codes=[
            CodeEarnings(UUID(int=number), f"code-{number}", markup)
            for number, markup in enumerate(codes)
        ],
    )
    shown = statement(period, "Partner")
    cents = [int(line.amount.replace(".", "")) for line in shown.lines]
    assert sum(cents) == int(shown.earned.replace(".", ""))
    assert all(cent >= 0 for cent in cents)
    assert len(statement_lines(shown)) == len(shown.lines) + 2


def test_the_time_in_an_id_is_the_creation_time_of_the_order() -> None:
    assert made_at(UUID(int=first_id_at(AT).int | 5)) == AT
    filters = OrderFilter(since=AT, until=AT, id_prefix="019de3a2")
    first, last = filters.range_of_ids()
    assert UUID(int=first).hex.startswith("019de3a2")
    assert UUID(int=last).hex.startswith("019de")
    assert msgspec.structs.replace(filters, since=None, until=None).range_of_ids() == (
        int("019de3a2" + "0" * 24, 16),
        int("019de3a2" + "f" * 24, 16),
    )
