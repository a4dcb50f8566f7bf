"""Is a fake-quantizer right? Its reals are taken back to codes, so that rounding and the way back are told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..affine import AffineParams, dequantize
from ..arguments import quiet
from ..engines.conventions import Convention
from ..engines.exact import coarse, hexadecimal
from .check import Deviation, Quantize, check_quantizer, expected_codes, silent, told
from .forms import in_arrays, name_of
from .ladder import alone

#: It takes codes, not reals.
OF_CODES = "identify(lambda x, p: np.rint(mine(x, p) / p.scale + p.zero_point).astype(int))"


def check_fake_quantizer(fake_quantize: Quantize, *, arrays: Callable[[Any], Any] | None = None,
                         **options: Any) -> None:
    """Return if x_hat = scale * (q - zero_point) with the right codes q; otherwise raise Deviation.

    Args:
        fake_quantize: (x, params) -> x_hat in x's dtype (float64 beyond 16 bits), as rq.fake_quantize.
        arrays: makes x and the parameters, as in check_quantizer.
        options: all others of check_quantizer: grids, rounding, division, per_tensor, data_precision, ...

    Each x_hat means a code. A wrong code is a fault of the rounding, and told as check_quantizer tells it (R3 to R6,
    R12). An x_hat that is no code's value, bit for bit, is a fault of the way back (R2). -0.0 counts as 0.0.

    >>> import refquant as rq
    >>> check_fake_quantizer(rq.fake_quantize, examples=20)
    >>> def mine(x, params):
    ...     q = np.clip(np.rint(x / params.scale) + params.zero_point, -128, 127)
    ...     return (q * params.scale - params.zero_point * params.scale).astype(x.dtype)  # two more roundings
    >>> try:
    ...     check_fake_quantizer(mine, grids=rq.INT8)
    ... except Deviation as deviation:
    ...     print(deviation.rule, "\\n".join(str(deviation).splitlines()[-2:]))
    R2 expected   0x1.000002p-1 = 0.5000000596046448 (code -127)
    got        0x1p-1 = 0.5

    Raises:
        Deviation: an AssertionError that names the rule.
        ValueError, TypeError: other arguments, a function that cannot be called so.
    """
    convention = Convention(**{kind: options[kind] for kind in Convention._fields if kind in options})
    called = fake_quantize if not callable(fake_quantize) else _meant(
        in_arrays(fake_quantize, arrays), convention, options.get("data_precision"))
    try:
        check_quantizer(called, **options)
    except Deviation as found:
        said = str(found).replace("\nidentify may", f"\n{OF_CODES} may")
        means = "\nThe codes are those that x_hat means." if "\nx / scale" in said else ""
        raise Deviation(found.rule, f"{said}{means}") from None


def _meant(f: Quantize, convention: Convention, precision: int | None) -> Quantize:
    """The codes that f's reals mean; among several of one value (float16, infinity) the right one."""
    def values(q: Any, params: AffineParams) -> Any:
        return coarse(dequantize(q, params), precision)

    @quiet
    def codes(x: Any, params: AffineParams) -> Any:
        x_hat, should = silent(f, x, params), expected_codes(convention, x, params)
        right = values(should, params)
        if x_hat.shape != x.shape:
            return np.zeros(x_hat.shape, np.int64)
        if x_hat.dtype != right.dtype:
            raise told("R2", "R2 is broken: x_hat has x's dtype.", f, alone((x, params), 0),
                       f"expected   {right.dtype}", f"got        {x_hat.dtype}")
        grid, v = params.grid, x_hat / params.scale.astype(np.float64)
        nearest = grid.encode(np.clip(grid.round(v) + params.zero_point, grid.qmin, grid.qmax))
        q = np.where((x_hat == right) | np.isnan(x_hat), should, nearest)
        off = np.flatnonzero((x_hat != values(q, params)).ravel())
        if off.size:
            i = int(off[np.abs(x.ravel()[off]).argmin()])
            should, came = values(q, params).ravel()[i], x_hat.ravel()[i]
            raise told("R2", "R2 is broken: x_hat is scale * (q - zero_point), the value of a code.", f,
                       alone((x, params), i), f"expected   {hexadecimal(should)} = {should} (code {q.ravel()[i]})",
                       f"got        {hexadecimal(came)} = {came}")
        return q
    codes.__name__ = name_of(f, "fake_quantize")
    return codes
