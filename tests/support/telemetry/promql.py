"""The metrics and labels that alert rules and dashboards use."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import promql_parser as promql
import yaml

ROOT: Final = Path(__file__).parents[3]
RULES: Final = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARDS: Final = sorted((ROOT / "deploy/grafana").glob("*.json"))

OF_SCRAPES: Final = frozenset({"job", "instance"})
"""Labels that Prometheus adds to everything it scrapes."""
OF_PROMETHEUS: Final = {"up": frozenset[str]()}
"""Metrics of Prometheus itself, and their labels."""

_TEMPLATE = re.compile(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}")


class Expression(msgspec.Struct, frozen=True):
    """A query, the texts that show labels of its result, and where it stands."""

    at: str
    query: str
    texts: tuple[str, ...] = ()


class Use(msgspec.Struct, frozen=True):
    """A metric, and the labels that a query uses of it."""

    metric: str
    labels: frozenset[str]


def rules() -> list[dict[str, Any]]:
    """Return all rules of the file: alerts and recording rules."""
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def recorded() -> dict[str, frozenset[str]]:
    """Return the labels of each metric that a recording rule makes, by its name."""
    return {rule["record"]: frozenset(rule["labels"]) for rule in rules() if "record" in rule}


def expressions() -> Iterator[Expression]:
    """Yield every query of the rules and of the dashboards."""
    for rule in rules():
        texts = tuple(rule.get("annotations", {}).values())
        yield Expression(rule.get("alert") or rule["record"], rule["expr"], texts)
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                legend = target["legendFormat"]
                yield Expression(f"{path.name}: {panel['title']}", target["expr"], (legend,))


def parsed(query: str) -> promql.Expr:
    """Return a query's expression; ValueError if it is none. Grafana sets its variable."""
    return promql.parse(query.replace("$__rate_interval", "5m"))


def uses(expression: Expression) -> list[Use]:
    """Return the metrics of a query with the labels that it, or a text about it, names."""
    shown = {
        label for text in expression.texts for label in _TEMPLATE.findall(text) if label != "value"
    }
    return list(_uses(parsed(expression.query), frozenset(shown)))


def missing(found: Iterable[Use], exported: Mapping[str, frozenset[str]]) -> list[str]:
    """Return what is used and not exported: metrics, and labels of metrics."""
    known = {**exported, **OF_PROMETHEUS, **recorded()}
    problems = []
    for use in found:
        if use.metric not in known:
            problems.append(use.metric)
        else:
            unknown = use.labels - known[use.metric] - OF_SCRAPES
            problems += [f"{use.metric}{{{label}}}" for label in sorted(unknown)]
    return problems


def _uses(expression: promql.Expr, shown: frozenset[str]) -> Iterator[Use]:
    """Yield the uses of an expression whose result must have the labels `shown`."""
    match expression:
        case promql.VectorSelector():
            matched = {matcher.name for matcher in expression.matchers.matchers}
            assert expression.name is not None
            yield Use(expression.name, shown | matched)
        case promql.MatrixSelector():
            yield from _uses(expression.vector_selector, shown)
        case promql.AggregateExpr():
            kept = frozenset(expression.modifier.labels if expression.modifier else ())
            lost = {f"{label} is aggregated" for label in shown - kept}
            yield from _uses(expression.expr, kept | lost)
        case promql.BinaryExpr():
            matching = expression.modifier.matching if expression.modifier else None
            on = frozenset(matching.labels if matching else ())
            yield from _uses(expression.lhs, shown | on)
            yield from _uses(expression.rhs, on)
        case promql.Call():
            for argument in expression.args:
                if not isinstance(argument, promql.NumberLiteral):
                    yield from _uses(argument, shown)
        case promql.ParenExpr():
            yield from _uses(expression.expr, shown)
        case _:
            assert isinstance(expression, promql.NumberLiteral), expression
