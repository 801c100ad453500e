"""Bodies with a repeated name or invalid UTF-8 are rejected, and no others."""

import json
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from gateway.codec import Decoder


class Wire(msgspec.Struct, frozen=True):
    kind: str
    amount: msgspec.Raw
    tag: str | None = None
    markup: Annotated[int, msgspec.Meta(ge=0)] = 0


decode = Decoder(Wire)


def written(members: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in members) + "}"


NAMES = st.sampled_from(["kind", "amount", "tag", "markup", "other", "a:b", "\u00e9", 'qu"ote'])
VALUES = st.recursive(
    st.sampled_from(['"x"', '"a:b"', "0", "1.5", "null", "true", '"\u00e9"', '"\\":"', "[]", "{}"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(NAMES, inner), max_size=3).map(written),
    ),
    max_leaves=6,
)
KNOWN = {
    "kind": st.sampled_from(['"x"', '"a:b"', '"\u00e9"']),
    "amount": VALUES,
    "tag": st.sampled_from(['"x"', "null", '":"']),
    "markup": st.sampled_from(["0", "7"]),
}


def has_repeated_name(text: str) -> bool:
    """Decide independently of the decoder: by the members that remain when objects become dicts."""
    members, remaining = [0], [0]

    def count(pairs: list[tuple[str, object]]) -> None:
        members[0] += len(pairs)
        remaining[0] += len(dict(pairs))

    json.loads(text, object_pairs_hook=count)
    return members != remaining


@st.composite
def bodies(draw: st.DrawFn) -> str:
    names = ["kind", "amount", *draw(st.lists(NAMES, max_size=3))]
    members = [(name, draw(KNOWN.get(name, VALUES))) for name in draw(st.permutations(names))]
    return written(members)


ABSENT = msgspec.Raw(b"null")


class WithFactory(msgspec.Struct, frozen=True):
    kind: str
    amount: msgspec.Raw = msgspec.field(default_factory=lambda: ABSENT)


class WithNewDefaults(msgspec.Struct, frozen=True):
    items: list[str] = msgspec.field(default_factory=list)


@pytest.mark.parametrize("body", ['{"kind":"a","kind":"b"}', '{"kind":"a","amount":1,"amount":2}'])
def test_a_repeated_name_is_rejected_beside_a_default_of_a_factory(body: str) -> None:
    decode_it = Decoder(WithFactory)
    assert decode_it(b'{"kind":"a"}').amount is ABSENT
    assert bytes(decode_it(b'{"kind":"a","amount":1}').amount) == b"1"
    with pytest.raises(InvalidRequest):
        decode_it(body.encode())


def test_a_default_that_cannot_be_told_from_a_value_is_rejected_at_once() -> None:
    with pytest.raises(ValueError, match="the default of items"):
        Decoder(WithNewDefaults)


@given(bodies())
def test_exactly_the_bodies_with_a_repeated_name_are_rejected(text: str) -> None:
    if has_repeated_name(text):
        with pytest.raises(InvalidRequest):
            decode(text.encode())
    else:
        expected = json.loads(text)
        decoded = decode(text.encode())
        assert (decoded.kind, decoded.tag) == (expected["kind"], expected.get("tag"))
        assert decoded.markup == expected.get("markup", 0)


@pytest.mark.parametrize(
    "body",
    [
        '{"kind":"a","amount":1,"kind":"b"}',
        '{"kind":"a","amount":1,"k\\u0069nd":"a"}',
        '{"kind":"a","amount":1,"tag":null,"tag":null}',
        '{"kind":"a","amount":1,"tag":null,"tag":"x"}',
        '{"kind":"a","amount":1,"tag":"x","tag":null}',
        '{"kind":"a","amount":1,"markup":0,"markup":0}',
        '{"kind":"a","amount":{"x":1,"x":1}}',
        '{"kind":"a","amount":1,"other":1,"other":2}',
        '{"kind":"a","amount":1,"other":[{"deep":{"x":1,"x":1}}]}',
    ],
)
def test_a_repeated_name_is_rejected_at_any_depth(body: str) -> None:
    with pytest.raises(InvalidRequest):
        decode(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"a","amount":1,"other":"\xff"}',
        b'{"kind":"a","amount":1,"\xff":1}',
        b'{"kind":"a","amount":"\xff"}',
        b'{"kind":"a","amount":1,"other":"\xed\xa0\x80"}',
        b'{"kind":"a","amount":1,"other":"\xc0\xaf"}',
    ],
)
def test_invalid_utf_8_is_rejected_in_ignored_fields_too(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode(body)


def test_ignored_numbers_of_any_length_are_accepted() -> None:
    body = b'{"kind":"a","amount":1,"other":' + b"9" * 60_000 + b"}"
    assert decode(body).kind == "a"
