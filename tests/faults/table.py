"""Prints a verdict as tables."""

from collections.abc import Iterator

from tests.faults.fault import Kind
from tests.faults.verdict import Recovery, Verdict
from tests.load.client import NO_RESPONSE


def lines(verdict: Verdict) -> Iterator[str]:
    """Yield the lines of all tables."""
    orders, events = verdict.orders, verdict.events
    yield f"seed {verdict.seed}, {verdict.seconds:.0f} s, {len(verdict.recoveries)} failures"
    rows = {
        "calls": verdict.calls,
        "wrong responses": verdict.wrong,
        "acknowledged orders": orders.acknowledged,
        "lost orders": len(orders.lost),
        "double orders": len(orders.doubled) + orders.shared_addresses,
        "changed orders": len(orders.changed),
        "unsettled orders": len(orders.unsettled),
        "events": events.received,
        "lost events": len(events.lost),
        "repeated events": len(events.repeated),
        "changed events": len(events.changed),
        "events out of sequence": len(events.out_of_sequence),
        "unknown or forged events": len(events.unknown) + events.forged,
        "redelivered events (permitted)": events.redelivered,
        "differences of reconcile": len(verdict.differences),
    }
    for name, count in rows.items():
        yield f"  {name:<32}{count:>8}"
    yield from _codes(verdict)
    yield from _recoveries(verdict)
    for call in verdict.wrong_calls:
        yield f"  wrong: {call}"
    yield "exact" if verdict.is_exact else "NOT EXACT"


def _codes(verdict: Verdict) -> Iterator[str]:
    yield f"  {'call':<20}{'code 0':>8}{'5':>6}{'11':>7}{'none':>7}{'p50 ms':>9}{'p99':>8}"
    for kind, codes in verdict.codes.items():
        shown = "".join(
            f"{codes.get(code, 0):>{width}}"
            for code, width in (("0", 8), ("5", 6), ("11", 7), (str(NO_RESPONSE), 7))
        )
        times = verdict.milliseconds.get(kind, {})
        yield f"  {kind:<20}{shown}{times.get('p50', 0):>9}{times.get('p99', 0):>8}"


def _recoveries(verdict: Verdict) -> Iterator[str]:
    yield (
        f"  {'failure':<28}{'times':>6}{'median s':>10}{'max s':>7}{'return s':>10}{'code 11':>9}"
        f"{'none':>6}{'limit s':>9}"
    )
    groups: dict[tuple[Kind, str], list[Recovery]] = {}
    for one in sorted(verdict.recoveries, key=lambda one: (list(Kind).index(one.kind), one.action)):
        groups.setdefault((one.kind, one.action), []).append(one)
    for (kind, action), found in groups.items():
        seconds = sorted(one.seconds for one in found)
        yield (
            f"  {f'{kind} {action}':<28}{len(found):>6}{seconds[len(found) // 2]:>10}"
            f"{seconds[-1]:>7}{max(one.returned for one in found):>10}"
            f"{sum(one.failed for one in found):>9}{sum(one.cut for one in found):>6}"
            f"{found[0].max_seconds:>9}"
        )
