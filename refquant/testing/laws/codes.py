"""Laws of integers and of what is taken for reals (R1 to R4, R6, R7)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import strategies
from .grids import codes_are_the_oracles
from .law import Law, equal, refuses


def a_grid_has_its_codes(subject: Any, case: tuple[int, bool, bool]) -> None:
    bits, signed, narrow = case
    if narrow and not signed:
        return refuses(ValueError, "R1", lambda: subject.IntGrid(bits, signed=False, narrow=True))
    grid = subject.IntGrid(bits, signed=signed, narrow=narrow)
    assert grid.qmax - grid.qmin + 1 == 2**bits - narrow, "R1: the number of codes"
    assert grid.qmin == (narrow - 2 ** (bits - 1) if signed else 0), "R1: the lowest code"
    info = np.iinfo(grid.dtype)
    assert info.min <= grid.qmin and grid.qmax <= info.max and info.bits < max(2 * bits, 9), "R1: the dtype"
    assert grid == subject.IntGrid(bits, signed=signed, narrow=narrow), "R1: a grid is a value"


def a_grid_has_2_to_32_bits(subject: Any, bits: int) -> None:
    with suppress(ValueError):
        raise AssertionError(f"R1: {bits} bits accepted: {subject.IntGrid(bits)}")


@st.composite
def with_nan(draw: st.DrawFn) -> tuple[Any, tuple[int, ...]]:
    """Data with NaN from a drawn place on, and that place."""
    x = np.zeros(draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)), draw(strategies.dtypes()))
    place = draw(st.integers(0, x.size - 1))
    x.reshape(-1)[place] = np.nan
    x.reshape(-1)[draw(st.integers(place, x.size - 1))] = np.nan
    return draw(strategies.layouts(x)), tuple(int(i) for i in np.unravel_index(place, x.shape))


def nan_is_refused_with_its_place(subject: Any, case: tuple[Any, tuple[int, ...]]) -> None:
    x, place = case
    params = subject.AffineParams(scale=1.0, zero_point=0, grid=subject.INT8)
    for call in (lambda: subject.quantize(x, params), lambda: subject.fake_quantize(x, params),
                 lambda: subject.minmax(x), lambda: subject.dynamic_params(x, subject.INT8),
                 lambda: subject.static_params([x], subject.INT8)):
        refuses(ValueError, "R7", call, saying=f"index {place}" if place else "got NaN.")


def only_floats_are_reals(subject: Any, x: Any) -> None:
    params = subject.AffineParams(scale=1.0, zero_point=0, grid=subject.INT8)
    for f in (lambda v: subject.quantize(v, params), lambda v: subject.fake_quantize(v, params), subject.minmax):
        refuses(TypeError, "R7", lambda f=f: f(x))  # type: ignore[misc]


def numbers_and_lists_count_as_float64(subject: Any, x: Any) -> None:
    params = subject.AffineParams(scale=0.5, zero_point=3, grid=subject.INT8)
    equal("R7", subject.quantize(x, params), subject.quantize(np.asarray(x, np.float64), params))
    equal("R7", subject.fake_quantize(x, params), subject.fake_quantize(np.asarray(x, np.float64), params))


LAWS = (
    Law(a_grid_has_its_codes, ("R1",), st.tuples(st.integers(2, 32), st.booleans(), st.booleans())),
    Law(a_grid_has_2_to_32_bits, ("R1",), st.integers(-3, 1) | st.integers(33, 70)),
    Law(codes_are_the_oracles, ("R3",), strategies.quantizations(strategies.integer_grids(min_bits=17)),
        called="wide_grids_are_computed_in_float64"),
    Law(nan_is_refused_with_its_place, ("R7",), with_nan()),
    Law(only_floats_are_reals, ("R7",), hnp.arrays(
        st.sampled_from(["int8", "uint16", "int64", "complex64", "bool"]), (3,), elements=st.integers(0, 1))
        | st.integers(-3, 3) | st.lists(st.integers(), min_size=1)),
    Law(numbers_and_lists_count_as_float64, ("R7",), st.lists(st.floats(-300, 300)) | st.floats(-300, 300)))
