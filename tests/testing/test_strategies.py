"""The strategies produce what they promise: a kit that draws no ties tests nothing."""

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings

import refquant as rq
from refquant.testing import strategies


@cache
def quantizations() -> list[Any]:
    return draws(strategies.quantizations(), 480)


def draws(strategy: Any, n: int = 160) -> list[Any]:
    seen: list[Any] = []

    @settings(max_examples=n, phases=[Phase.generate], derandomize=True)
    @given(strategy)
    def collect(case: Any) -> None:
        seen.append(case)

    collect()
    return seen


@pytest.mark.slow
def test_every_decision_point_is_drawn() -> None:
    points: Counter[str] = Counter()
    for x, params in quantizations():
        dtype = params.grid.arithmetic(x.dtype)
        with np.errstate(all="ignore"):
            v = x.astype(dtype) / params.scale.astype(dtype)
            if not params.grid.equal_steps:
                values = params.grid.values.astype(dtype)
                points["a value"] += int(np.isin(v, values).sum())
                points["a tie of values"] += int(np.isin(v, (values[1:] + values[:-1]) / 2).sum())
                points["beyond the values"] += int((np.isfinite(v) & ((v < values[0]) | (v > values[-1]))).sum())
                continue
            overflows = np.isfinite(x) & np.isinf(v)
            beside = [np.nextafter(v, dtype.type(s * np.inf)) % 1 == 0.5 for s in (-1, 1)]
        inside = np.abs(v) < 2 ** (params.grid.bits + 1)
        v = np.where(np.isfinite(v), v, 2.0**50)
        points["tie"] += int((inside & (v % 1 == 0.5)).sum())
        points["one ulp beside a tie"] += int((inside & (beside[0] | beside[1])).sum())
        points["a code's value"] += int((inside & (v % 1 == 0)).sum())
        points["infinite"] += int(np.isinf(x).sum())
        points["an overflowing quotient"] += int(overflows.sum())
        points["far outside"] += int((np.abs(v) > 2.0**40).sum())
        points["subnormal"] += int(((x != 0) & (np.abs(x) < np.finfo(x.dtype).tiny)).sum())
        points["minus zero"] += int(((x == 0) & np.signbit(x)).sum())
        points["odd zero point at a tie"] += int((inside & (v % 1 == 0.5) & (params.zero_point % 2 == 1)).sum())
    assert all(points[name] >= 10 for name in points), points
    assert points["tie"] > points["infinite"], points


@pytest.mark.slow
def test_every_dtype_shape_grid_and_layout_is_drawn() -> None:
    cases = quantizations()
    assert {x.dtype.newbyteorder("=") for x, _ in cases} == set(strategies.DTYPES)
    assert {p.scale.dtype for _, p in cases} == set(strategies.DTYPES)
    assert {x.ndim for x, _ in cases} == {0, 1, 2, 3} and any(x.size == 0 for x, _ in cases)
    grids = {p.grid for _, p in cases}
    assert {(g.signed, g.narrow) for g in grids if g.equal_steps} == {(True, False), (True, True), (False, False)}
    assert {g.bits for g in grids if g.equal_steps} >= {2, 3, 4, 8} and any(g.bits > 16 for g in grids)
    uneven = {g for g in grids if not g.equal_steps}
    named = {rq.E4M3, rq.E5M2, rq.E2M1, rq.E3M2, rq.E2M3, rq.NF4}
    assert len(named & uneven) > 2, "which ones changes with the constants that Hypothesis finds in the package"
    assert {type(g) for g in uneven} == {rq.FloatGrid, rq.Codebook}
    assert any(g.zero == 0 and np.signbit(g.zero) for g in uneven) and any(0 not in g.values for g in uneven)
    assert any(p.scale.size > 1 for _, p in cases) and any(p.scale.shape == () for _, p in cases)
    assert any(not x.flags.writeable for x, _ in cases) and any(not x.dtype.isnative for x, _ in cases)
    assert any(x.strides and min(x.strides) < 0 for x, _ in cases)
    assert any(x.flags.f_contiguous and not x.flags.c_contiguous for x, _ in cases)
    assert any(not x.flags.f_contiguous and not x.flags.c_contiguous for x, _ in cases)


@pytest.mark.slow
def test_parameters_fit_the_data() -> None:
    for x, params in quantizations():
        assert rq.quantize(x, params).shape == x.shape


@pytest.mark.slow
def test_ranges_reach_every_corner() -> None:
    corners: Counter[str] = Counter()
    for lo, hi, grid in draws(strategies.ranges(), 600):
        assert (lo <= hi).all() and np.isfinite(lo).all() and np.isfinite(hi).all() and lo.dtype == hi.dtype
        with np.errstate(all="ignore"):
            zero = -np.minimum(lo, 0).astype(float) / rq.affine_params(lo, hi, grid).scale
            corners["width overflows"] += int(np.isinf(hi - lo).any())
        corners["a zero point's tie"] += int((zero % 1 == 0.5).any())
        corners["zero"] += int(((lo == 0) & (hi == 0)).any())
        corners["subnormal"] += int(((hi != 0) & (np.abs(hi) < np.finfo(hi.dtype).tiny)).any())
        corners["positive"] += int((lo > 0).any())
        corners["constant"] += int(((lo == hi) & (lo != 0)).any())
    assert len(corners) == 6 and min(corners.values()) >= 3, corners


def test_factors_reach_the_bounds() -> None:
    results = [rq.integer_matmul(a, b) for a, b in draws(strategies.factors())]
    assert any((np.abs(r) >= 2**31).any() for r in results), "no sum beyond int32"
    assert any(r.dtype == np.int32 and r.size for r in results)


def test_requantizations_are_ties_and_extremes() -> None:
    cases = draws(strategies.requantizations())
    ties = sum(int(((a * c.mantissa * 2) % 2 ** (32 - c.shift) == 2 ** (31 - c.shift)) and c.shift < 1)
               for c in cases for a in map(int, c.acc))
    assert ties >= 30, "which data are drawn changes with the constants that Hypothesis finds in the package"
    assert {-2**31, 2**31 - 1} <= {int(a) for c in cases for a in c.acc}
    assert min(c.shift for c in cases) < -40 and max(c.shift for c in cases) > 20


@pytest.mark.parametrize("grid", [rq.INT8, rq.UINT4, rq.E4M3], ids=repr)
def test_what_is_drawn_fits_a_restricted_quantizer(grid: rq.Grid) -> None:
    seen = draws(strategies.quantizations(grid=grid, dtype="float32", per_tensor=True, symmetric=True), 40)
    assert len(seen) == 40 and all(p.grid == grid and p.scale.shape == () for _, p in seen)
    assert {x.dtype for x, _ in seen} == {p.scale.dtype for _, p in seen} == {np.dtype("f")}
    assert {int(p.zero_point) for _, p in seen} == {8 if grid == rq.UINT4 else 0}
    assert len({p.scale.item() for _, p in seen}) > 10 and len({x.shape for x, _ in seen}) > 4


@pytest.mark.slow
def test_each_restriction_leaves_the_rest_free() -> None:
    seen = draws(strategies.quantizations(per_tensor=True), 60)
    assert all(p.scale.shape == () for _, p in seen) and len({p.grid for _, p in seen}) > 5
    seen = draws(strategies.quantizations(grid=rq.INT8, dtype=np.float64), 60)
    assert {p.scale.dtype for _, p in seen} == {np.dtype("d")} and any(p.zero_point.any() for _, p in seen)
    assert any(p.scale.size > 1 for _, p in seen)
