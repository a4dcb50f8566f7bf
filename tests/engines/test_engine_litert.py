"""engines/litert.py against vectors recorded from LiteRT (tests/conformance/test_litert.py), without it."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.engines import litert

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "litert.json").read_text(encoding="utf-8"))
ONE = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT8)


def reals(hexes: list[str]) -> Any:
    return np.array([float.fromhex(h) for h in hexes]).astype(np.float32)


def params(case: dict[str, Any]) -> rq.AffineParams:
    return rq.AffineParams(scale=reals(case["scale"]).reshape(case["shape"]), grid=grid(case),
                           zero_point=np.reshape(case["zero_point"], case["shape"]))


def grid(case: dict[str, Any]) -> rq.IntGrid:
    return rq.IntGrid(case["bits"], signed=case["signed"])


def computed(case: dict[str, Any]) -> Any:
    f = getattr(litert, case["function"])
    if "x" not in case:
        return f(case["acc"], *litert.quantize_multiplier(float.fromhex(case["m"])), case["zero_point"], grid(case))
    if "w" not in case:
        return f(reals(case["x"]), params(case["params"]))
    return f(case["x"], case["w"], case["bias"], *(params(p) for p in case["params"]))


def test_the_vectors_are_of_the_pinned_engine_and_of_every_operator() -> None:
    assert (GOLDEN["engine"], GOLDEN["version"]) == ("ai-edge-litert", "2.3.0")
    assert {case["function"] for case in GOLDEN["cases"]} == {
        "quantize_reference", "quantize_xnnpack", "requantize_gemmlowp", "requantize_ruy", "fully_connected_reference",
        "fully_connected_ruy", "fully_connected_xnnpack"}


@pytest.mark.parametrize("name", sorted({case["function"] for case in GOLDEN["cases"]}))
def test_the_engine_s_own_results(name: str) -> None:
    for case in GOLDEN["cases"]:
        if case["function"] == name:
            q = computed(case)
            assert q.tolist() == case["q"], case
            assert q.dtype == (np.int8 if name.startswith("fully") else grid(case.get("params", case)).dtype)


ACC = [0, 1, -1, 21, -23, 245, 2**31 - 1, -(2**31), 2**30, -(2**30) - 1]
MANTISSAS = [2**30, 2**30 + 1, 3 * 2**29, 2**31 - 1]


def srdhm_and_rdbpot(acc: int, mantissa: int, shift: int) -> int:
    """gemmlowp's two roundings as exact rationals: ties up, then ties away from zero."""
    high = Fraction(acc * 2 ** max(shift, 0) * mantissa, 2**31) + Fraction(1, 2)
    v = Fraction(high.numerator // high.denominator, 2 ** -min(shift, 0))
    away = (abs(v) + Fraction(1, 2)).__floor__()
    return away if v >= 0 else -away


@pytest.mark.parametrize("shift", [30, 3, 0, -1, -4, -12, -30, -31])
def test_gemmlowp_rounds_twice_exactly(shift: int) -> None:
    random = np.random.default_rng(0).integers(-2**31, 2**31, 200).tolist()
    fits = [acc for acc in [*ACC, *random] if -2**31 <= acc * 2 ** max(shift, 0) < 2**31]
    for mantissa in MANTISSAS:
        got = litert.requantize_gemmlowp(fits, mantissa, shift, 0, rq.INT32)
        assert got.tolist() == [srdhm_and_rdbpot(acc, mantissa, shift) for acc in fits]


@pytest.mark.parametrize(("acc", "m", "twice", "once"), [
    (245, 0.046875, 12, 11), (-926, 0.1875, -174, -174), (-1264, 0.09375, -119, -118), (21, 0.5, 11, 10),
    (-23, 0.5, -11, -12)])
def test_gemmlowp_differs_where_it_is_said_to(acc: int, m: float, twice: int, once: int) -> None:
    multiplier = rq.quantize_multiplier(m)
    assert int(litert.requantize_gemmlowp(acc, *multiplier, 0, rq.INT16)) == twice
    assert int(rq.requantize(acc, *multiplier, 0, rq.INT16)) == once


def test_gemmlowp_differs_once_in_about_2000() -> None:
    acc, m = np.random.default_rng(0).integers(-200_000, 200_000, 1_000_000), rq.quantize_multiplier(0.000637)
    assert (litert.requantize_gemmlowp(acc, *m, 0, rq.INT16) != rq.requantize(acc, *m, 0, rq.INT16)).sum() == 458


def test_multipliers_of_the_rule_are_litert_s_but_for_ties_and_tiny_ones() -> None:
    m = np.exp2(np.random.default_rng(0).uniform(-31, 29, 10_000))
    for ours, theirs in zip(rq.quantize_multiplier(m), litert.quantize_multiplier(m), strict=True):
        assert (ours == theirs).all()
    assert [int(n) for n in litert.quantize_multiplier(1 - 2.0**-40)] == [2**30, 1]
    assert [n.tolist() for n in litert.quantize_multiplier([0.0, 2.0**-33, 2.0**-32])] == [[0, 0, 2**30], [0, 0, -31]]


def test_empty_arrays_and_single_values() -> None:
    for f in (litert.quantize_reference, litert.quantize_xnnpack):
        assert f(np.zeros((0, 3), np.float32), ONE).shape == (0, 3) and f(np.float32(2), ONE).shape == ()
    for layer in (litert.fully_connected_reference, litert.fully_connected_ruy, litert.fully_connected_xnnpack):
        assert layer(np.zeros((2, 0), np.int8), np.zeros((3, 0), np.int8), [1, 2, 3], ONE, ONE, ONE).tolist() == [
            [1, 2, 3]] * 2


def test_what_the_engine_rejects_is_refused() -> None:
    x, wide = np.float32([1.0]), rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT32)
    two = rq.AffineParams(scale=np.float32([1, 2]), zero_point=0, grid=rq.INT8)
    small = rq.AffineParams(scale=np.float32(1e-40), zero_point=0, grid=rq.INT8)
    for f in (litert.quantize_reference, litert.quantize_xnnpack):
        with refused(TypeError, f.__name__, "`x` must be float32", "float64"):
            f(np.float64([1.0]), ONE)
        with refused(ValueError, f.__name__, "the grid must be one of INT8", "INT32"):
            f(x, wide)
        with refused(ValueError, f.__name__, "R12"):
            f(x, two)
        with refused(TypeError, f.__name__, "`params` must be AffineParams"):
            f(x, 1.0)
    for params in (two, small):
        with refused(ValueError, "quantize_xnnpack", "one scale, which float32 holds as a normal number"):
            litert.quantize_xnnpack(np.float32([1, 2]), params)
    assert litert.quantize_reference(np.float32([1e-40]), small).tolist() == [1]
    for m in (-1.0, np.inf):
        with refused(ValueError, "quantize_multiplier", "`m` must", m):
            litert.quantize_multiplier(m)
    for f in (litert.requantize_gemmlowp, litert.requantize_ruy):
        for arguments, name in (((2**31, 2**30, 0, 0), "acc"), ((1, -1, 0, 0), "mantissa"), ((1, 1, 31, 0), "shift"),
                                ((1, 1, 0, 128), "zero_point"), ((1, [1, 2], 0, 0), "R12")):
            with refused(ValueError, f.__name__, name):
                f(*arguments, rq.INT8)
    for m in (256, -1, np.nan):
        with refused(ValueError, "requantize_xnnpack", "`m` must be at least 0 and below 256"):
            litert.requantize_xnnpack(1, np.float32(m), 0, rq.INT8)


def test_layers_that_do_not_exist_are_refused() -> None:
    x, w = np.int8([[1, 2]]), np.int8([[1, 2], [3, 4]])
    shifted = rq.AffineParams(scale=1.0, zero_point=1, grid=rq.INT8)
    across = rq.AffineParams(scale=np.float32([[1, 2]]), zero_point=0, grid=rq.INT8)
    for f in (litert.fully_connected_reference, litert.fully_connected_ruy, litert.fully_connected_xnnpack):
        for arguments, part in (((x, w, None, ONE, shifted, ONE), "weights must have zero point 0"),
                                ((x, w, None, ONE, across, ONE), "w one or (units, 1)"),
                                ((x, w, None, across, ONE, ONE), "x and y have one scale"),
                                ((x + np.int16(127), w, None, ONE, ONE, ONE), "`x` must lie from -128 to 127"),
                                ((x, w, [2**31, 0], ONE, ONE, ONE), "`bias`"),
                                ((x, x.T, None, ONE, ONE, ONE), "integer_matmul")):
            with refused(ValueError, part):
                f(*arguments)
