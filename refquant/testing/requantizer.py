"""Which requantizer is it? One rounding or two, of integers or of floats: accumulators beside ties tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..arguments import error, quiet
from ..engines.requantizers import REQUANTIZERS
from ..grids import INT8, Grid, known
from .forms import plain
from .table import measured

#: Powers of two, other short ones, full ones, one that is nearly a tie of 31 bits; at 1e-6 accumulators need more than
#: float32's 24 bits.
MULTIPLIERS = (0.5, 2.0**-8, 0.75, 0.046875, 0.09375, 0.1875, 0.000637, 0.0071234567, 1 / 3, 1518500249.4999 / 2**31,
               1e-6, 1.5)


class Requantizing(NamedTuple):
    """What identify_requantizer found; print it.

    names: those of REQUANTIZERS that gave every product; none if it is like none of them.
    """

    names: tuple[str, ...]
    unlike: str

    def __str__(self) -> str:
        lines = [f"{name}: as {REQUANTIZERS[name].engines}".removesuffix(": as ") for name in self.names]
        head = ["Nothing that was asked tells these apart:"] if len(lines) > 1 else []
        return "\n".join([*head, *lines]) or self.unlike


@quiet
def identify_requantizer(asked: Callable[[Any, float], Any] | ArrayLike, *, grid: Grid = INT8) -> Requantizing:
    """Which of the named ways to round acc * m gives the integers that `asked` gives.

    The ways are engines.requantizers.REQUANTIZERS.

    Args:
        asked: (acc, m) -> the rounded products, before the zero point and the clip; acc is an array of int32, m a
            float. Or a table of measured rows (acc, m, zero point, out).
        grid: of a table's out: a product beyond qmin or qmax counts as that end.

    >>> import math
    >>> def mine(acc, m):
    ...     fraction, shift = math.frexp(m)
    ...     product = acc.astype(np.int64) * math.floor(fraction * 2**31 + 0.5)
    ...     return product + (1 << (30 - shift)) >> (31 - shift)
    >>> print(identify_requantizer(mine))
    one rounding, ties up: as TFLM and CMSIS-NN with single rounding; FBGEMM
    >>> identify_requantizer([(245, 0.046875, 3, 15), (-1264, 0.09375, 3, -116), (-23, 0.5, 0, -11)]).names
    ('two roundings, ties up, then away',)

    Raises:
        TypeError: a function that cannot be called so, products that are no integers.
        ValueError: rows of another length.
    """
    if callable(asked):
        rows, low, high = _measured(asked), -(2**31), 2**31 - 1
    else:
        rows, low, high = _table(asked), known("identify_requantizer", grid).qmin, grid.qmax
    given = {name: [min(max(r.rounded(acc, m)[0] + z, low), high) for acc, m, z, _ in rows]
             for name, r in REQUANTIZERS.items()}
    out = [row[-1] for row in rows]
    same = tuple(name for name, codes in given.items() if codes == out)
    nearest = min(given, key=lambda name: sum(a != b for a, b in zip(given[name], out, strict=True)))
    wrong = [row for row, code in zip(rows, given[nearest], strict=True) if row[-1] != code]
    if same:
        return Requantizing(same, "")
    acc, m, z, code = min(wrong, key=lambda row: abs(row[0]))
    n, how = REQUANTIZERS[nearest].rounded(acc, m)
    return Requantizing((), f"Nearest is {nearest}; it differs at acc={acc}, m=float.fromhex('{m.hex()}'): {code} "
                            f"instead of {n + z} ({how}).")


def _measured(f: Callable[[Any, float], Any]) -> list[tuple[int, float, int, int]]:
    """Accumulators whose products are ties, beside ties, or any."""
    rng, rows = np.random.default_rng(0), []
    for m in MULTIPLIERS:
        most = int(2**30 * min(1, 1 / m))
        ties = np.rint((rng.integers(-300, 300, 20) + 0.5) / m)
        acc = np.concatenate([*(ties + d for d in (-1, 0, 1)), rng.integers(-most, most, 30), [0, 1, -1, 21, -23, 245]])
        acc = acc[np.abs(acc) < most].astype(np.int32)
        try:
            got = plain(f(acc.copy(), m))
            whole = [int(v) for v in got.reshape(acc.shape) if v == int(v)]
        except Exception as failure:
            raise error(TypeError, "identify_requantizer", "`asked` must take (acc, m), an array of int32 and a float",
                        f"{type(failure).__name__}: {failure}", "or pass rows (acc, m, zero point, out)") from failure
        if len(whole) < acc.size:
            raise error(TypeError, "identify_requantizer", "products must be integers", f"{got.flat[0]}",
                        "return them rounded, before the zero point and the clip")
        rows += [(int(a), m, 0, q) for a, q in zip(acc, whole, strict=True)]
    return rows


def _table(rows: Any) -> list[tuple[int, float, int, int]]:
    table = measured("identify_requantizer", rows, "acc, m, zero point, out")
    return [(int(acc), float(m), int(z), int(q)) for acc, m, z, q in table.T]
