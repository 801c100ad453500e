"""Free texts of people have no characters that are invisible or that reorder the others."""

import pytest

from domain.actions.operator.audit import checked_reason
from domain.cabinet.passkeys import checked_name as checked_passkey_name
from domain.errors import InvalidCommand
from domain.ledger.payouts import checked_reference
from domain.partners.codes import checked_label
from domain.partners.partner import checked_email, checked_name
from domain.text import checked_text

BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
INVISIBLE = (
    "\u00ad\u034f\u115f\u17b4\u180e\u200b\u2028\u2029\u2060\u2800\u3164\ufeff\uffa0\U000e0041"
)
CONTROLS = "\0\x07\x1b\x7f\x85"
RULES = (checked_label, checked_name, checked_reference, checked_reason, checked_passkey_name)


@pytest.mark.parametrize("character", [*BIDIRECTIONAL, *INVISIBLE, *CONTROLS], ids=ascii)
def test_a_hidden_character_is_rejected_in_every_free_text(character: str) -> None:
    for rule in RULES:
        if character.isspace() and rule is checked_passkey_name:
            continue  # it becomes a single space
        for text in (f"a{character}b", f"{character}ab", f"ab{character}"):
            with pytest.raises(InvalidCommand, match=r"control or invisible|state why"):
                rule(text)
    with pytest.raises(InvalidCommand):
        checked_email(f"a{character}b@wallet.example")


@pytest.mark.parametrize(
    "text",
    [
        *("Summer 2026", "سوق", "שוק", "日本語", "Zürich, naïve", "a\u00a0b", "👍🏽", "e\u0301"),
        *("\U0001f469\u200d\U0001f4bb", "\u0645\u06cc\u200c\u062e"),
    ],
)
def test_visible_texts_of_all_scripts_are_kept(text: str) -> None:
    for rule in RULES:
        assert rule(text) in (text, text.replace("\u00a0", " "))
    assert checked_text(f" {text} ", what="a text", limit=20) == text


@pytest.mark.parametrize(
    "text", ["a\u200db", "\u200dש", "ש\u200d", "ש\u200d\u200dש", "ש\u200d b"], ids=ascii
)
def test_a_joiner_that_joins_nothing_is_hidden(text: str) -> None:
    with pytest.raises(InvalidCommand, match="invisible"):
        checked_text(text, what="a text", limit=20)


def test_an_optional_text_may_be_empty_and_a_required_one_may_not() -> None:
    assert checked_text(" ", what="a text", limit=5, required=False) == ""
    for text in ("", "  ", "x" * 6):
        with pytest.raises(InvalidCommand, match="a text has 1 to 5 printable characters"):
            checked_text(text, what="a text", limit=5)
