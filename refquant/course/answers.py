"""What the checks share: they call a student's function, and they name the mistake behind a wrong answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

Wrong = TypeVar("Wrong")


def unfit(answers: Mapping[str, Any], single: bool = False) -> str:
    """A message: "" unless an answer is not set, is no number, or is several numbers where a single one is asked.

    >>> unfit({"scale": None, "zero_point": 3})
    'Not answered yet: set both scale and zero_point.'
    >>> unfit({"scale": "0.2"})
    "Not yet: scale: write numbers; '0.2' is something else."
    """
    if any(answer is None or answer is ... for answer in answers.values()):
        *first, last = answers
        names = ("both " if len(first) == 1 else "") + ", ".join(first) + " and " * bool(first) + last
        return f"Not answered yet: set {names}."
    for name, answer in answers.items():
        if not _numeric(answer):
            return f"Not yet: {name}: write numbers; {answer!r:.60} is something else."
        if single and np.ndim(answer):
            return f"Not yet: {name}: write one number; yours has shape {np.shape(answer)}."
    return ""


def _numeric(answer: Any) -> bool:
    try:
        return np.asarray(answer).dtype.kind in "biuf"
    except ValueError:  # rows of different lengths
        return False


def ask(yours: Callable[..., Any], *given: Any, hints: Mapping[type[Exception], str] | None = None,
        arrays: int = 0) -> tuple[Any, str]:
    """yours(*given), and a message: "" unless the function raised, returned None, or something else than numbers.

    Args:
        hints: why some errors come up.
        arrays: how many arrays of numbers must come back; 0 for anything.

    >>> ask(lambda x: x + 1, 2), ask(lambda x: None, 2)[1]
    ((3, ''), 'Not answered yet: your function returns None.')
    """
    try:
        answer = yours(*given)
    except Exception as error:
        return None, raised(error) + "".join(f" {hint}" for kind, hint in (hints or {}).items()
                                             if isinstance(error, kind))
    if answer is None:
        return None, "Not answered yet: your function returns None."
    parts = answer if arrays > 1 and isinstance(answer, tuple | list) else [answer]
    if arrays and not all(map(_numeric, parts)):
        return None, f"Not yet: your function must return numbers; it returns {answer!r:.60}."
    return answer, ""


def raised(error: Exception) -> str:
    """The message to a function that raised.

    >>> raised(ValueError("no such axis"))
    'Not yet: your function raised ValueError: no such axis.'
    """
    return f"Not yet: your function raised {type(error).__name__}: {str(error).strip()}."


def mistake(mistakes: Mapping[str, Wrong], gives_it: Callable[[Wrong], object], otherwise: str) -> str:
    """What is wrong: the first known mistake that gives the answer, else a general hint.

    >>> mistake({"you double it": 6, "you negate it": -3}, lambda wrong: wrong == -3, "add 1")
    'you negate it'
    """
    return next((why for why, wrong in mistakes.items() if gives_it(wrong)), otherwise)
