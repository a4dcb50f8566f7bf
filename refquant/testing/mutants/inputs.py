"""Mutants of what counts as a real (R7)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import refquant as rq

from .mutant import Mutant


def _accepting(f: Callable[..., Any], mend: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda x, *args, **options: f(mend(x), *args, **options)


def _integers_to_floats(x: Any) -> Any:
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype.kind in "iub" else x


def _nan_unplaced(x: Any, params: Any) -> Any:
    if np.isnan(np.asarray(x, np.float64)).any():
        raise ValueError("NaN (R7)")
    return rq.quantize(x, params)


MUTANTS = (
    Mutant("NaN taken for 0", "R7", {name: _accepting(getattr(rq, name), np.nan_to_num) for name in (
        "quantize", "fake_quantize", "minmax", "dynamic_params")}),
    Mutant("NaN refused without its place", "R7", {"quantize": _nan_unplaced}),
    Mutant("integers taken for reals", "R7", {"quantize": _accepting(rq.quantize, _integers_to_floats)}),
)
