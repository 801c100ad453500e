"""Bodies with a name twice, or with bytes that aren't UTF-8, are refused, and no others."""

import json
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from gateway.codec import Decoder


class Asked(msgspec.Struct, frozen=True):
    kind: str
    amount: msgspec.Raw
    tag: str | None = None
    markup: Annotated[int, msgspec.Meta(ge=0)] = 0


decode = Decoder(Asked)


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


def names_something_twice(text: str) -> bool:
    """Decide it another way: by what is left when every object is read into a dict of its own."""
    members, kept = [0], [0]

    def count(pairs: list[tuple[str, object]]) -> None:
        members[0] += len(pairs)
        kept[0] += len(dict(pairs))

    json.loads(text, object_pairs_hook=count)
    return members != kept


@st.composite
def bodies(draw: st.DrawFn) -> str:
    names = ["kind", "amount", *draw(st.lists(NAMES, max_size=3))]
    members = [(name, draw(KNOWN.get(name, VALUES))) for name in draw(st.permutations(names))]
    return written(members)


@given(bodies())
def test_exactly_the_bodies_with_a_name_twice_are_refused(text: str) -> None:
    if names_something_twice(text):
        with pytest.raises(InvalidRequest):
            decode(text.encode())
    else:
        given = json.loads(text)
        decoded = decode(text.encode())
        assert (decoded.kind, decoded.tag) == (given["kind"], given.get("tag"))
        assert decoded.markup == given.get("markup", 0)


@pytest.mark.parametrize(
    "twice",
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
def test_a_name_twice_is_refused_wherever_it_stands(twice: str) -> None:
    with pytest.raises(InvalidRequest):
        decode(twice.encode())


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
def test_bytes_that_are_not_utf_8_are_refused_in_what_is_skipped_too(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode(body)


def test_numbers_of_any_length_are_skipped() -> None:
    body = b'{"kind":"a","amount":1,"other":' + b"9" * 60_000 + b"}"
    assert decode(body).kind == "a"
