"""What a quantizer would be right with: conventions and grids that hold for everything that was tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from ..affine import AffineParams
from ..arguments import quiet
from ..engines.arrays import codes
from ..engines.choices import in_bfloat16, in_float16
from ..engines.conventions import NAMED, PECULIAR, Convention
from ..grids import INT4, INT8, INT16, UINT4, UINT8, Grid, IntGrid
from .ladder import Case, Made

#: Grids that quantizers are made for.
USUAL: tuple[Grid, ...] = (INT8, UINT8, IntGrid(8, narrow=True), INT4, UINT4, INT16)


class Tried(NamedTuple):
    """Data, one scale and one zero point for each, the grid, and the codes that came."""

    x: Any
    scale: Any
    zero_point: Any
    grid: Grid
    codes: Any


def everything(rungs: Sequence[Any], run: Callable[[Any, Callable[[list[Case]], None]], None],
               called: Callable[[Any, AffineParams], Any], made: Made) -> tuple[list[Tried], str, Made]:
    """All data of a check with their codes, and the first error that was raised instead of codes."""
    tried: list[Tried] = []
    failures: list[str] = []

    def ask(several: list[Case]) -> None:
        for x, params in several:
            try:
                tried.append(Tried(x, params.scale, params.zero_point, params.grid, called(x, params)))
            except AssertionError as failure:
                failures.extend(line for line in str(failure).splitlines() if line.startswith("raised "))
    for cases in rungs:
        run(cases, ask)
    return tried, (failures or [""])[0], made


def hint(given: Convention, point: Tried, tried: Sequence[Tried], failure: str = "", otherwise: str = "") -> str:
    """What gives the very codes everywhere, at the point first; what is said otherwise, if nothing named does.

    One choice that is another; several; zero point 0, a usual grid or no -0, and at most one choice that is another.

    >>> point = Tried(np.float32([0.5]), np.float32(1), 0, INT8, np.array([1]))
    >>> hint(Convention(), point, [point._replace(x=np.float32([0.49999997]), codes=np.array([0]))])
    'As it would be with rounding=half_away or rounding=half_up.'
    """
    even = point.grid.equal_steps
    named: dict[str, tuple[Any, ...]] = {**NAMED, "division": (*NAMED["division"], in_float16, in_bfloat16)}
    one = [given, *(given._replace(**{kind: f}) for kind, functions in named.items() for f in functions
                    if even or kind == "division")]
    several = [] if not even else [*(Convention._make((*c, given.nan)) for c in product(*named.values())), *(
        c._replace(nan=given.nan) for c in PECULIAR)]
    data = [point, *tried]
    for words, conventions, holds in _ways(point, one, several):
        fit = [c for c in conventions if holds(c, data)]
        few = min((_changes(given, c).count("=") for c in fit), default=0)
        changes = dict.fromkeys(text for c in fit if (text := _changes(given, c)).count("=") == few)
        if changes:
            words = ", ".join(filter(None, [f"with {' or '.join(changes)}" * bool(few), words]))
            return f"As it would be {words}{f', wherever it gives codes; elsewhere it {failure}' * bool(failure)}."
    return otherwise


def _ways(point: Tried, one: Iterable[Convention], several: Iterable[Convention]) -> Iterator[tuple[str, Any, Any]]:
    """In words, which conventions to try, and whether all codes are theirs: on what other zero point or grid."""
    yield "", one, partial(_holds, {})
    yield "", several, partial(_holds, {})
    if np.any(point.zero_point):
        yield "with zero point 0: symmetric=True, if yours has no other", one, partial(_holds, {"zero_point": 0})
    for grid in USUAL if point.grid.equal_steps else ():
        yield f"on {grid}: grids=rq.{grid}, if yours is made for that", one, partial(_holds, {"grid": grid})
    if not point.grid.equal_steps:
        yield "with minus_zero=False", one, partial(_holds, {}, minus_zero=False)


@quiet
def _holds(change: dict[str, Any], c: Convention, data: list[Tried], minus_zero: bool = True) -> bool:
    """Whether all codes are c's; data that show that they are not are asked first of the next one."""
    for i, each in enumerate(data):
        x, scale, z, grid, came = each._replace(**change)
        zeros: Any = [] if minus_zero else grid.encode(np.array([0.0, -0.0]))
        q = codes(c, x, scale, z, grid)
        if ((q != came) & ~(np.isin(q, zeros) & np.isin(came, zeros))).any():
            data.insert(0, data.pop(i))
            return False
    return True


def _changes(given: Convention, c: Convention) -> str:
    """The choices that differ, as arguments."""
    return ", ".join(f"{kind}={f.__name__}" for kind, f in c._asdict().items() if f is not getattr(given, kind))
