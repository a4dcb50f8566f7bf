"""What a mutant is, and which laws must notice it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, NamedTuple

import refquant as rq

from ..laws import Law


class Mutant(NamedTuple):
    """What is wrong, the rule it breaks, and the functions that stand in for the right ones."""

    name: str
    rule: str
    wrong: dict[str, Callable[..., Any]]

    def subject(self) -> SimpleNamespace:
        """refquant with the wrong functions in it."""
        return SimpleNamespace(**{**vars(rq), **self.wrong})

    def laws(self, laws: Iterable[Law]) -> list[Law]:
        """Those that cite the rule; first those that name a wrong function."""
        cite = [law for law in laws if self.rule in law.rules]
        return sorted(cite, key=lambda law: not set(self.wrong) & {
            *law.check.__code__.co_names, *law.check.__code__.co_consts})


def on_integers(right: Callable[..., Any], wrong: Callable[..., Any]) -> Callable[..., Any]:
    """What is wrong on grids with equal steps alone."""
    return lambda x, params: (wrong if params.grid.equal_steps else right)(x, params)


def on_values(right: Callable[..., Any], wrong: Callable[..., Any]) -> Callable[..., Any]:
    """What is wrong on float grids and codebooks alone."""
    return on_integers(wrong, right)
