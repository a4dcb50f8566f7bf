"""Text fits the terminal, and is whole where nobody's terminal shows it."""

from types import SimpleNamespace

import pytest

from refquant.study.aligned import aligned, fitted, listed, paragraph, ruled

ROWS = [("method", "bits", "accuracy, %", "cross-entropy, nats", "bytes"), ("ptq", "W8A8", "96.00 ± 0.10", "0.12", "9"),
        ("qat-longer", "W2A2", "9.00 ± 0.10", "0.125", "2,000")]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A terminal; setenv("COLUMNS") makes it narrow."""
    stdout = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr("refquant.study.aligned.sys", SimpleNamespace(stdout=stdout))
    return monkeypatch


def test_a_pipe_gets_the_full_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")  # readline sets it for every child of a program that imported it
    assert ruled(ROWS, left=2) == [
        "method      bits   accuracy, %  cross-entropy, nats  bytes",
        "-" * 58,
        "ptq         W8A8  96.00 ± 0.10                 0.12      9",
        "qat-longer  W2A2   9.00 ± 0.10                0.125  2,000"]
    text = "word " * 50
    assert fitted(text) == text and max(map(len, paragraph(text).splitlines())) == 99


def test_long_names_take_several_lines(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "54")
    assert ruled(ROWS, left=2) == [
        "                                cross-entropy,",
        "method      bits   accuracy, %            nats  bytes",
        "-" * 53,
        "ptq         W8A8  96.00 ± 0.10            0.12      9",
        "qat-longer  W2A2   9.00 ± 0.10           0.125  2,000"]


def test_columns_are_left_out_then_the_table_is_cut(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "40")
    assert aligned(ROWS, left=2, spare=(3,)) == [
        "method      bits   accuracy, %  bytes",
        "ptq         W8A8  96.00 ± 0.10      9",
        "qat-longer  W2A2   9.00 ± 0.10  2,000"]
    lines = aligned(ROWS, left=2)
    assert max(map(len, lines)) <= 40 and lines.count("") == 1
    assert [line.split()[0] for line in lines if line[:1].strip()] == ["method", "ptq", "qat-longer"] * 2
    assert all(any(cell in line for line in lines) for row in ROWS[1:] for cell in row)


@pytest.mark.parametrize("width", [1, 7, 20, 31, 59])
def test_no_cell_is_lost_and_no_part_is_wider_than_it_must_be(width: int, terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", str(width))
    lines = ruled(ROWS)
    assert all(any(cell in line for line in lines) for row in ROWS[1:] for cell in row)
    assert max(map(len, lines)) <= max(width, len("qat-longer  cross-entropy,"))


def test_further_lines_stand_below_the_second_column(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "32")
    assert fitted("  confirmed     W4A4: QAT minus naive PTQ").splitlines() == [
        "  confirmed     W4A4: QAT minus", "                naive PTQ"]
    assert listed({"a": "short", "bcd": "a longer text that needs two lines"}).splitlines() == [
        "a   short", "bcd a longer text that needs two", "    lines"]
    assert fitted("one\n\ntwo") == "one\n\ntwo" and listed({}) == ""
