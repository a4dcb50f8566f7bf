"""encode of float grids and codebooks takes any reals: what it finds at once, round and clip find in two steps."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq

GRIDS = (rq.E4M3, rq.E5M2, rq.E4M3FNUZ, rq.E5M2FNUZ, rq.E2M3, rq.E3M2, rq.E2M1, rq.FloatGrid(5, 10, specials=1024),
         rq.FloatGrid(7, 1), rq.FloatGrid(1, 2), rq.NF4, rq.E8M0, rq.Codebook([-1, 0.1, 3]))


def points(grid: Any, dtype: Any) -> Any:
    """Values, ties and the places beyond the ends where saturation begins, each with the floats beside it; zeros,
    infinities, subnormal and huge numbers."""
    v = grid.values[:: max(1, len(grid.values) // 500)]
    middles = np.concatenate([v, (v[1:] + v[:-1]) / 2, 1.5 * v[[0, -1]] - v[[1, -2]] / 2, 2 * v[[0, -1]]])
    far = np.array([0, -0.0, np.inf, -np.inf, 1e-320, -1e-40, 1e-30, 1e30, -3e38], dtype)
    x = np.concatenate([middles.astype(dtype), far])
    return np.concatenate([x, np.nextafter(x, dtype(np.inf)), np.nextafter(x, dtype(-np.inf))])


def in_two_steps(grid: Any, v: Any) -> Any:
    """The code of the value that round and clip give, found among decoded codes."""
    near = np.float32(np.clip(grid.round(v) + grid.zero, grid.qmin, grid.qmax))
    codes = {value.tobytes(): code for code, value in enumerate(grid.table) if not np.isnan(value)}
    return np.array([codes[value.tobytes()] for value in near], grid.dtype)


@np.errstate(all="ignore")  # quantize, which calls them, ignores all
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_encode_rounds_and_saturates(grid: Any, dtype: Any) -> None:
    x = points(grid, dtype)
    q = grid.encode(x)
    assert q.dtype == grid.dtype and (q == in_two_steps(grid, x)).all()
    every = np.flatnonzero(~np.isnan(grid.table))
    assert (grid.encode(grid.decode(every)) == every).all()


@np.errstate(all="ignore")
@given(st.integers(1, 5), st.integers(1, 5), st.booleans(), st.lists(st.floats(width=32, allow_nan=False), min_size=1))
def test_encode_of_any_float_grid(exponent: int, mantissa: int, fnuz: bool, x: list[float]) -> None:
    grid = rq.FloatGrid(exponent, mantissa, fnuz=fnuz)
    assert (grid.encode(np.float32(x)) == in_two_steps(grid, np.float32(x))).all()


@pytest.mark.parametrize("grid", [rq.E4M3, rq.NF4], ids=str)
def test_layouts(grid: Any) -> None:
    v = np.random.default_rng(0).normal(size=(40, 30, 50)).astype(np.float32)
    whole = grid.encode(v)
    for cut in ((slice(None, None, 2), slice(None, None, -1)), (slice(None), slice(3, 9), slice(None, None, 7))):
        assert (grid.encode(v[cut]) == whole[cut]).all() and (grid.round(v[cut]) == grid.round(v)[cut]).all()
    assert (grid.encode(v.T) == whole.T).all() and (grid.encode(np.asfortranarray(v)) == whole).all()
    assert grid.encode(v[0, 0, 0]).shape == () and grid.encode(v[:0]).shape == (0, 30, 50)
    expected = grid.round(v)
    assert grid.round(v.T, out=v.T) is not None and (v == expected).all()  # in place


def bytes_besides(f: Callable[[], Any]) -> int:
    """The most that is allocated at once, without the result; tables are made before."""
    f()
    tracemalloc.start()
    try:
        result = f()
        return tracemalloc.get_traced_memory()[1] - int(result.nbytes)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("grid", [rq.E4M3, rq.E2M1, rq.NF4, rq.INT8], ids=str)
def test_memory_is_two_temporaries_at_most_and_in_chunks_a_megabyte(grid: Any) -> None:
    x = np.random.default_rng(0).standard_normal(1_000_000, np.float32)
    params = rq.symmetric_params(*rq.minmax(x), grid)
    for f in (rq.quantize, rq.fake_quantize):
        assert bytes_besides(lambda f=f: f(x, params)) <= 2 * x.nbytes
        assert bytes_besides(lambda f=f: rq.in_chunks(f, x, params)) <= 1_250_000


@pytest.mark.parametrize("grid", [rq.E4M3, rq.E5M2, rq.E2M1], ids=repr)
def test_places_are_indices_of_32_bit_python_too(grid: rq.FloatGrid) -> None:
    """There NumPy takes no uint32 as an index: a lesson failed in the browser."""
    assert np.can_cast(grid._place(np.float32([1, -448, np.inf]).view(np.uint32)).dtype, np.int32)
