"""A call, written so that it can be pasted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..affine import AffineParams
from ..engines.exact import hexadecimal
from ..grids import NAMES, Grid
from .forms import name_of


def call(f: Callable[..., Any], x: Any, params: AffineParams) -> str:
    """f(x, params), with what it imports."""
    name = name_of(f, "dequantize" if x.dtype.kind in "iu" else "quantize")
    return (f"    import numpy as np; from refquant import AffineParams, {_imported(params.grid)}\n"
            f"    {name}({array(x)},\n    {' ' * len(name)} AffineParams(scale={array(params.scale)}, "
            f"zero_point={params.zero_point.tolist()}, grid={text_of(params.grid)}))")


def _imported(g: Grid) -> str:
    return text_of(g).split("(")[0]


def text_of(g: Grid) -> str:
    """The call that makes a grid; a format other than integers by its name.

    >>> from refquant import E4M3, UINT8, Codebook
    >>> text_of(UINT8), text_of(E4M3), text_of(Codebook([0, 2]))
    ('IntGrid(8, signed=False)', 'E4M3', 'Codebook([0.0, 2.0])')
    """
    if not g.equal_steps:
        return f"Codebook({list(g.kept)})" if hasattr(g, "kept") and g not in NAMES else repr(g)
    signed, narrow = "" if g.qmin < 0 else ", signed=False", ", narrow=True" * (g.qmin == -g.qmax)
    return f"IntGrid({g.bits}{signed}{narrow})"


def array(a: Any) -> str:
    """The call that makes an array, or a number.

    >>> import numpy as np
    >>> array(np.float32([0.1])), array(np.float32(2)), array(np.zeros(64, np.float32))
    ("np.array([float.fromhex('0x1.99999ap-4')], np.float32)", "np.float32(float.fromhex('0x1p+1'))", \
"np.full((64,), float.fromhex('0x0p+0'), np.float32)")
    """
    def text(v: Any) -> str:
        if isinstance(v, list):
            return f"[{', '.join(map(text, v))}]"
        return f"float.fromhex('{hexadecimal(v)}')" if isinstance(v, float) else str(v)
    if a.size > 2 and (a == a.flat[0]).all():
        return f"np.full({a.shape}, {text(a.flat[0].item())}, np.{a.dtype})"
    return f"np.array({text(a.tolist())}, np.{a.dtype})" if a.ndim else f"np.{a.dtype}({text(a.tolist())})"
