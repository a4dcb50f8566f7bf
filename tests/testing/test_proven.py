"""What is said of a wrong quantizer is so: the rule, the smallest array, the hint, where the differences lie."""

import re
from typing import Any

import numpy as np
import pytest
from strange import STRANGE, clipped

import refquant as rq
from refquant.engines.choices import in_bfloat16
from refquant.testing import Deviation, check_dynamic, check_quantizer, identify

SLOW = pytest.mark.slow
F = np.float32


def told(quantize: Any, **options: Any) -> str:
    with pytest.raises(Deviation, match=r"^R.* is broken: ") as found:
        check_quantizer(quantize, **{"grids": rq.INT8, "examples": 12, **options})
    return str(found.value)


def rounding(v: Any) -> Any:
    return lambda x, p: clipped(np.rint(v(x, p.scale)) + p.zero_point, p)


def ties_up_below(x: Any, p: rq.AffineParams) -> Any:
    up = clipped(np.floor(x / p.scale.astype(float) + 0.5) + p.zero_point, p)
    return np.where(p.zero_point < 0, up, rq.quantize(x, p))


@SLOW
@pytest.mark.parametrize(("quantize", "rule"), [
    (lambda x, p: clipped(clipped(np.rint(x / p.scale), p) + p.zero_point, p), "R5 or R6"),
    (ties_up_below, "R4 or R5"), (STRANGE["an_ulp_off"].quantize, "R3 or R4"),
    (rounding(lambda x, s: np.round(x / s, 3)), "R4"), (rounding(lambda x, s: np.rint(x / s * 16) / 16), "R4"),
    (rounding(lambda x, s: x / (s + F(1e-8))), "R3"), (rounding(lambda x, s: x / np.maximum(s, F(1e-6))), "R3")])
def test_a_rule_is_named_if_a_further_question_proves_it(quantize: Any, rule: str) -> None:
    assert told(quantize).startswith(f"{rule} is broken: ")


@SLOW
def test_a_shorter_dtype_is_told_from_another() -> None:
    def halves(x: Any, p: rq.AffineParams) -> Any:
        v = (x / p.scale).astype(np.float16).astype(F)
        return rq.quantize(v, rq.AffineParams(scale=F(1), zero_point=0, grid=rq.E4M3))

    assert "As it would be" not in told(halves, grids=rq.E4M3)
    with pytest.raises(Deviation, match="Not as said"):
        check_quantizer(halves, grids=rq.E4M3, division=in_bfloat16, examples=5)


@SLOW
def test_the_array_that_is_shown_is_small() -> None:
    def from_eight(x: Any, p: rq.AffineParams) -> Any:
        up = clipped(np.floor((x / p.scale).astype(float) + 0.5) + p.zero_point, p).ravel()
        return np.concatenate([rq.quantize(x, p).ravel()[:8], up[8:]]).reshape(x.shape)

    def above_the_first(x: Any, p: rq.AffineParams) -> Any:
        return np.minimum(rq.quantize(x, p), rq.quantize(x.ravel()[:1] + 2 * p.scale, p)) if x.size else x.astype(int)

    assert re.search(r"^R12.*\(9,\)\),.*at index \(8,\)", told(from_eight, per_tensor=True), re.DOTALL)
    assert len(eval(re.findall(r"\((np\.array\(.*\)),", told(above_the_first, per_tensor=True))[0], {"np": np})) == 2


@SLOW
def test_rows_that_stand_the_other_way_round_are_tried() -> None:
    def backward(x: Any, p: rq.AffineParams) -> Any:
        return rq.quantize(x[::-1] if x.ndim == 2 and x.strides[0] < 0 else x, p)

    assert told(backward).startswith("R12") and identify(backward).arrays.startswith("code")
    check_quantizer(lambda x, p: rq.quantize(x, [p][int(min(x.strides, default=0) < 0)]), examples=5)


def test_minus_zero_is_named() -> None:
    said = told(lambda x, p: np.where((q := rq.quantize(x, p)) == 0x80, 0, q), grids=rq.E4M3)
    assert "\nx / scale  -0.0\n" in said and said.endswith("As it would be with minus_zero=False.")


@SLOW
@pytest.mark.parametrize(("v", "said"), [
    (lambda x, s: x / np.maximum(s, F(1e-6)), r"scale <= 1\.5227162e-07, \|x / scale\| from .* none lie there"),
    (lambda x, s: x / np.minimum(s, F(1e10)), r"scale >= 1\.4971042e\+11; of those"),
    (lambda x, s: np.round(x / s, 3), r"\|x / scale\| from .*, x / scale at most 0\.00037384033 from a tie; of those"),
    (lambda x, s: np.where((np.abs(x / s) >= 32) & (np.abs(x / s) < 64), np.trunc(x / s + np.copysign(F(0.5), x)),
                           np.rint(x / s)), r"\|x / scale\| from 32.5 to 62.5, x / scale a tie; of those")])
def test_identify_tells_what_the_differences_have_in_common(v: Any, said: str) -> None:
    assert re.search(f"\nNearest is .*\n.*\nIn common: {said}", str(identify(rounding(v))))


def test_of_a_table_every_row_counts() -> None:
    a = np.random.default_rng(0).uniform(-14, 14, 400).astype(F)
    codes = np.clip(np.rint(a / F(0.1)), -128, 124) + 3
    said = str(identify(np.stack([a, np.full(400, 0.1), np.full(400, 3), codes], axis=1)))
    right = rq.quantize(a, rq.AffineParams(scale=F(0.1), zero_point=3, grid=rq.INT8))
    inside = np.abs(a.astype(float) / float(F(0.1)) + 3.5) <= 127.5
    of = [int(((right != codes) & at).sum()) for at in (inside, ~inside)]
    assert f"for {of[0]} of {inside.sum()} rows from qmin to qmax and for {of[1]} of {(~inside).sum()} beyond" in said
    assert min(of) > 0 and "narrow     no" in said
    assert "rows 0 and 1, counted from 0" in identify([(0.5, 1, 0, 0), (0.5, 1, 0, 1), (1.25, 1, 0, 1)]).arrays


def test_identify_asks_as_often_as_it_says() -> None:
    sizes: list[int] = []
    identify(lambda x, p: sizes.append(x.size) or rq.quantize(x, p))
    assert 2900 < len(sizes) < 3100 and sizes.count(1) > 2700 and "Some 3,000 calls" in str(identify.__doc__)


@SLOW
@pytest.mark.parametrize(("divisor", "least", "lines"), [
    (127, 1e-8, [r"max\|x\| <= 0.000\d+, scale .*, max\|x\| / scale 12\d.*, at the largest; scale 1e-08, max"]),
    (127 / 0.9, 0, [r"scale 0, so that", r"max\|x\| / scale 136.533, at the largest; scale 1.4013e-45"]),
    (127, 0, [r"max\|x\| <= 4.48416e-44, scale 0, not 1.17549e-38, so that all codes mean 0",
              r"to 7.52316e-37, scale 5.92375e-39, not 1.17549e-38, at the largest"])])
def test_floors_are_told_of_every_scale(divisor: float, least: float, lines: list[str]) -> None:
    def mine(x: Any) -> Any:
        scale = np.abs(x).max(axis=-1, keepdims=True) / F(divisor) + F(least)
        return np.clip(np.rint(x / np.where(scale > 0, scale, F(1))), -127, 127).astype(np.int8), scale

    found = check_dynamic(mine, axis=-1).elsewhere
    assert len(found) == len(lines) and all(map(re.search, lines, found)), found


@SLOW
def test_a_fake_quantizer_is_identified_by_the_codes_that_its_reals_mean() -> None:
    odd = STRANGE["to_odd"].quantize
    found = identify(lambda x, p: np.rint(rq.dequantize(odd(x, p), p) / p.scale + p.zero_point).astype(int))
    assert found._replace(nan="") == identify(odd)._replace(nan="")
