"""Stored benchmark results are read, compared, drawn and evaluated."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.chart import chart
from bench.compare import change, comparison, result
from bench.limits import plan
from bench.limits.goals import judged
from bench.report import RESULTS, Report, Row, read, report, save

BASE = [{"rps": rps, "p50": 1.0, "p99": 2.0, "cpu_us": 20.0} for rps in (100.0, 110, 90, 105, 95)]


def run_of(ours: list[float], *, machine: str = "this one") -> Report:
    rounds = [{"rps": rps, "p50": 1.5, "p99": 3.0, "cpu_us": 30.0} for rps in ours]
    return Report(
        bench="limits",
        machine=machine,
        commit="abc",
        at="2026-05-01T12:00:00+00:00",
        options={},
        remarks=[],
        rows=[
            Row(plan.BARE_BATCH, "quotes", None, BASE),
            Row(plan.QUOTE_SIGNED, "quotes", plan.BARE_BATCH, rounds),
        ],
    )


def test_a_ratio_is_the_median_of_ratios_within_rounds() -> None:
    doubled_where_the_base_is_slow = [100.0, 110, 180, 105, 190]
    found = run_of(doubled_where_the_base_is_slow)
    assert found.ratio(plan.QUOTE_SIGNED, plan.BARE_BATCH) == 1.0


def test_a_stored_report_is_read_back_unchanged(tmp_path: Path) -> None:
    found = report("limits", run_of([50.0]).rows, options={"rounds": 1}, remarks=["one"])
    path = save(found, tmp_path / "result.json")
    assert read(path) == found
    assert found.machine
    assert found.commit


def test_an_invalid_report_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"rounds": {}}')
    with pytest.raises(ValueError, match="not a benchmark result"):
        read(tmp_path / "other.json")


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.name)
def test_every_stored_result_can_be_read(path: Path) -> None:
    assert read(path).rows


def test_a_commit_without_a_result_is_reported_with_the_available_ones() -> None:
    with pytest.raises(ValueError, match=r"nonesuch .*limits-918c3ee\.json"):
        result("nonesuch")


def test_a_change_beyond_the_spread_is_significant() -> None:
    found = change([100.0, 101, 99, 100, 102], [120.0, 121, 119, 122, 120])
    assert found is not None
    assert found.ratio == 1.2
    assert found.low <= 1.2 <= found.high
    assert not found.is_noise()
    assert str(found).endswith("*")


def test_a_change_within_the_spread_is_noise() -> None:
    found = change([100.0, 120, 80, 110, 90], [102.0, 121, 85, 111, 95])
    assert found is not None
    assert found.is_noise()


def test_a_change_from_nothing_is_not_reported() -> None:
    assert change([], [1.0]) is None
    assert change([0.0], [1.0]) is None


def test_a_comparison_warns_of_another_machine() -> None:
    before, after = run_of([50.0] * 5), run_of([75.0] * 5, machine="another one")
    table = comparison(before, after)
    assert "The machines differ" in table
    assert "1.50" in table
    assert "The machines differ" not in comparison(before, before)


def test_targets_are_evaluated_only_for_measured_figures() -> None:
    reached = {goal[0]: goal[3] for goal in judged(run_of([70.0, 77, 63, 73.5, 66.5]))}
    missed = {goal[0]: goal[3] for goal in judged(run_of([50.0, 55, 45, 52.5, 47.5]))}
    name = "signed quote / bare, both SCHED_BATCH"
    assert (reached[name], missed[name]) == ("yes", "NO")
    assert "currencies / bare with its bytes" not in reached


def test_the_chart_has_a_bar_for_each_row_in_proportion() -> None:
    drawing = ET.fromstring(chart(run_of([50.0, 55, 45, 52, 48])))
    bars = drawing.findall("{http://www.w3.org/2000/svg}rect")
    assert len(bars) == 2
    assert float(bars[1].attrib["width"]) == pytest.approx(
        float(bars[0].attrib["width"]) / 2, abs=0.1
    )


def test_the_chart_in_the_docs_shows_a_stored_result() -> None:
    drawn = (Path(__file__).parents[3] / "docs" / "performance.svg").read_text()
    named = re.search(r"commit (\w+)<", drawn)
    assert named
    assert chart(result(named.group(1))) == drawn
