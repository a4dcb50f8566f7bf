"""A prediction beside what was measured: every kind of guess gets a line that says how far it is off."""

from typing import Any

import numpy as np
import pytest

from refquant.course.predictions import scored


@pytest.mark.parametrize(("guess", "answer", "said"), [
    (..., 0.2, "a: measured 0.2 (no prediction written)"),
    (None, 0.2, "a: measured 0.2 (no prediction written)"),
    (0.2, 0.2, "a: measured 0.2, you wrote 0.2: as measured"),
    (0.25, np.float32(0.2), "a: measured 0.2, you wrote 0.25: 0.05 too high"),
    (10, 49.8483, "a: measured 49.85, you wrote 10: 39.85 too low"),
    (1, 0.00012, "a: measured 0.00012, you wrote 1: 1 too high"),
    (5, np.int16(5), "a: measured 5, you wrote 5: as measured"),
    (1000, 131_071, "a: measured 131071, you wrote 1000: 130071 too low"),
    (-3, -4.75, "a: measured -4.75, you wrote -3: 1.75 too high"),
    (20, np.inf, "a: measured inf, you wrote 20: inf too low"),
    ("much", 0.2, "a: measured 0.2, you wrote much: not a number; write one"),
    ([1, 2], 0.2, "a: measured 0.2, you wrote 1 2: one number is asked"),
    ({"b": 1}, 0.2, "a: measured 0.2, you wrote {'b': 1}: not a number; write one"),
    (True, "null", "a: measured null, you wrote 1: another answer"),
    ("Null ", "null", "a: measured null, you wrote Null : as measured"),
    ([0, 2, 3, 4], np.int8([0, 2, 2, 4]), "a: measured 0 2 2 4, you wrote 0 2 3 4: 3 of 4 as measured"),
    ([0, ..., 3, 4], np.int8([0, 2, 2, 4]), "a: measured 0 2 2 4 (no prediction written)"),
    (3, np.int8([0, 2]), "a: measured 0 2, you wrote 3: 2 numbers are asked"),
    ([1, 2, 3], np.int8([0, 2]), "a: measured 0 2, you wrote 1 2 3: 2 numbers are asked"),
])
def test_every_kind_of_guess(guess: Any, answer: Any, said: str) -> None:
    assert scored({"a": guess}, [answer]) == said


def test_numbers_of_a_trained_network_are_marked_and_their_count_is_asked() -> None:
    assert scored({"a": 3, "b": ...}, [4.0, 5.5], about=True) == (
        "a: measured ≈ 4, you wrote 3: 1 too low\nb: measured ≈ 5.5 (no prediction written)")
    assert scored({"a": 1}, 4.0) == "a: measured 4, you wrote 1: 3 too low"
    assert scored({"a": 1, "b": 2}, [1, 2, 3]).startswith("Not yet: 1 answers")
