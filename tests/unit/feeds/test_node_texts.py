"""Nothing unprintable or endless that a node reports reaches a log or the database."""

import sys
from typing import Any, Self, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.chains.attempts import failure_of
from domain.text import MAX_TEXT_LENGTH, printable
from feeds.settlement.chains.interface import NodeError, NodeRejected, NodeUnavailable, WrongChain
from feeds.settlement.chains.rpc import Rpc
from feeds.settlement.deposits.node_pair import NodeDisagreement

CONTROL = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x202E, 0xFEFF)]


class Response:
    """A response of a node, and the session that returns it."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def read(self) -> bytes:
        return self.body

    def post(self, *_: object, **__: object) -> "Response":
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass


async def call(body: bytes) -> Any:
    rpc = Rpc("http://127.0.0.1:1")
    rpc._session = cast("Any", Response(body))
    return await rpc.call("method")


async def rejected(error: object) -> NodeRejected:
    with pytest.raises(NodeRejected) as caught:
        await call(msgspec.json.encode({"error": error}))
    return caught.value


@pytest.mark.parametrize("character", CONTROL, ids=lambda one: f"U+{ord(one):04X}")
async def test_no_control_character_of_a_node_remains(character: str) -> None:
    text = f"a{character}b"
    result = {"result": {text: [text, {"tx": text}], "height": 7}}
    cleaned = {"a?b": ["a?b", {"tx": "a?b"}], "height": 7}
    assert await call(msgspec.json.encode(result)) == cleaned
    error = await rejected({"code": 3, "message": text})
    assert str(error) == "method: a?b (3)"
    for kind in (NodeUnavailable, WrongChain, NodeDisagreement):
        assert str(kind(text)) == "a?b"
    assert failure_of(ValueError(text)).detail == "ValueError: a?b"


@given(st.text(max_size=500))
def test_a_text_becomes_printable_and_bounded(text: str) -> None:
    for made in (printable(text), str(NodeUnavailable(text)), failure_of(KeyError(text)).detail):
        assert made.isprintable()
        assert len(made) <= MAX_TEXT_LENGTH
    assert printable(text) == text[:MAX_TEXT_LENGTH] or not text.isprintable()


@given(st.dictionaries(st.text(), st.recursive(st.text(), st.lists, max_leaves=5)))
def test_what_has_nothing_to_be_cleaned_is_returned_as_it_is(result: dict[str, Any]) -> None:
    body = msgspec.json.encode({"result": result})
    found = msgspec.json.encode(run(call(body)))
    assert found == msgspec.json.encode(result) or not text_of(result).isprintable()
    assert text_of(msgspec.json.decode(found)).isprintable()


def text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    return "".join(text_of(one) for one in parts)


def run(work: Any) -> Any:
    """Run what never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


@pytest.mark.parametrize("error", ["text", {"code": "x", "message": "m"}, {"code": None}, [1], 5])
async def test_an_error_of_any_form_is_a_rejection(error: object) -> None:
    assert isinstance(await rejected(error), NodeError)


async def test_the_message_of_a_rejection_is_bounded() -> None:
    error = await rejected({"code": 3, "message": "x" * 1_000_000})
    assert len(str(error)) <= MAX_TEXT_LENGTH
    assert sys.getsizeof(error.args) < 10_000
