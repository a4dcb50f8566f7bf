from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

from refquant import lm


def test_ten_seeds_hold_the_whole_text_out_once() -> None:
    text = lm.alice()
    splits = [lm.split(text, seed) for seed in range(10)]
    assert "".join(lm.decode(part.held_out, part.symbols) for part in splits) == text
    for seed, part in enumerate(splits):
        start = seed * 14848
        assert lm.decode(part.train, part.symbols) == text[:start] + text[start + 14848:]
    assert all((a == b).all() for a, b in zip(lm.split(text, 13)[1:], splits[3][1:]))


def test_tenths_of_a_text_that_ten_does_not_divide() -> None:
    text = "abcdefg" * 9
    parts = [lm.split(text, seed, context=2) for seed in range(10)]
    assert "".join(lm.decode(part.held_out, part.symbols) for part in parts) == text
    assert {len(part.held_out) for part in parts} == {6, 7}


def test_codes_are_places_among_the_sorted_symbols() -> None:
    symbols, train, held_out = lm.split("cab" * 10, seed=0, context=2)
    assert symbols == "abc" and held_out.tolist() == [2, 0, 1] and train[:3].tolist() == [2, 0, 1]
    assert lm.decode(lm.encode("bac", symbols), symbols) == "bac" and lm.encode("", symbols).shape == (0,)


def test_the_anchors_are_those_of_the_whole_text() -> None:
    found = lm.anchors(lm.alice())
    assert found == {"gzip": pytest.approx(2.878, abs=0.01), "bz2": pytest.approx(2.3274, abs=1e-3)}
    assert lm.anchors("é" * 1000)["gzip"] < 0.5


@pytest.mark.parametrize("text", ["", "ab", "ab" * 324 + "a"])
def test_a_text_that_is_too_short_is_refused(text: str) -> None:
    with refused(ValueError, "split", "650", len(text), "ten times the context"):
        lm.split(text, 0)


def test_characters_unseen_in_training_are_refused() -> None:
    with refused(ValueError, "encode", "'ω'"):
        lm.encode("abω", "abc")
    text = "ab" * 900 + "xyz" * 66
    with refused(ValueError, "split", "unseen in training", "'xyz'", "tenth 9"):
        lm.split(text, 9)
    assert "x" in lm.split(text, 0).symbols
    assert len(lm.split("ab" * 5000 + "x", 9).held_out) == 1001  # one in a thousand may be
    with refused(ValueError, "split", "'xy'"):
        lm.split("ab" * 5000 + "xy", 9)


def test_texts_are_read_as_utf8(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes("\ufeffnaïve\r\n".encode())
    assert lm.read(file) == lm.read(str(file)) == "naïve\n"
    file.write_bytes(b"na\xefve")
    with refused(ValueError, "read", "UTF-8", "text.txt"):
        lm.read(file)
    with refused(ValueError, "read", "No such file"):
        lm.read(tmp_path / "none")
    with refused(ValueError, "read", "directory"):
        lm.read(tmp_path)


@pytest.mark.parametrize(("call", "kind", "part"), [
    (lambda: lm.read(3), TypeError, "`path`"), (lambda: lm.split(b"ab" * 500, 0), TypeError, "`text`"),
    (lambda: lm.split("ab" * 500, -1), ValueError, "`seed`"), (lambda: lm.split("ab" * 500, 0.5), TypeError, "`seed`"),
    (lambda: lm.split("ab" * 500, 0, context=0), ValueError, "`context`")])
def test_wrong_arguments_are_named(call: Any, kind: Any, part: str) -> None:
    with refused(kind, part):
        call()


def test_windows_leave_no_character_but_the_first_and_the_rest_unpredicted() -> None:
    model = lm.init(np.random.default_rng(0), "abcdefghij", lm.Sizes(width=1, heads=1, context=3, layers=1))
    rows, following = lm.model.windows("here", model, np.arange(10))
    assert rows.tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]] and (following == rows + 1).all()
    assert len(lm.model.windows("here", model, np.arange(9))[0]) == 2
    with refused(ValueError, "here", "at least 4", "(3,)"):
        lm.model.windows("here", model, np.arange(3))
