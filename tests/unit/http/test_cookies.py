"""Cookies are found beside malformed ones, and each entry point's choice among several is fixed."""

import pytest

from gateway.http.cookies import cookie_values, first_cookie, last_cookie


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
    assert first_cookie([header], "ref", max_length=256) == "good"
    assert last_cookie([header], "ref") == "good"


@pytest.mark.parametrize("header", [b"", b"ref", b";", b"foo=ref", b"foo=a ref=b", b"r\xe9f=x"])
def test_cookie_that_was_not_sent_is_not_found(header: bytes) -> None:
    assert cookie_values(header, "ref") == []
    assert first_cookie([header], "ref", max_length=256) is None
    assert last_cookie([header], "ref") is None


def test_no_header_has_no_cookie() -> None:
    assert first_cookie([], "ref", max_length=256) is None
    assert last_cookie([], "ref") is None


def test_value_keeps_every_byte_after_the_first_equals_sign() -> None:
    assert cookie_values(b"ref=a=b==; x=y", "ref") == ["a=b=="]
    assert cookie_values(b"ref=", "ref") == [""]
    assert cookie_values(b"ref=\xe9\x00\xff", "ref") == ["\xe9\x00\xff"]


def test_name_prefix_is_part_of_the_name() -> None:
    assert cookie_values(b"ref=plain; __Host-ref=ours", "__Host-ref") == ["ours"]
    assert cookie_values(b"__Host-ref=ours", "ref") == []


def test_several_headers_are_searched_in_order() -> None:
    headers = [b"foo", b"a=1; ref=second", b"ref=third"]
    assert first_cookie(headers, "ref", max_length=256) == "second"
    assert last_cookie(headers, "ref") == "second"


def test_of_two_cookies_of_one_name_each_choice_takes_its_own() -> None:
    header = b"ref=longest path; ref=path /"
    assert first_cookie([header], "ref", max_length=256) == "longest path"
    assert last_cookie([header], "ref") == "path /"


def test_values_over_the_limit_are_skipped() -> None:
    headers = [b"ref=" + b"x" * 257, b"ref=" + b"y" * 256]
    assert first_cookie(headers, "ref", max_length=256) == "y" * 256


@pytest.mark.parametrize(
    ("value", "unquoted"),
    [('"good"', "good"), ('""', ""), ('"', '"'), ('"open', '"open'), ('a"b"', 'a"b"')],
)
def test_only_the_last_choice_removes_quotes(value: str, unquoted: str) -> None:
    header = f"ref={value}".encode()
    assert last_cookie([header], "ref") == unquoted
    assert first_cookie([header], "ref", max_length=256) == value
