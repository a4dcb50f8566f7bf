"""check_fake_quantizer tells a fault of the rounding from one of the way back."""

from typing import Any

import numpy as np
import pytest
from helpers import needs, refused

import refquant as rq
from refquant.engines.choices import half_away, reciprocal
from refquant.testing import Deviation, check_fake_quantizer

pytestmark = pytest.mark.slow  # the doctests of the module stay in the plain command


def codes(x: Any, params: rq.AffineParams, rounding: Any = np.rint) -> Any:
    return np.clip(rounding(x / params.scale) + params.zero_point, params.grid.qmin, params.grid.qmax)


def right(x: Any, params: rq.AffineParams) -> Any:
    return ((codes(x, params) - params.zero_point) * params.scale).astype(x.dtype)


def away(x: Any, params: rq.AffineParams) -> Any:
    v = (x / params.scale).astype(np.float64)
    q = np.clip(np.trunc(v + np.copysign(0.5, v)) + params.zero_point, params.grid.qmin, params.grid.qmax)
    return ((q - params.zero_point) * params.scale).astype(x.dtype)


def zero_point_first(x: Any, params: rq.AffineParams) -> Any:
    q = np.clip(np.rint(x / params.scale + params.zero_point.astype(x.dtype)), params.grid.qmin, params.grid.qmax)
    return ((q - params.zero_point) * params.scale).astype(x.dtype)


def not_clipped(x: Any, params: rq.AffineParams) -> Any:
    return (np.rint(x / params.scale) * params.scale).astype(x.dtype)


def of_wide_codes(x: Any, params: rq.AffineParams) -> Any:
    return right(x, params).astype(np.float64)


def twice_multiplied(x: Any, params: rq.AffineParams) -> Any:
    q = codes(x, params).astype(x.dtype)
    return q * params.scale - params.zero_point.astype(x.dtype) * params.scale


def zero_point_forgotten(x: Any, params: rq.AffineParams) -> Any:
    return (codes(x, params) * params.scale).astype(x.dtype)


def half_a_step_off(x: Any, params: rq.AffineParams) -> Any:
    return right(x, params) + params.scale / 2


def reciprocal_back(x: Any, params: rq.AffineParams) -> Any:
    return ((codes(x, params) - params.zero_point) / (1 / params.scale)).astype(x.dtype)


def nan_at_three(x: Any, params: rq.AffineParams) -> Any:
    y = right(x, params)
    return np.where(y == 3, np.nan, y).astype(x.dtype)


def first_channel_back(x: Any, params: rq.AffineParams) -> Any:
    return ((codes(x, params) - params.zero_point) * params.scale.ravel()[0]).astype(x.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_right_ones_pass(dtype: str) -> None:
    check_fake_quantizer(rq.fake_quantize, dtypes=[dtype], bits=32 if dtype == "float32" else 16, examples=8)
    check_fake_quantizer(rq.fake_quantize, grids=[rq.E4M3, rq.NF4], dtypes=[dtype], examples=6)
    check_fake_quantizer(away, rounding=half_away, examples=8)


@pytest.mark.parametrize(("fake", "rule", "said"), [
    (away, "R4", "As it would be with rounding=half_away"), (zero_point_first, "R5", "zero_point=before_rounding"),
    (not_clipped, "R2", "the value of a code"), (of_wide_codes, "R2", "expected   float32\ngot        float64"),
    (zero_point_forgotten, "R2", "(code "), (nan_at_three, "R2", "expected   0x1.8p+1 = 3.0 (code 3)\ngot        nan"),
    (half_a_step_off, "R2", "expected   0x0p+0 = 0.0 (code 0)\ngot        0x1p-1 = 0.5"),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        (twice_multiplied, "R2", "the value of a code"), (reciprocal_back, "R2", "the value of a code"),
        (first_channel_back, "R2", "the value of a code"),
        (lambda x, p: right(x, p).ravel(), "R12", "got        shape (2,)")))])
def test_faults_are_told_apart(fake: Any, rule: str, said: str) -> None:
    with pytest.raises(Deviation) as found:
        check_fake_quantizer(fake, examples=8, bits=8)
    assert found.value.rule == rule and said in str(found.value)
    assert ("The codes are those that x_hat means." in str(found.value)) == (rule in ("R4", "R5"))


@pytest.mark.parametrize("fake", [half_a_step_off, pytest.param(reciprocal_back, marks=pytest.mark.slow)])
def test_the_call_can_be_pasted(fake: Any) -> None:
    with pytest.raises(Deviation) as found:
        check_fake_quantizer(fake, grids=rq.INT8, examples=6)
    imports, call = str(found.value).split("\n\n")[1].strip().split("\n", 1)
    names: dict[str, Any] = {}
    exec(imports, names)
    got, expected = (eval(call.strip(), {**names, fake.__name__: f}) for f in (fake, rq.fake_quantize))
    assert got[0] != expected[0]
    assert f" = {expected[0]} (code " in str(found.value) and f" = {got[0]}" in str(found.value)


def test_arguments() -> None:
    with refused(TypeError, "check_quantizer", "`quantize` must be a function"):
        check_fake_quantizer("fake_quantize")  # type: ignore[arg-type]
    with refused(TypeError, "check_quantizer", "must take (x, params)"):
        check_fake_quantizer(lambda x: x)  # type: ignore[misc, arg-type]


@pytest.mark.conformance
def test_torch() -> None:
    torch = needs("torch", "conformance")

    def fake(x: Any, p: Any) -> Any:
        return torch.fake_quantize_per_tensor_affine(x, float(p.scale), int(p.zero_point), p.grid.qmin, p.grid.qmax)

    made: dict[str, Any] = {"grids": rq.INT8, "per_tensor": True, "arrays": torch.from_numpy, "examples": 10}
    check_fake_quantizer(fake, division=reciprocal, **made)
    with pytest.raises(Deviation, match="division=reciprocal"):
        check_fake_quantizer(fake, **made)
    coarse: dict[str, Any] = {"data_precision": 8, "scale_precision": 8}

    def of_bfloat16(x: Any, p: Any, steps: Any = lambda q, z, s: (q - z) * s) -> Any:
        x, s = x.bfloat16().float(), p.scale.bfloat16().float()
        q = torch.clamp(torch.round(x / s) + p.zero_point, -128, 127)
        return steps(q, p.zero_point, s).bfloat16()

    check_fake_quantizer(of_bfloat16, **made | coarse)
    with pytest.raises(Deviation) as found:
        check_fake_quantizer(lambda x, p: of_bfloat16(x, p, lambda q, z, s: (q * s).bfloat16() - (z * s).bfloat16()),
                             **made | coarse)
    assert found.value.rule == "R2"
