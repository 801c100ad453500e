"""The documentation is consistent with itself and the code: links, tables, worked examples."""

import hashlib
import hmac
import re
from decimal import ROUND_DOWN, ROUND_UP, Decimal, localcontext
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from cabinet_htmx.docs.contents import Entry, entries
from cabinet_htmx.docs.markdown import Renderer
from cabinet_htmx.docs.site import DocsSite
from cabinet_htmx.shared.assets import AssetMissing, Assets
from domain.assets import Asset, Bounds, Pair
from domain.market.pricing import Direction, PricedPair
from domain.market.rates import RateSnapshot
from domain.money import USD_DECIMALS, parse_units
from domain.orders.states import Status
from domain.partners.weights import WEIGHTS
from domain.reasons import Reason
from domain.webhooks.retry_schedule import JITTER, RETRY_SCHEDULE
from gateway.api.quotes.quote_encoding import QuoteEncoder, QuoteOut
from gateway.errors import INTERNAL, TABLE
from gateway.pages.feed_routes import SCHEMAS as SCHEMA_ADDRESSES
from gateway.pages.rate_feeds import BY_PATH
from tests.support.clients.snippets import ROOT, RUN, block, blocks

DOCS = ROOT / "docs"
SCHEMAS = DOCS / "schemas"
PAGES = list(entries())
SECONDS = {"s": 1, "min": 60, "h": 3600}


def page_tests() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


class ParsedPage(HTMLParser):
    """The tags, attributes, ids and links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update(name for name, _ in attrs)
        named = dict(attrs)
        self.ids += [value for value in [named.get("id")] if value]
        self.links += [value for value in [named.get("href")] if value]


@pytest.fixture(scope="module")
def parsed_pages() -> dict[str, ParsedPage]:
    site = DocsSite(Assets())
    return {page.path: ParsedPage(site.render(page.path).body.decode()) for page in PAGES}


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the table whose first header cell is `heading`."""
    text = (DOCS / f"{page}.md").read_text()
    tables = re.findall(rf"^\| *{heading} *\|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for table in tables
        for line in table.splitlines()
    ]


def test_every_documentation_file_is_in_the_contents() -> None:
    assert sorted(path.stem for path in DOCS.glob("*.md")) == sorted(page.name for page in PAGES)


@page_tests()
def test_every_link_has_a_target(parsed_pages: dict[str, ParsedPage], page: Entry) -> None:
    for link in parsed_pages[page.path].links:
        path, _, anchor = link.partition("#")
        if path.startswith("/docs") or not path:
            target = parsed_pages[path or page.path]
            assert not anchor or anchor in target.ids, link
        else:
            assert path.startswith(("/static/", "https://")) or path == "/openapi.json", link


@page_tests()
def test_headings_are_in_order_and_their_ids_are_unique(
    parsed_pages: dict[str, ParsedPage], page: Entry
) -> None:
    levels = [int(tag[1]) for tag in parsed_pages[page.path].tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = parsed_pages[page.path].ids
    assert len(ids) == len(set(ids))


@page_tests()
def test_pages_contain_no_inline_script_or_style(
    parsed_pages: dict[str, ParsedPage], page: Entry
) -> None:
    assert not {"style", "script"} & set(parsed_pages[page.path].tags)
    assert not [
        name for name in parsed_pages[page.path].attributes if name == "style" or name[:2] == "on"
    ]


@page_tests()
def test_every_example_names_its_step(page: Entry) -> None:
    for example in blocks(DOCS / f"{page.name}.md"):
        assert example.step or example.language not in RUN, example.text


def test_the_feeds_are_documented_at_their_addresses_with_all_their_elements() -> None:
    text = (DOCS / "feeds.md").read_text()
    assert {path for path, _ in rows("feeds", "address")} == {f"`GET {path}`" for path in BY_PATH}
    for file in SCHEMAS.glob("*.xsd"):
        assert f"`{SCHEMA_ADDRESSES}{file.name}`" in text
    for schema in ("rates", "eref"):
        elements = re.findall(
            r'<xs:element name="(\w+)" type=', (SCHEMAS / f"{schema}.xsd").read_text()
        )
        assert [name for name in elements if name != "item" and f"`{name}`" not in text] == []


def test_the_table_of_errors_matches_the_code() -> None:
    documented = {
        (int(re.sub(r"\[(\d+)\].*", r"\1", code)), msg.strip("`"), int(status))
        for code, msg, status, _ in rows("errors", "code")
        if code != "0"
    }
    first_by_code = {response.code: response for response in reversed([*TABLE.values(), INTERNAL])}
    assert documented == {
        (response.code, response.msg, response.status) for response in first_by_code.values()
    }


def test_every_error_is_documented_with_symptom_cause_and_remedy() -> None:
    details, *sections = (DOCS / "errors.md").read_text().split("\n## ")[1:]
    assert details.startswith("Details")
    documented = {tuple(section.partition("\n")[0].split(" ")) for section in sections}
    assert documented == {(str(one.code), one.msg) for one in [*TABLE.values(), INTERNAL]}
    for section in sections:
        assert re.findall(r"^- \*\*(\w+):\*\*", section, re.MULTILINE) == [
            "Symptom",
            "Cause",
            "Remedy",
        ]


def test_the_table_of_reasons_matches_the_code() -> None:
    documented = [
        name for cell, _ in rows("errors", "reason") for name in re.findall("`(.+?)`", cell)
    ]
    assert documented == [reason.value for reason in Reason]


def test_the_table_of_weights_matches_the_code() -> None:
    documented = {
        name: int(weight)
        for calls, weight in rows("rate-limits", "call")
        for name in re.findall(r"`/v1/([a-z/]+?)(?:/\{id\})?`", calls)
    }
    assert documented == {call.value: weight for call, weight in WEIGHTS.items()}
    listed = {
        name: int(weight)
        for cell, _, _, weight in rows("index", "endpoint")
        for name in re.findall(r"/v1/([a-z/]+?)(?:/\{id\})?`", cell)
    }
    assert listed == documented


def test_the_table_of_retries_matches_the_code() -> None:
    waits = [
        int(number) * SECONDS[unit]
        for number, unit in (wait.split() for _, wait in rows("webhooks", "failed attempts"))
    ]
    assert waits == [int(delay.total_seconds()) for delay in RETRY_SCHEDULE]
    assert f"give or take {JITTER * 100:.0f} %" in (DOCS / "webhooks.md").read_text()


def test_every_status_is_explained() -> None:
    documented = [cell.strip("`") for cell, *_ in rows("status", "status")]
    assert documented == [status.value for status in Status]


def test_the_documented_signatures_of_both_versions_verify() -> None:
    page = DOCS / "authentication.md"
    secret, body, key, nonce = (
        block(page, "text", step).strip() for step in ("secret", "body", "key", "nonce")
    )
    signed = {
        "signature": f"v2\nPOST\n/v1/price\n{key}\n{nonce}\n{body}",
        "empty": f"v2\nGET\n/v1/codes\n{key}\n{nonce}\n",
        "signature-v1": body,
        "empty-v1": "",
    }
    for step, message in signed.items():
        sign = hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()
        assert block(page, "text", step).strip() == sign, step
    assert f"The body, {len(body)} bytes" in page.read_text()


class WorkedExample(msgspec.Struct, frozen=True):
    """The inputs and results on the page about pricing."""

    source_price: Decimal
    destination_price: Decimal
    fee_bps: Decimal
    markup_bps: Decimal
    network_fee: Decimal
    amount: Decimal
    results: dict[str, str]


@pytest.fixture(scope="module")
def example() -> WorkedExample:
    source, destination, fee, markup, network_fee, amount = (
        Decimal(value) for _, value in rows("pricing", "input")
    )
    results = {name.strip("`"): value for name, value in rows("pricing", "result")}
    return WorkedExample(source, destination, fee, markup, network_fee, amount, results)


def quoted(example: WorkedExample, direction: Direction, amount: str) -> QuoteOut:
    def asset(code: str, coin: str, network: str, precision: int, contract: str | None) -> Asset:
        network_fee = parse_units(str(example.network_fee), 6)
        return Asset(
            code=code,
            coin=coin,
            network=network,
            name=code,
            precision=precision,
            network_fee=network_fee,
            fee_bps=int(example.fee_bps),
            chain=network.lower(),
            contract=contract,
        )

    usd = 10**USD_DECIMALS
    source = asset("btc", "BTC", "Bitcoin", 8, None)
    destination = asset("usdt_trc20", "USDT", "Tron", 6, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")
    prices = {
        "BTC": int(example.source_price * usd),
        "USDT": int(example.destination_price * usd),
    }
    side = source if direction is Direction.FROM else destination
    priced = PricedPair(
        Pair(source, destination, Bounds(min_usd=usd, max_usd=5_000 * usd)),
        RateSnapshot(at=0, prices=prices),
        markup_bps=int(example.markup_bps),
    )
    response = QuoteEncoder().encode(priced.quote(direction, parse_units(amount, side.precision)))
    return msgspec.json.decode(response, type=_Answer).data


class _Answer(msgspec.Struct):
    data: QuoteOut


def test_the_worked_example_follows_from_the_published_rules(example: WorkedExample) -> None:
    with localcontext() as context:
        context.prec = 60
        margin = 1 - (example.fee_bps + example.markup_bps) / 10_000
        exact = example.source_price / example.destination_price * margin
        rate = exact.quantize(Decimal("1e-8"), ROUND_DOWN)
        received = (example.amount * rate - example.network_fee).quantize(
            Decimal("1e-6"), ROUND_DOWN
        )
        source_amount = ((500 + example.network_fee) / rate).quantize(Decimal("1e-8"), ROUND_UP)
    assert example.results["from.rate"] == str(rate)
    assert example.results["to.amount"] == str(received)
    assert example.results["from.amount"] == str(source_amount)


def test_the_worked_example_matches_the_pricing_engine(example: WorkedExample) -> None:
    forth = quoted(example, Direction.FROM, str(example.amount))
    back = quoted(example, Direction.TO, "500")
    results = {
        "from.rate": forth.source.rate,
        "to.rate": forth.destination.rate,
        "to.amount": forth.destination.amount,
        "from.min": forth.source.min,
        "from.max": forth.source.max,
        "to.min": forth.destination.min,
        "to.max": forth.destination.max,
        "from.usd": forth.source.usd,
        "to.usd": forth.destination.usd,
        "from.amount": back.source.amount,
    }
    assert example.results == results
    response = msgspec.json.decode(block(DOCS / "price.md", "json", "answer"))
    assert response == msgspec.to_builtins(forth)


def rendered(directory: Path, text: str) -> str:
    (directory / "page.md").write_text(f"# Title\n\n{text}\n")
    return Renderer(directory).render("page").body


def test_adjacent_code_blocks_become_tabs_with_the_first_open(tmp_path: Path) -> None:
    html = rendered(tmp_path, "```bash a\nls\n```\n\n```python a\n1\n```\n\ntext\n\n```bash b\n```")
    assert html.count('<div class="tabs">') == 1
    assert re.findall(r"<details name=\"tabs-1\"( open)?><summary>(\w+)", html) == [
        (" open", "bash"),
        ("", "Python"),
    ]


def test_two_blocks_of_one_language_do_not_become_tabs(tmp_path: Path) -> None:
    assert "<details" not in rendered(tmp_path, "```bash a\nls\n```\n\n```bash b\nls\n```")


def test_html_in_markdown_is_escaped(tmp_path: Path) -> None:
    assert "&lt;b onclick" in rendered(tmp_path, "a <b onclick=x>b</b>")
    assert "&lt;i&gt;" in rendered(tmp_path, "```text\n<i>\n```")


def test_a_page_without_a_title_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("Just text\n")
    with pytest.raises(ValueError, match="begin with its title"):
        Renderer(tmp_path).render("page")


def test_a_missing_asset_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssetMissing, match=r"pico\.css is not .*`make assets`"):
        Assets(tmp_path).address("vendor/pico.css")


def test_the_address_of_a_file_changes_with_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.css"
    addresses = []
    for content in ("a {}", "b {}", "a {}"):
        file.write_text(content)
        addresses.append(Assets(tmp_path).address("a.css"))
    assert addresses[0] == addresses[2] != addresses[1]
    assert re.fullmatch(r"/static/a\.[0-9a-f]{12}\.css", addresses[0])
