"""Cookies are found beside malformed ones, and of two with one name neither counts."""

import pytest

from gateway.http.cookies import MAX_COOKIE_LENGTH, RepeatedCookie, cookie_of, cookie_values


@pytest.mark.parametrize(
    "header",
    [
        b"ref=good",
        b"foo; ref=good",
        b"ref=good; foo",
        b"foo=bar;ref=good",
        b" \t ref=good \t ;",
        b";;; ref=good",
        b"=; ref=good",
        b"=nameless; ref=good",
        b'foo="; ref=good',
        b'foo="a; ref=good; b"',
        b"f,o:o=[1]; ref=good",
        b"foo=a b c; ref=good",
        b"foo=caf\xe9; ref=good",
        b"\xff\xfe\x00=\x01; ref=good",
        b"ref; ref=good",
        b"refs=no; xref=no; REF=no; ref =no; ref=good",
    ],
)
def test_malformed_neighbor_does_not_hide_a_cookie(header: bytes) -> None:
    assert cookie_values(header, "ref") == ["good"]
    assert cookie_of([header], "ref") == "good"


@pytest.mark.parametrize("header", [b"", b"ref", b";", b"foo=ref", b"foo=a ref=b", b"r\xe9f=x"])
def test_cookie_that_was_not_sent_is_not_found(header: bytes) -> None:
    assert cookie_values(header, "ref") == []
    assert cookie_of([header], "ref") is None


def test_no_header_has_no_cookie() -> None:
    assert cookie_of([], "ref") is None


def test_value_keeps_every_byte_after_the_first_equals_sign() -> None:
    assert cookie_values(b"ref=a=b==; x=y", "ref") == ["a=b=="]
    assert cookie_values(b"ref=", "ref") == [""]
    assert cookie_values(b"ref=\xe9\x00\xff", "ref") == ["\xe9\x00\xff"]


def test_name_prefix_is_part_of_the_name() -> None:
    assert cookie_values(b"ref=plain; __Host-ref=ours", "__Host-ref") == ["ours"]
    assert cookie_values(b"__Host-ref=ours", "ref") == []


def test_several_headers_are_searched() -> None:
    assert cookie_of([b"foo", b"a=1; ref=second", b"b=2"], "ref") == "second"


@pytest.mark.parametrize(
    "headers",
    [
        [b"ref=longest path; ref=path /"],
        [b"ref=same; ref=same"],
        [b"ref=one", b"a=1; ref=two"],
        [b"ref=; ref=two"],
        [b"ref=" + b"x" * 5_000 + b"; ref=two"],
    ],
)
def test_of_two_cookies_of_one_name_neither_counts(headers: list[bytes]) -> None:
    with pytest.raises(RepeatedCookie):
        cookie_of(headers, "ref")


def test_a_value_over_the_limit_is_not_ours() -> None:
    assert cookie_of([b"ref=" + b"x" * (MAX_COOKIE_LENGTH + 1)], "ref") is None
    assert cookie_of([b"ref=" + b"y" * MAX_COOKIE_LENGTH], "ref") == "y" * MAX_COOKIE_LENGTH


@pytest.mark.parametrize(
    ("value", "unquoted"),
    [('"good"', "good"), ('""', ""), ('"', '"'), ('"open', '"open'), ('a"b"', 'a"b"')],
)
def test_a_pair_of_quotes_is_removed(value: str, unquoted: str) -> None:
    assert cookie_of([f"ref={value}".encode()], "ref") == unquoted
