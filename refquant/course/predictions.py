"""What a student predicted beside what was measured: the numbers, and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def scored(yours: Mapping[str, Any], measured: object, *, about: bool = False) -> str:
    """A line for each prediction: what was measured, what you wrote, and how far the two are apart.

    Args:
        yours: what is asked -> your prediction, a number, a list of numbers or a word; `...` where you wrote none.
        measured: the one answer, or a list of as many as there are questions, in the same order.
        about: the numbers come from a trained network, so another processor may give slightly others; they get a ≈.

    >>> print(scored({"scale": 0.25, "codes": [0, 1], "zero point": ...}, [0.2, [0, 2], 5]))
    scale: measured 0.2, you wrote 0.25: 0.05 too high
    codes: measured 0 2, you wrote 0 1: 1 of 2 as measured
    zero point: measured 5 (no prediction written)
    """
    answers = list(measured) if isinstance(measured, list | tuple) and len(measured) == len(yours) else [measured]
    if len(answers) != len(yours):
        return f"Not yet: {len(answers)} answers were measured; predict as many. You wrote {len(yours)}."
    return "\n".join(_line(asked, guess, answer, "≈ " if about else "")
                     for (asked, guess), answer in zip(yours.items(), answers, strict=True))


def _line(asked: str, guess: Any, answer: Any, sign: str) -> str:
    said = f"{asked}: measured {sign}{_shown(answer)}"
    if guess is None or any(one is ... for one in (guess if isinstance(guess, list | tuple) else [guess])):
        return f"{said} (no prediction written)"
    return f"{said}, you wrote {_shown(guess)}: {_apart(guess, answer)}"


def _apart(guess: Any, answer: Any) -> str:
    """How far a prediction lies from what was measured."""
    if isinstance(answer, str):
        return "as measured" if str(guess).strip().lower() == answer.lower() else "another answer"
    try:
        left, right = np.asarray(guess, np.float64), np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        return "not a number; write one"
    if left.shape != right.shape:
        return f"{right.size} numbers are asked" if right.ndim else "one number is asked"
    if right.ndim:
        return f"{int(np.sum(np.isclose(left, right, atol=0.005)))} of {right.size} as measured"
    if np.isclose(left, right, atol=0.005):
        return "as measured"
    return f"{_shown(abs(left - right))} too {'high' if left > right else 'low'}"


def _shown(value: Any) -> str:
    """A number with two decimals at most, small ones with two digits; no comma in thousands."""
    if isinstance(value, str):
        return value
    if np.ndim(value):
        return " ".join(map(_shown, value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        return repr(value)
    return f"{number:.2g}" if 0 < abs(number) < 0.1 else np.format_float_positional(round(number, 2), trim="-")
