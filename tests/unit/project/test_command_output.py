"""How the operator's command prints results: JSON, tables that fit, names and values."""

import msgspec
import pytest

from gateway.cli.output import show

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
ROW = {
    "id": ID,
    "status": "NEW",
    "amount": "0.01 btc",
    "note": "a note of several words",
    "ok": True,
}


class Out(msgspec.Struct, rename="camel"):
    """A document with a field that JSON spells otherwise."""

    two_words: str


@pytest.fixture(autouse=True)
def pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print as into a pipe, unless a test sets a width."""
    monkeypatch.setenv("COLUMNS", "")


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_json_is_one_document_whatever_people_are_shown(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    show([Out("x")], as_json=True, table=[{"other": 1}])

    assert capfdbinary.readouterr().out == b'[{"twoWords":"x"}]\n'


def test_a_row_stays_on_one_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    show([{**ROW, "long": "word " * 100}], as_json=False)

    (row,) = (line for line in printed(capsys) if ID in line)
    assert row.endswith("word")


def test_a_table_breaks_cells_between_words_to_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    show([ROW], as_json=False)

    lines = printed(capsys)
    assert max(map(len, lines)) <= 70
    assert {"id", "status", "amount", "note", "ok"} == set(lines[0].split())
    words = {word for line in lines[2:] for word in line.split()}
    assert words == {ID, "NEW", "0.01", "btc", "a", "note", "of", "several", "words", "yes"}


def test_a_table_that_does_not_fit_is_reduced_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    show([ROW], as_json=False, narrow=("id", "status"))

    lines = printed(capsys)
    assert lines[0].split() == ["id", "status"]
    assert lines[2].split() == [ID, "NEW"]
    assert (
        " ".join(lines[3:]) == "Not shown at this width: amount, note, ok. --json has everything."
    )


@pytest.mark.parametrize("narrow", [(), ("id", "status")])
def test_rows_that_do_not_fit_at_all_are_printed_as_names_and_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], narrow: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    show([ROW, ROW], as_json=False, narrow=narrow)

    lines = printed(capsys)
    assert max(map(len, lines)) <= 30
    assert sum(line.startswith("status  NEW") for line in lines) == 2
    assert lines.count("") >= 2, "a blank line after each"


def test_wide_characters_count_as_two_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    show([{"name": "\u4ed8\u6b3e\u4ed8", "ok": True}], as_json=False)
    assert printed(capsys)[2] == "\u4ed8\u6b3e\u4ed8  yes"

    monkeypatch.setenv("COLUMNS", "9")
    show([{"name": "\u4ed8\u6b3e\u4ed8", "ok": True}], as_json=False)
    assert printed(capsys)[:2] == ["name  \u4ed8", "      \u6b3e"], "names and values"


def test_values_are_printed_as_people_read_them(capsys: pytest.CaptureFixture[str]) -> None:
    values = {
        "none": None,
        "yes": True,
        "no": False,
        "list": ["a", "b"],
        "empty": [],
        "of": {"a": 1},
    }
    show(values, as_json=False)

    pairs = dict(line.split(maxsplit=1) for line in printed(capsys))
    assert pairs == {
        "none": "-",
        "yes": "yes",
        "no": "no",
        "list": "a, b",
        "empty": "-",
        "of.a": "1",
    }


def test_an_empty_list_is_printed_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    show([], as_json=False, narrow=("id",))

    assert printed(capsys) == ["none"]


def test_text_is_never_parsed_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    show({"[red]name": "[/bold]"}, as_json=False)

    assert printed(capsys) == ["[red]name  [/bold]"]
