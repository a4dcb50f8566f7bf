"""A choice is a function that can also tell its step: a label for a column, words for a sentence."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any, Generic, NamedTuple, ParamSpec, TypeAlias, TypeVar

from ..arguments import quiet
from .exact import show

P = ParamSpec("P")
T = TypeVar("T")
Words: TypeAlias = Callable[..., str]


@dataclass(eq=False)
class Choice(Generic[P, T]):
    """A function of `choices`, with the words for what it does.

    label: in a column. words(*arguments, result): in a sentence, after what came before; "" where nothing happens.
    departs: what an engine does that chooses so; "" for refquant's own choice.
    """

    function: Callable[P, T]
    label: str
    words: Words
    departs: str = ""
    __name__ = ""

    def __post_init__(self) -> None:
        update_wrapper(self, self.function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.function(*args, **kwargs)

    def __reduce__(self) -> str:
        """Copies and pickles are the choice itself, as with any function."""
        return self.__name__


def told(label: str, words: Words, departs: str = "") -> Callable[[Callable[P, T]], Choice[P, T]]:
    """The choice that the function below it computes."""
    return lambda function: Choice(function, label, words, departs)


def choice(function: Callable[..., Any]) -> Choice[..., Any]:
    """The function as a choice; one without words is told by its name and its result.

    >>> def stochastic(v):
    ...     return 3
    >>> choice(stochastic).label, choice(stochastic).words(2.7, 3)
    ('stochastic', '; stochastic: 3')
    """
    if isinstance(function, Choice):
        return function
    name = function.__name__.replace("_", " ")
    return Choice(function, name, lambda *given: f"; {name}: {show(given[-1])}")


class Step(NamedTuple):
    """What a choice made of its arguments; without a label it has no row in a column."""

    label: str
    value: Any
    words: Callable[[], str] = str

    @classmethod
    def of(cls, function: Callable[..., Any], *given: Any, value: Any, label: str | None = None) -> Step:
        """The step of a choice whose result is known."""
        told_by = choice(function)
        return cls(told_by.label if label is None else label, value, partial(told_by.words, *given, value))


@quiet
def sentence(steps: Sequence[Step]) -> str:
    """All steps in words."""
    return "".join(step.words() for step in steps).removeprefix("; ")
