"""Section 5 of the contract, /v1/qr: a QR code whose payload is exactly the pay-in address."""

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_CEILING, Decimal
from typing import Any

import psycopg
import pytest
from PIL import Image

from tests.conftest import Running
from tests.support.builders.orders import Swaps
from tests.support.clients.partner import quote_request, send

try:
    from pyzbar.pyzbar import ZBarSymbol, decode
except ImportError as missing:  # there is no wheel of libzbar
    pytest.skip(
        f"libzbar0 is not installed, so QR codes cannot be read ({missing}): "
        "run .ci/debian-packages libzbar0 as root",
        allow_module_level=True,
    )

Order = dict[str, Any]
PREFIX = "data:image/png;base64,"
NOT_FOUND = b'{"code":6,"msg":"NOT_FOUND"}'
REFUNDS = {
    "Bitcoin": "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
    "Litecoin": "ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh",
    "Dogecoin": "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L",
    "Bitcoin Cash": "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
    "Tron": "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    "Monero": "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2w"
    "fn3RVGQBEP3A",
    "XRP Ledger": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",
    "Solana": "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU",
    "TON": "EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2",
    "Cardano": "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8",
    "Stellar": "GAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN7",
    "Dash": "XpESxaUmonkq8RaLLp46Brx2K39ggQe226",
    "Zcash": "t1UYsZVJkLPeMjxEtACvSxfWuNmddpWfxzs",
    "Cosmos": "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02",
}
EVM = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"


@pytest.fixture(scope="module")
def swaps(up: Running) -> Swaps:
    return Swaps(up)


def image_of(data: dict[str, str]) -> Image.Image:
    """Return the image of a response, which must contain a PNG and nothing else."""
    assert list(data) == ["qrPng"]
    assert data["qrPng"].startswith(PREFIX)
    png = base64.b64decode(data["qrPng"].removeprefix(PREFIX), validate=True)
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.format == "PNG"
        return image.convert("L")


def read(image: Image.Image) -> str:
    (symbol,) = decode(image, symbols=[ZBarSymbol.QRCODE])
    text: str = symbol.data.decode()
    return text


def modules(image: Image.Image) -> list[list[bool]]:
    """Return which modules of the code are dark; fail unless all have the same whole pixels."""
    dark = [[image.getpixel((x, y)) == 0 for x in range(256)] for y in range(256)]
    assert set(image.tobytes()) == {0, 255}
    rows = [y for y, row in enumerate(dark) if any(row)]
    columns = [x for x in range(256) if any(row[x] for row in dark)]
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    # the finder pattern's first row is seven dark modules, then a light one
    first_light = next(x for x in range(left, 256) if not dark[top][x])
    scale, rest = divmod(first_light - left, 7)
    assert rest == 0
    size = bottom + 1 - top
    assert size == right + 1 - left
    assert size % scale == 0
    for margin in (top, left, 255 - bottom, 255 - right):
        assert margin >= 2 * scale
    assert abs(top - (255 - bottom)) <= 1, "centered"
    assert abs(left - (255 - right)) <= 1, "centered"
    for y in range(size):
        for x in range(size):
            assert (
                dark[top + y][left + x]
                == (dark[top + y // scale * scale][left + x // scale * scale])
            )
    return [
        [dark[top + y * scale][left + x * scale] for x in range(size // scale)]
        for y in range(size // scale)
    ]


def level(code: list[list[bool]]) -> str:
    """Return the error correction level from the format information (ISO/IEC 18004, 7.9)."""
    masked = (not code[8][0], code[8][1])  # the mask of the format bits begins with 10
    return {(False, True): "L", (False, False): "M", (True, True): "Q", (True, False): "H"}[masked]


def asset_of_each_network(up: Running) -> dict[str, tuple[str, str]]:
    """Return an asset of each network, and an amount of it worth about 100 USD."""
    base = up.base_url
    found: dict[str, tuple[str, str]] = {}
    for asset in send(f"{base}/v1/currencies").data:
        other = "btc" if asset["code"] != "btc" else "eth"
        request = quote_request(fromCcy=asset["code"], toCcy=other, amount="1")
        usd = Decimal(send(f"{base}/v1/price", json.dumps(request).encode()).data["from"]["usd"])
        amount = (100 / usd).quantize(Decimal("0.0001"), rounding=ROUND_CEILING)
        found.setdefault(asset["network"], (asset["code"], f"{amount:f}"))
    return found


def test_the_code_of_every_network_contains_the_address(up: Running, swaps: Swaps) -> None:
    assets = asset_of_each_network(up)
    assert len(assets) == 20
    for network, (code, amount) in assets.items():
        order = swaps.opened(
            fromCcy=code,
            amount=amount,
            toCcy="trx" if network != "Tron" else "btc",
            toAddress=REFUNDS["Tron"] if network != "Tron" else REFUNDS["Bitcoin"],
            refundAddress=REFUNDS.get(network, EVM),
        )
        image = image_of(swaps.call("/qr", order).data)
        assert image.size == (256, 256)
        assert read(image) == order["from"]["address"], network
        assert level(modules(image)) == "M", network


def test_the_code_of_an_order_with_a_tag_contains_only_the_address(swaps: Swaps) -> None:
    order = swaps.opened(fromCcy="xrp", amount="100", refundAddress=REFUNDS["XRP Ledger"])
    assert order["from"]["tag"]
    assert read(image_of(swaps.call("/qr", order).data)) == order["from"]["address"]


def test_concurrent_calls_return_the_same_image(swaps: Swaps) -> None:
    order = swaps.opened()
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: swaps.call("/qr", order).body, range(32)))
    assert len(set(responses)) == 1


def test_the_code_of_an_expired_order_is_returned(swaps: Swaps) -> None:
    order = swaps.opened()
    swaps.command("sandbox", "expire", order["id"])
    assert swaps.shown(order)["status"] == "EXPIRED"
    assert read(image_of(swaps.call("/qr", order).data)) == order["from"]["address"]


def test_the_code_is_returned_during_maintenance(by_hand: Running) -> None:
    swaps = Swaps(by_hand)
    order = swaps.opened()
    try:
        swaps.command("maintenance", "on")
        swaps.partner.until(10, "/price", quote_request())
        assert swaps.call("/qr", order).code == 0
    finally:
        swaps.command("maintenance", "off")
        swaps.partner.until(0, "/price", quote_request())


def test_ownership_is_checked_before_the_cache_is_read(up: Running, swaps: Swaps) -> None:
    order = swaps.opened()
    for _ in range(8):  # so that every worker has cached it
        assert swaps.call("/qr", order).code == 0
    access = {"id": order["id"], "token": order["token"]}
    for response in (
        up.partner().call("/qr", access),
        swaps.partner.call("/qr", {**access, "token": "x" * 43}),
    ):
        assert (response.status, response.body) == (404, NOT_FOUND)
    instance = json.loads((up.data_dir / "instance.json").read_bytes())
    with psycopg.connect(instance["ownerDatabaseUrl"], autocommit=True) as connection:
        connection.execute("UPDATE orders SET deleted_at = now() WHERE id = %s", (order["id"],))
    for _ in range(8):
        response = swaps.call("/qr", order)
        assert (response.status, response.body) == (404, NOT_FOUND)


def test_a_qr_call_has_weight_five(up: Running) -> None:
    """A new partner has no earlier calls whose weight could return to the budget meanwhile."""
    swaps = Swaps(up)
    order = swaps.opened()
    remaining = [
        int(swaps.call(path, order).headers["ratelimit"].partition("r=")[2].split(";")[0])
        for path in ("/order", "/qr", "/order")
    ]
    assert (remaining[0] - remaining[1], remaining[1] - remaining[2]) == (5, 1)


def test_a_qr_call_requires_a_signature(swaps: Swaps) -> None:
    order = swaps.opened()
    body = json.dumps({"id": order["id"], "token": order["token"]}).encode()
    response = send(f"{swaps.up.base_url}/v1/qr", body)
    assert (response.status, response.code) == (401, 2)


BODIES = {
    "nothing": b"",
    "an empty object": b"{}",
    "a list": b"[]",
    "null": b"null",
    "not JSON": b"id=1",
    "truncated": b'{"id":"x","token":"y"',
    "without a token": b'{"id":"x"}',
    "without an id": b'{"token":"x"}',
}


@pytest.mark.parametrize("name", list(BODIES))
def test_a_malformed_qr_request_is_invalid(swaps: Swaps, name: str) -> None:
    body = BODIES[name]
    response = swaps.partner.post("/qr", body, swaps.partner.headers(body))
    assert (response.status, response.body) == (400, b'{"code":1,"msg":"INVALID_REQUEST"}')
