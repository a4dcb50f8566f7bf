"""check_dynamic at ties of the zero point, in the smallest and largest slices, of one value, in other lengths."""

from typing import Any

import numpy as np
import pytest
from helpers import needs

import refquant as rq
from refquant.testing import Deviation, check_dynamic

pytestmark = pytest.mark.slow

F = np.float32


def half_even(lo: Any, _: Any, scale: Any) -> Any:
    return np.rint(-lo / scale)


def affine(x: Any, zero_point: Any = half_even) -> Any:
    lo, hi = np.minimum(x.min(-1, keepdims=True), F(0)), np.maximum(x.max(-1, keepdims=True), F(0))
    scale = (hi - lo) / F(255)
    scale = np.where(scale > 0, scale, F(1))
    z = np.clip(zero_point(lo, hi, scale), 0, 255)
    return np.clip(np.rint(x / scale) + z, 0, 255).astype(np.uint8), scale, z.astype(np.int32)


def largest(x: Any) -> Any:
    return np.abs(x).max(axis=-1, keepdims=True)


def symmetric(x: Any, scale: Any) -> Any:
    return np.clip(np.rint(x / np.where(scale > 0, scale, 1).astype(F)), -127, 127).astype(np.int8), scale


@pytest.mark.parametrize(("zero_point", "said"), [
    (half_even, "affine_params', qmin + round(-lo / scale)"),
    (lambda lo, _, s: np.floor(-lo / s + F(0.5)), "qmin + round(-lo / scale), ties away from 0"),
    (lambda lo, _, s: np.ceil(-lo / s - F(0.5)), "none of those known"),
    (lambda _, hi, s: np.rint(255 - hi / s), "none of those known")])
def test_ties_of_the_zero_point(zero_point: Any, said: str) -> None:
    for examples in (20, 60):
        found = check_dynamic(lambda x: affine(x, zero_point), grid=rq.UINT8, axis=-1, examples=examples)
        assert f"\nzero point {said}\n" in str(found)


def test_ties_of_a_scale_that_is_rounded() -> None:
    def up(scale: Any) -> Any:
        """To float16, ties away from 0."""
        bits = scale.view(np.int32) + 0x1000
        return (bits & ~0x1FFF).view(F).astype(np.float16)

    def even(x: Any) -> Any:
        return symmetric(x, (largest(x) / F(127)).astype(np.float16))

    assert check_dynamic(even, axis=-1).fits[0] == "symmetric_params, max|x| / 127, rounded to float16"
    assert check_dynamic(lambda x: symmetric(x, up(largest(x) / F(127))), axis=-1).fits == ()


@pytest.mark.parametrize(("scale", "lines"), [
    (lambda x: np.maximum(largest(x), F(1e-5)) / F(127),
     ["max|x| <= 7.62939e-06, scale 7.87402e-08, not 6.0074e-08, at the largest"]),
    (lambda x: np.maximum(largest(x) / F(127), F(2.0**-100)),
     ["max|x| <= 5.04871e-29, scale 7.88861e-31, not 3.97536e-31, at the largest"]),
    (lambda x: np.clip(largest(x) / F(127), F(1e-9), F(1e20)),
     ["max|x| <= 1.19209e-07, scale 1e-09, not 9.38656e-10, at the largest",
      "max|x| >= 1.88895e+22, scale 1e+20, not 1.48736e+20, at the smallest"]),
    (lambda x: rq.dynamic_params(x, rq.INT8, -1, fit=rq.symmetric_params).scale, []),
    (lambda x: (largest(x) / F(127)).astype(np.float16), ["max|x| <= 1.90735e-06, scale 0, so that all codes mean 0",
                                                          "max|x| >= 8.38861e+06, scale inf"])])
def test_floors_and_overflows_of_scales_are_told(scale: Any, lines: list[str]) -> None:
    found = check_dynamic(lambda x: symmetric(x, scale(x)), axis=-1).elsewhere
    assert list(found) == [f"slices asked with {line}" for line in lines]


def test_the_value_that_is_told_is_the_one_that_comes_back() -> None:
    def floored(x: Any) -> Any:
        return symmetric(x, np.maximum(largest(x), F(1e-5)) / F(127))

    x = np.zeros((8, 64), F)
    x[:, 0] = 2.0**-17
    assert f"{floored(x)[1][0, 0]:g}" == "7.87402e-08" and f"{x.max() / F(127):g}" == "6.0074e-08"
    x[:, 0] = 2.0**-16
    assert (floored(x)[1] == x.max() / F(127)).all()


def without_zero(x: Any) -> Any:
    lo, hi = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
    scale = (hi - lo) / F(15)
    with np.errstate(all="ignore"):
        z = np.nan_to_num(np.clip(np.rint(-lo / scale), 0, 15))
        q = np.nan_to_num(np.clip(np.rint(x / scale) + z, 0, 15))
    return q.astype(np.uint8), scale, z.astype(np.int32)


def test_slices_of_one_value() -> None:
    told = check_dynamic(without_zero, grid=rq.UINT4, axis=-1).elsewhere
    assert "all 3, scale 0, so that all codes mean 0" in told and "all -3, scale 0, so that all codes mean 0" in told
    assert not check_dynamic(lambda x: symmetric(x, rq.dynamic_params(
        x, rq.INT8, -1, fit=rq.symmetric_params).scale), axis=-1).elsewhere


def test_a_zero_point_that_is_no_number() -> None:
    def failing(x: Any) -> Any:
        codes, scale, z = affine(x)
        return codes, scale, np.where(x.min(-1, keepdims=True) == x.max(-1, keepdims=True), np.nan, z)

    told = check_dynamic(failing, grid=rq.UINT8, axis=-1).elsewhere
    assert "all 3, zero point nan, not 0, so that all codes mean 0" not in told
    assert "all 3, zero point nan, not 0" in told


def last_floored(x: Any) -> Any:
    scale = np.where(largest(x) > 0, largest(x) / F(127), F(1))
    q = np.rint(x / scale)
    if x.shape[-1] % 2:
        q[..., -1] = np.floor(x / scale)[..., -1]
    return np.clip(q, -127, 127).astype(np.int8), scale


def test_odd_lengths() -> None:
    with pytest.raises(Deviation, match="R12 is broken: in arrays of other lengths") as found:
        check_dynamic(last_floored, axis=-1)
    call = str(found.value).split("\n\n")[1].strip().split("\n")[1].strip()
    codes, scale = eval(call, {"np": np, "last_floored": last_floored})
    x = eval(call, {"np": np, "last_floored": lambda x: x})
    assert (codes != rq.quantize(x, rq.AffineParams(scale=scale, zero_point=0, grid=rq.INT8))).any() and len(call) < 400
    check_dynamic(last_floored, axis=-1, shape=(8, 64))

    def of_even_ones(x: Any) -> Any:
        if x.shape[-1] % 2:
            raise TypeError("even lengths")
        return last_floored(x)

    assert "shape (7, 63), raises TypeError: even lengths" in check_dynamic(of_even_ones, axis=-1).elsewhere


def test_codes_that_are_others_where_numbers_are_small() -> None:
    def with_inverse(x: Any) -> Any:
        scale = np.where(largest(x) > 0, largest(x) / F(127), F(1))
        with np.errstate(all="ignore"):
            inverse = np.minimum(1 / scale, F(1e30))
        return np.clip(np.rint(x * inverse), -127, 127).astype(np.int8), scale

    found = check_dynamic(with_inverse, axis=-1)
    assert "code" in found.elsewhere[-1] and "with division=reciprocal" in found.elsewhere[-1]


def test_a_scale_that_is_always_the_same() -> None:
    found = check_dynamic(lambda x: (np.clip(np.rint(x * F(20)), -128, 127).astype(np.int8), 0.05))
    assert found.fits == ("always 0.05",) and not found.elsewhere and "division=reciprocal" in str(found)


def test_zeros_may_have_any_code_where_the_scale_is_0() -> None:
    def mine(x: Any, of_zeros: float = 0) -> Any:
        params = rq.dynamic_params(x, rq.NF4, -1, fit=rq.symmetric_params)
        zero = largest(x) == 0
        return np.where(zero, 0, rq.quantize(x, params)), np.where(zero, F(of_zeros), params.scale)

    found = check_dynamic(mine, grid=rq.NF4, axis=-1)
    assert found.zeros == "scale 0, code 0, which means 0 by that scale alone"
    with pytest.raises(Deviation, match="R11"):
        check_dynamic(lambda x: mine(x, 1), grid=rq.NF4, axis=-1)
    assert check_dynamic(lambda x: (lambda p: (np.where(largest(x) == 0, 0x80, rq.quantize(x, p)), p.scale))(
        rq.dynamic_params(x, rq.E4M3, -1, fit=rq.symmetric_params)), grid=rq.E4M3, axis=-1).zeros.startswith("scale 1")


@pytest.mark.conformance
def test_tensors_of_float16_divide_there() -> None:
    torch = needs("torch", "conformance")

    def of_half(x: Any) -> Any:
        scale = x.abs().amax(-1, keepdim=True) / 127
        return torch.clamp(torch.round(x / scale), -128, 127).to(torch.int8), scale

    found = check_dynamic(of_half, axis=-1, arrays=lambda a: torch.from_numpy(a).half(), data_precision=11)
    assert "division=in_float16\n" in str(found) and "rounded to float16" in found.fits[0]
