"""Measured rows: a quantizer that is known by (x, scale, zero_point, code) alone, and what a table must look like."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ..arguments import error
from ..grids import Grid
from .points import Points

NOT_KNOWN = "not known"


def measured(where: str, rows: Any, columns: str) -> Any:
    """The four columns of a table, as float64.

    >>> [column.tolist() for column in measured("identify", [(2.5, 1, 3, 6)], "x, scale, zero_point, code")]
    [[2.5], [1.0], [3.0], [6.0]]

    Raises:
        ValueError: no rows, or rows of another length.
    """
    table: Any = np.empty(0)
    got = repr(rows)[:60]
    with suppress(TypeError, ValueError):
        table = np.asarray(rows, np.float64)
        got = f"shape {table.shape}"
    if table.ndim != 2 or table.shape[1] != 4 or not len(table):
        raise error(ValueError, where, f"a table must have rows ({columns})", got,
                    f"np.stack([{columns}], axis=1) makes them of arrays; or pass a function")
    return table.T


class Table(NamedTuple):
    """The rows, and the grid of their codes; it answers as asking.Box does, for what is in the rows."""

    points: Points
    codes: Any
    grid: Grid
    says: tuple[str, str] = ("These rows follow", "These rows are as in")

    @classmethod
    def of(cls, rows: Any, grid: Grid) -> Table:
        """From rows (x, scale, zero_point, code); x and scale are taken as float32.

        >>> from refquant import INT8
        >>> Table.of([(2.5, 1, 3, 6)], INT8).codes
        array([6])

        Raises:
            ValueError: rows of another length; a code or a zero point off the grid; another scale.
        """
        x, scale, z, q = measured("identify", rows, "x, scale, zero_point, code")
        whole = [(of == np.rint(of)) & (grid.qmin <= of) & (of <= grid.qmax) for of in (z, q)]
        wrong = np.flatnonzero(~(whole[0] & whole[1] & (scale > 0) & (scale < np.inf)))
        if wrong.size:
            raise error(ValueError, "identify", f"zero points and codes must be of {grid}, scales positive",
                        f"{tuple(np.stack([x, scale, z, q], axis=1)[wrong[0]].tolist())} in row {wrong[0]}, from 0 on",
                        "rows are (x, scale, zero_point, code); grid= names the grid")
        return cls(Points(x.astype(np.float32), scale.astype(np.float32), z.astype(np.int64)), q.astype(np.int64), grid)

    def at(self, chosen: Any) -> tuple[Points, list[int | None]]:
        """Some of the rows."""
        return self.points.at(chosen), self.codes[chosen].tolist()

    def outcomes(self, points: Points, _: int = 1) -> list[int | None]:
        """The codes of numbers; None where they are in no row."""
        known = dict(zip(zip(*self.points, strict=True), self.codes.tolist(), strict=True))
        return [known.get(of) for of in zip(*points, strict=True)]

    def special(self, *numbers: float) -> list[tuple[int, list[int | None]]]:
        """Zero points for which each of these numbers, infinite or NaN, is in a row, and the codes; 0 first."""
        rows = list(zip(*self.points, self.codes.tolist(), strict=True))
        each = [{int(z): q for x, _, z, q in rows if np.array_equal(x, n, equal_nan=True)} for n in numbers]
        return [(z, [codes[z] for codes in each]) for z in sorted(set.intersection(*map(set, each)), key=abs)]

    def arrays(self, *_: Any) -> str:
        """Of arrays nothing is known. Rows that contradict each other are told.

        >>> from refquant import INT8
        >>> Table.of([(0.5, 1, 0, 0), (0.5, 1, 0, 1)], INT8).arrays()
        'not known: a table of 2 rows; rows 0 and 1, counted from 0, give the same number two codes'
        """
        rows = list(map(str, zip(*self.points, strict=True)))
        twice = [(rows.index(row), i) for i, row in enumerate(rows) if self.codes[rows.index(row)] != self.codes[i]]
        return f"{NOT_KNOWN}: a table of {len(rows)} rows" + "".join(
            f"; rows {i} and {k}, counted from 0, give the same number two codes" for i, k in twice[:1])
