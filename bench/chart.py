"""`python -m bench.chart RESULT`: the rates of a result as bars, written to docs/performance.svg.

Each bar is the median over the rounds; its line spans their minimum and maximum.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from bench.compare import result
from bench.report import Report, Row

CHART: Final = Path(__file__).parents[1] / "docs" / "performance.svg"
WIDTH, LABELS, NUMBERS = 720, 350, 70
ROW, BAR, TOP = 26, 14, 34
INK, OURS, OTHERS = "#667", "#1a7f5a", "#99a"


def chart(report: Report) -> str:
    """Return an SVG with a bar for each row that has a rate, in the order of the result."""
    rows = [row for row in report.rows if row.values("rps") and row.group != "open-loop"]
    if not rows:
        raise ValueError("this result contains no rates")
    highest = max(max(row.values("rps")) for row in rows)
    height = TOP + ROW * len(rows) + 10
    rounds = len(rows[0].rounds)
    caption = f"Responses per second, medians of {rounds} rounds, commit {report.commit}"
    size = f'viewBox="0 0 {WIDTH} {height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} aria-hidden="true" focusable="false">',
            f'  <g fill="{INK}" font-family="sans-serif" font-size="13">',
            f'    <text class="word" x="4" y="18">{escape(caption)}</text>',
            "  </g>",
            *(line for number, row in enumerate(rows) for line in _bar(row, number, highest)),
            "</svg>\n",
        ]
    )


def _bar(row: Row, number: int, highest: float) -> Iterator[str]:
    top, room = TOP + ROW * number, WIDTH - LABELS - NUMBERS
    median, values = row.median("rps"), row.values("rps")
    width = median / highest * room
    is_ours = row.name.startswith(("ours", "/v1", "one worker", "two workers"))
    css_class, color = ("rate ours", OURS) if is_ours else ("rate", OTHERS)
    begin, end = (LABELS + value / highest * room for value in (min(values), max(values)))
    text = f'class="word" fill="{INK}" font-family="sans-serif" font-size="13" y="{top + 12}"'
    yield f'  <text {text} x="{LABELS - 8}" text-anchor="end">{escape(row.name)}</text>'
    position = f'x="{LABELS}" y="{top}" width="{width:.1f}" height="{BAR}"'
    yield f'  <rect class="{css_class}" fill="{color}" {position}/>'
    yield f'  <path stroke="{INK}" d="M{begin:.1f} {top + BAR / 2}H{end:.1f}"/>'
    yield f'  <text {text} x="{max(end, LABELS + width) + 6:.1f}">{median:,.0f}</text>'


def main() -> None:
    """Draw the chart of a result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", help="a file or a commit")
    parser.add_argument("--out", type=Path, default=CHART)
    options = parser.parse_args()
    try:
        options.out.write_text(chart(result(options.result)))
    except ValueError as error:
        sys.exit(str(error))
    print(f"saved as {options.out}")


if __name__ == "__main__":
    main()
