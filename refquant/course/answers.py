"""What the checks share: they call a student's function, and they name the mistake behind a wrong answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Wrong = TypeVar("Wrong")


def ask(yours: Callable[..., Any], *given: Any, hints: Mapping[type[Exception], str] | None = None) -> tuple[Any, str]:
    """yours(*given), and a message: "" unless the function raised or returned None; hints say why some errors come up.

    >>> ask(lambda x: x + 1, 2), ask(lambda x: None, 2)[1]
    ((3, ''), 'Not answered yet: your function returns None.')
    """
    try:
        answer = yours(*given)
    except Exception as error:
        return None, raised(error) + "".join(f" {hint}" for kind, hint in (hints or {}).items()
                                             if isinstance(error, kind))
    return answer, "Not answered yet: your function returns None." if answer is None else ""


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
