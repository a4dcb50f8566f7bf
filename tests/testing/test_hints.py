"""What check_quantizer says that a wrong quantizer would be right with holds for all that it tried."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import refused
from strange import STRANGE, clipped

import refquant as rq
from refquant.engines import choices
from refquant.testing import Deviation, check_fake_quantizer, check_quantizer
from refquant.testing.layouts import layouts, written

pytestmark = pytest.mark.slow  # the doctests of the module stay in the plain command

SLOW = pytest.mark.slow


def told(quantize: Callable[..., Any], **options: Any) -> str:
    with pytest.raises(Deviation) as found:
        check_quantizer(quantize, **{"examples": 12, **options})
    return str(found.value)


def rounded(rounding: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda x, params: clipped(rounding((x / params.scale).astype(np.float64)) + params.zero_point, params)


def toward_zero_at_ties(v: Any) -> Any:
    return np.copysign(np.ceil(np.abs(v) - 0.5), v)


@pytest.mark.parametrize(("rounding", "name"), [
    (np.ceil, "upward"), (toward_zero_at_ties, "half_toward_zero"), pytest.param(np.floor, "downward", marks=SLOW),
    pytest.param(np.trunc, "toward_zero", marks=SLOW),
    pytest.param(lambda v: np.copysign(np.ceil(np.abs(v)), v), "away_from_zero", marks=SLOW),
    pytest.param(lambda v: np.ceil(v - 0.5), "half_down", marks=SLOW)])
def test_quarters_tell_roundings_of_ties_from_others(rounding: Any, name: str) -> None:
    quantize = rounded(rounding)
    assert told(quantize, grids=rq.INT8).endswith(f"\nAs it would be with rounding={name}.")
    check_quantizer(quantize, grids=rq.INT8, rounding=getattr(choices, name), examples=8)


def for_one(grid: rq.IntGrid, v: Callable[[Any], Any] = np.rint) -> Callable[..., Any]:
    return lambda x, p: np.clip(v(x / p.scale) + p.zero_point, grid.qmin, grid.qmax).astype(grid.dtype)


def test_a_quantizer_for_one_grid_is_told_of_it() -> None:
    said = told(for_one(rq.INT8))
    assert said.endswith("\nAs it would be on INT8: grids=rq.INT8, if yours is made for that.")
    assert "grids=rq.UINT8" in told(for_one(rq.UINT8))
    check_quantizer(for_one(rq.INT8), grids=rq.INT8, examples=8)


@SLOW
def test_a_grid_is_not_told_by_one_number() -> None:
    def clips_at_255(x: Any, params: rq.AffineParams) -> Any:
        """From 0 to 255 where x is positive alone."""
        q = np.rint(x / params.scale) + params.zero_point
        return np.where(x > 0, np.clip(q, 0, 255), np.clip(q, params.grid.qmin, params.grid.qmax)).astype(np.int64)

    assert "grids=" not in told(clips_at_255, grids=rq.INT8)


@SLOW
def test_several_choices_are_told_together() -> None:
    def fused(x: Any, params: rq.AffineParams) -> Any:
        v = x * (np.float32(1) / params.scale) + params.zero_point.astype(x.dtype)
        return clipped(np.rint(v), params)

    said = told(fused, grids=rq.INT8, examples=40)
    assert said.endswith("\nAs it would be with division=reciprocal, zero_point=before_rounding.")

    def per_tensor(x: Any, params: rq.AffineParams) -> Any:
        if params.scale.size > 1:
            raise TypeError("one scale")
        return fused(x, params)

    assert told(per_tensor, grids=rq.INT8, examples=40).endswith(
        "zero_point=before_rounding, wherever it gives codes; elsewhere it raised TypeError: one scale.")


@SLOW
def test_what_nothing_named_does_has_no_hint() -> None:
    for name in ("to_odd", "c_cast", "half_less_an_ulp"):
        assert told(STRANGE[name].quantize, grids=rq.INT8).endswith("\nidentify may tell how it differs.")


@SLOW
@pytest.mark.parametrize("name", [name for name, each in STRANGE.items() if each.line == "arrays"])
def test_lengths_and_layouts_are_tried(name: str) -> None:
    assert "As it would be" not in told(STRANGE[name].quantize, grids=rq.INT8, per_tensor=True, examples=40)


def test_the_array_that_shows_it_can_be_pasted() -> None:
    said = told(STRANGE["cut_off_beyond_a_thousand"].quantize, grids=rq.INT8)
    assert "(1001,))" in said and len(said) < 900 and "R12 is broken" in said
    for a in layouts(np.array([0.1, -2.5, 7], np.float32)):
        again = eval(written(a), {"np": np})
        assert again.shape == a.shape and again.dtype == a.dtype and (again == a).all()
        assert again.flags.c_contiguous == a.flags.c_contiguous and again.flags.f_contiguous == a.flags.f_contiguous
    assert len(written(layouts(np.ones(3, np.float32))[-4])) < 80
    assert re.match(r"np\.repeat\(np\.resize\(", written(layouts(np.arange(3, dtype=np.float32))[-3]))


@SLOW
def test_sizes_0_and_no_axes_are_tried() -> None:
    def not_empty(x: Any, params: rq.AffineParams) -> Any:
        assert x.max() >= x.min()
        return rq.quantize(x, params)

    assert "zero-size array" in told(not_empty, per_tensor=True)

    def with_axes(x: Any, params: rq.AffineParams) -> Any:
        return np.atleast_1d(rq.quantize(x, params))

    assert "expected   shape ()\ngot        shape (1,)" in told(with_axes, per_tensor=True)


def test_a_tuple_and_nan_of_ones_own_division_are_told_clearly() -> None:
    with refused(TypeError, "check_quantizer", "must return the codes alone", "a tuple of 3", "yours(x, p)[0]"):
        check_quantizer(lambda x, p: (rq.quantize(x, p), p.scale, p.zero_point))  # type: ignore[misc]
    with refused(ValueError, "check_quantizer", "`nan` must be the code of NaN", "division=never", "nan=choices.low"):
        def never(x: Any, scale: Any) -> Any:  # noqa: ARG001
            return np.float32(np.nan)
        check_quantizer(rq.quantize, division=never, examples=5)


def divided_in_float16(x: Any, p: rq.AffineParams) -> Any:
    return clipped(np.rint(x.astype(np.float16) / p.scale.astype(np.float16)) + p.zero_point, p)


@SLOW
def test_float16_is_divided_in_float32() -> None:
    said = told(divided_in_float16, grids=rq.INT8, dtypes=np.float16)
    assert said.startswith("R3 is broken: x / scale is one true division in x's dtype, of float16 in float32.")
    assert "which float32 rounds to" in said and said.endswith("As it would be with division=in_float16.")
    check_quantizer(divided_in_float16, grids=rq.INT8, dtypes="float16", division=choices.in_float16, examples=20)
    away = rounded(choices.half_away)
    wide = lambda x, p: away(x.astype(np.float32), p)  # noqa: E731
    assert "rounding=half_away" in told(wide, grids=rq.INT8, dtypes=np.float16)
    check_quantizer(wide, grids=rq.INT8, dtypes=[np.float16, np.float32], rounding=choices.half_away, examples=8)


@SLOW
def test_identify_is_named_only_where_it_can_be_asked() -> None:
    strange, last = STRANGE["to_odd"].quantize, "\nidentify may tell how it differs."
    assert told(strange, grids=rq.INT8).endswith(last)
    for options in ({"multiple": 64}, {"data_precision": 8}, {"scale_precision": 8}, {"dtypes": np.float64}):
        assert not told(strange, grids=rq.INT8, **options).endswith(last), options
    assert not told(lambda x, p: rq.quantize(np.nextafter(x, np.float32(9)), p), grids=rq.E4M3).endswith(last)
    with pytest.raises(Deviation) as found:
        check_fake_quantizer(lambda x, p: rq.dequantize(strange(x, p), p), grids=rq.INT8, examples=12)
    assert "astype(int)) may tell how it differs.\nThe codes are those that x_hat means." in str(found.value)


def test_minus_zero_may_be_zero() -> None:
    def no_minus(x: Any, p: rq.AffineParams) -> Any:
        q = rq.quantize(x, p)
        return np.where(q == 0x80, 0, q)

    assert "R17 is broken" in told(no_minus, grids=rq.E4M3)
    check_quantizer(no_minus, grids=[rq.E4M3, rq.INT8], minus_zero=False, examples=12)
    assert "R17" in told(lambda x, p: np.where(no_minus(x, p) == 1, 0, no_minus(x, p)), grids=rq.E4M3, minus_zero=False)


def test_codes_that_change_are_told() -> None:
    calls: list[int] = []

    def odd_calls(x: Any, params: rq.AffineParams) -> Any:
        calls.append(0)
        return rq.quantize(x, params) if len(calls) != 3 else np.zeros_like(rq.quantize(x, params))

    assert told(odd_calls, grids=rq.INT8) == "Two calls with the same numbers gave different codes."
