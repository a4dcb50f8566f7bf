"""A choice is a function that can also tell its step: a label for a column, words for a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any, Generic, NamedTuple, ParamSpec, TypeAlias, TypeVar

from ..arguments import quiet
from .exact import show

P = ParamSpec("P")
T = TypeVar("T")
Words: TypeAlias = Callable[..., str]


class Choice(Generic[P, T]):
    """A function of `choices`, with the words for what it does.

    label: in a column; {} in a cast's stands for the zero point, if it is added there. words(*arguments, result): in a
    sentence, after what came before; "" where nothing happens.
    departs: what an engine does that chooses so; "" for refquant's own choice.
    """

    __name__: str

    def __init__(self, function: Callable[P, T], label: str, words: Words, departs: str = "") -> None:
        update_wrapper(self, function)
        self.function, self.label, self.words, self.departs = function, label, words, departs

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return self.__name__

    __reduce__ = __repr__  # copies and pickles are the choice itself, as with any function


def described(label: str, words: Words, departs: str = "") -> Callable[[Callable[P, T]], Choice[P, T]]:
    """The choice that the function below it computes."""
    return lambda function: Choice(function, label, words, departs)


def choice(function: Callable[..., Any]) -> Choice[..., Any]:
    """The function as a choice; one without words is shown by its name and its result.

    >>> def stochastic(v):
    ...     return 3
    >>> choice(stochastic).label, choice(stochastic).words(2.7, 3)
    ('stochastic', '; stochastic: 3')
    """
    if isinstance(function, Choice):
        return function
    name = getattr(function, "__name__", type(function).__name__)
    plain = Choice(function, name.replace("_", " "), lambda *given: f"; {plain.label}: {show(given[-1])}")
    plain.__name__ = name
    return plain


class Step(NamedTuple):
    """What a choice made of its arguments; without a label it has no row in a column."""

    label: str
    value: Any
    words: Callable[[], str] = str

    @classmethod
    def of(cls, function: Callable[..., Any], *given: Any, value: Any, label: str | None = None) -> Step:
        """The step of a choice whose result is known."""
        chosen = choice(function)
        return cls(chosen.label if label is None else label, value, partial(chosen.words, *given, value))


@quiet
def sentence(steps: Sequence[Step]) -> str:
    """All steps in words."""
    return "".join(step.words() for step in steps).removeprefix("; ")
