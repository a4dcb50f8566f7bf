"""How a counter-example is told: the call, to be pasted, the quotient, the codes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..affine import AffineParams
from ..engines.exact import exact
from ..grids import Grid
from .forms import name_of
from .layouts import written as array


def call(f: Any, x: Any, params: AffineParams) -> str:
    """The call, to be pasted.

    >>> from refquant import E4M3, quantize
    >>> print(call(quantize, np.float32(17), AffineParams(scale=np.float32(1), zero_point=0, grid=E4M3)))
        import numpy as np; from refquant import AffineParams, E4M3
        quantize(np.float32(float.fromhex('0x1.1p+4')),
                 AffineParams(scale=np.float32(float.fromhex('0x1p+0')), zero_point=0, grid=E4M3))
    """
    name = name_of(f, "dequantize" if x.dtype.kind in "iu" else "quantize")
    kind = written(params.grid).partition("(")[0]
    return (f"    import numpy as np; from refquant import AffineParams, {kind}\n    {name}({array(x)},\n"
            f"    {' ' * len(name)} AffineParams(scale={array(params.scale)}, "
            f"zero_point={params.zero_point.tolist()}, grid={written(params.grid)}))")


def written(grid: Grid) -> str:
    """The grid as Python, whole.

    >>> from refquant import E4M3, NF4, UINT8, Codebook
    >>> [written(grid) for grid in (E4M3, NF4, UINT8, Codebook([-1, 0.5]))]
    ['E4M3', 'NF4', 'IntGrid(8, signed=False)', 'Codebook([-1.0, 0.5])']
    """
    if grid.equal_steps:
        signed, narrow = "" if grid.qmin < 0 else ", signed=False", ", narrow=True" * (grid.qmin == -grid.qmax)
        return f"IntGrid({grid.bits}{signed}{narrow})"
    return f"{type(grid).__name__}({grid.values.tolist()})" if "..." in repr(grid) else repr(grid)


def code(grid: Grid, q: int) -> str:
    """A code, and its value where they are not one number.

    >>> from refquant import E4M3, INT8
    >>> code(INT8, 5), code(E4M3, 0x58), code(E4M3, 0x7F)
    ('5', '88 = 0x58, 16', '127 = 0x7F, no value')
    """
    if grid.equal_steps:
        return str(q)
    try:
        value = f"{grid.decode(grid.check('code', [q]))[0]:g}"
    except ValueError:
        value = "no value"
    return f"{q} = 0x{q:02X}, {value}" if q >= 0 else f"{q}, {value}"


def quotient(x: Any, scale: Any) -> str:
    """x / scale, and what its dtype makes of it.

    >>> quotient(np.float32(1), np.float32(2))
    '1/2 = 0.5, exactly'
    """
    if not np.isfinite(x) or (x == 0 and np.signbit(x)):
        return str(x)
    x, scale = (np.float32(v) if v.dtype == np.float16 else v for v in (x, scale))  # widened (R3)
    ratio, rounded = Fraction(float(x)) / Fraction(float(scale)), x / scale
    how = "exactly" if exact(rounded) == ratio else f"which {x.dtype} rounds to {float(rounded):.10g}"
    size = f"{ratio} = " if 1 < ratio.denominator < 10**6 else ""
    return f"{size}{float(ratio):.17g}, {how}" if abs(ratio) < 2**1023 else f"beyond float64, {how}"
