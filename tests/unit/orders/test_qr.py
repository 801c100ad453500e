"""QR codes: of any payload up to a length, made once an hour, never more than the cache holds."""

import asyncio
import base64
import struct
import threading
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.orders.qr import PIXELS, qr_png
from gateway.runtime.qr_codes import CACHE_SECONDS, QrCodes

URL = "data:image/png;base64,"


class Maker:
    """Makes pictures that tell their payload and how many were made before; counts them."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.now = 1_000.0

    def make(self, payload: str) -> bytes:
        if payload == "broken":
            raise ValueError(payload)
        self.made.append(payload)
        return f"{payload} {len(self.made)}".encode()

    def codes(self, *, max_cached: int = 10) -> QrCodes:
        return QrCodes(render=self.make, monotonic=lambda: self.now, max_cached=max_cached)


def text(url: str) -> str:
    assert url.startswith(URL)
    return base64.b64decode(url.removeprefix(URL)).decode()


async def test_an_image_is_generated_once_per_hour() -> None:
    maker = Maker()
    codes = maker.codes()
    assert text(await codes.data_url("a")) == "a 1"
    maker.now += CACHE_SECONDS - 1
    assert text(await codes.data_url("a")) == "a 1"
    maker.now += 1
    assert text(await codes.data_url("a")) == "a 2"


async def test_only_the_newest_images_are_cached() -> None:
    maker = Maker()
    codes = maker.codes(max_cached=2)
    for payload in ("a", "b", "a", "c", "a", "b"):
        await codes.data_url(payload)
    assert maker.made == ["a", "b", "c", "b"]


async def test_concurrent_callers_share_one_image() -> None:
    maker = Maker()
    codes = maker.codes()
    urls = await asyncio.gather(*(codes.data_url("a") for _ in range(50)))
    assert (len(set(urls)), maker.made) == (1, ["a"])


async def test_a_failed_image_is_generated_again() -> None:
    codes = Maker().codes()
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await codes.data_url("broken")
    assert text(await codes.data_url("a")) == "a 1"


async def test_a_cancelled_caller_does_not_affect_the_others() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def make(payload: str) -> bytes:
        begun.set()
        go_on.wait(10)
        return payload.encode()

    codes = QrCodes(render=make)
    first, second = (asyncio.create_task(codes.data_url("a")) for _ in range(2))
    await asyncio.to_thread(begun.wait, 10)
    first.cancel()
    go_on.set()
    assert text(await second) == "a"
    assert first.cancelled() or first.cancelling()


async def test_the_event_loop_is_not_blocked_meanwhile() -> None:
    """The picture is only finished once the loop has run something else."""
    ran = threading.Event()

    def make(payload: str) -> bytes:
        assert ran.wait(10)
        return payload.encode()

    making = asyncio.create_task(QrCodes(render=make).data_url("a"))
    await asyncio.sleep(0)
    ran.set()
    assert text(await making) == "a"


@settings(max_examples=30)
@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1, max_size=400))
def test_the_image_is_a_valid_png_of_256_by_256_pixels(payload: str) -> None:
    png = qr_png(payload)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert checksum == zlib.crc32(kind + data)
        chunks.append((kind, data))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    assert chunks[0][1] == struct.pack(">IIBBBBB", PIXELS, PIXELS, 1, 0, 0, 0, 0)
    lines = zlib.decompress(chunks[1][1])
    assert len(lines) == PIXELS * (1 + PIXELS // 8)
    assert set(lines[:: 1 + PIXELS // 8]) == {0}, "no line is filtered"


def test_the_same_payload_produces_the_same_image() -> None:
    assert qr_png("bc1q") == qr_png("bc1q") != qr_png("bc1p")
