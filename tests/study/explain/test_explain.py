import math
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq
from refquant.study.cli import main
from refquant.study.explain.trace import Trace, explain
from refquant.study.numbers import digits, read
from refquant.testing import oracle, strategies

PARAMS = rq.AffineParams(scale=np.float32(0.1), zero_point=3, grid=rq.INT8)


ONE = np.float32(1)


def step(scale: Any = ONE, zero_point: int = 0, grid: rq.Grid = rq.INT8) -> rq.AffineParams:
    return rq.AffineParams(scale=scale, zero_point=zero_point, grid=grid)


@st.composite
def points(draw: st.DrawFn) -> tuple[Any, rq.AffineParams]:
    """A decision point, of any dtype, and parameters of any grid."""
    grid, dtype = draw(strategies.integer_grids()), draw(strategies.dtypes())
    params = draw(strategies.params(grid, (), dtype))
    return draw(strategies.decision_points(params, (), dtype))[()], params


# ---------------------------------------------------------------------------------------------- the numbers

@given(points())
def test_the_trace_is_the_library_s(case: tuple[Any, rq.AffineParams]) -> None:
    x, params = case
    trace, grid = explain(x, params, x.dtype), params.grid
    assert trace.x.dtype == x.dtype and trace.x.tobytes() == x.tobytes()
    assert trace.code == rq.quantize(x, params)
    back = rq.fake_quantize(x, params)
    assert trace.x_hat.dtype == back.dtype and trace.x_hat.tobytes() == back.tobytes()
    if params.scale.dtype == grid.arithmetic(x.dtype) == back.dtype:
        assert trace.x_hat == rq.dequantize(np.asarray(trace.code), params)
    assert trace.code == np.clip(trace.shifted, grid.qmin, grid.qmax)
    assert trace.clipped == (not grid.qmin <= trace.shifted <= grid.qmax)
    assert len(str(trace).splitlines()) == 8


@given(points())
def test_each_step_is_the_oracle_s(case: tuple[Any, rq.AffineParams]) -> None:
    x, params = case
    trace, zero_point = explain(x, params, x.dtype), int(params.zero_point)
    quotient = oracle.quotient(x, params.scale.dtype.type(params.scale), params.grid)
    assert trace.quotient.dtype == quotient.dtype and trace.quotient.tobytes() == quotient.tobytes()
    if not np.isfinite(quotient):
        assert trace.rounded == trace.shifted == quotient and trace.tie is None
        return
    exact = Fraction(float(quotient))
    assert trace.rounded == round(exact)
    assert trace.clipped or trace.shifted == round(exact) + zero_point
    is_tie = exact.denominator == 2
    assert (trace.ulps_from_tie == 0) == is_tie and ("a tie, " in str(trace)) == is_tie
    if trace.tie is not None and trace.ulps_from_tie is not None:
        assert abs(exact - trace.tie) <= Fraction(1, 2)
        assert np.sign(trace.ulps_from_tie) == np.sign(float(exact - trace.tie))


@given(points())
def test_the_error_is_exact_and_bounded(case: tuple[Any, rq.AffineParams]) -> None:
    x, params = case
    trace = explain(x, params, x.dtype)
    if trace.error is None:
        assert not (np.isfinite(x) and np.isfinite(trace.x_hat)) and trace.bound is None
        return
    assert trace.error == abs(Fraction(float(x)) - Fraction(float(trace.x_hat)))
    assert trace.error_in_steps == trace.error / Fraction(float(trace.scale))
    assert trace.bound is None or trace.error <= trace.bound


@given(points(), st.integers(-3, 3))
def test_neighbouring_floats_count_the_ulps(case: tuple[Any, rq.AffineParams], places: int) -> None:
    tie = np.float32(case[1].grid.bits - 12.5)
    x = tie
    for _ in range(abs(places)):
        x = np.nextafter(x, np.float32(math.copysign(math.inf, places)))
    trace = explain(x, step())
    assert (trace.ulps_from_tie, trace.tie) == (places, Fraction(float(tie)))


@given(st.floats(allow_nan=False), st.sampled_from(strategies.DTYPES))
def test_a_float_is_its_text_and_its_hexadecimal(value: float, dtype: np.dtype[Any]) -> None:
    with np.errstate(over="ignore"):
        x = dtype.type(value)
    for same in (value, np.float64(value), value.hex(), f" {Decimal(value)}\n"):
        trace = explain(same, step(), dtype)
        assert trace.x.tobytes() == x.tobytes() and trace.x.dtype == dtype
        assert trace.given == (Fraction(value) if math.isfinite(value) else None)
    assert explain(repr(value), step(), np.float64).x.tobytes() == np.float64(value).tobytes()
    assert math.isinf(x) or f"exactly a {dtype}" in str(explain(x, step(), dtype))


@pytest.mark.parametrize("dtype", strategies.DTYPES[::2], ids=str)
@given(data=st.data())
def test_text_is_rounded_once(dtype: np.dtype[Any], data: st.DataObject) -> None:
    info, bits = np.finfo(dtype), f"u{dtype.itemsize}"
    place = data.draw(st.integers(0, int(info.max.view(bits)) - 1))
    below, above = (np.array(place + i, bits).view(dtype)[()] for i in (0, 1))
    half = (Fraction(float(below)) + Fraction(float(above))) / 2
    even = above if place % 2 else below
    hair = Fraction(1, 2**90)
    for exact, nearest in ((half, even), (half * (1 + hair), above), (half * (1 - hair), below)):
        mantissa, exponent = exact.numerator, exact.denominator.bit_length() - 1
        decimal = f"{mantissa * 5**exponent}e-{exponent}"
        for text in (f"0x{mantissa:x}p-{exponent}", decimal, f"-{decimal}"):
            given_, x = read("test", "x", text, dtype)
            assert given_ is not None and abs(given_) == exact and abs(x) == nearest


def test_dtypes_decide_the_code() -> None:
    in_float32, in_float64 = (explain("0.35", step(0.1, 3), dtype) for dtype in (np.float32, np.float64))
    assert (in_float32.code, in_float64.code) == (7, 6)
    assert "a tie, 3.5 goes to the even one of 3 and 4; the exact quotient would give 3" in str(in_float32)
    assert "1 ulp below the tie 3.5" in str(in_float64)


# ---------------------------------------------------------------------------------------------- unequal steps

GRIDS = [rq.E4M3, rq.E5M2, rq.E4M3FNUZ, rq.E5M2FNUZ, rq.E2M3, rq.E3M2, rq.E2M1, rq.NF4, rq.E8M0,
         rq.FloatGrid(3, 4, specials=16), rq.FloatGrid(2, 5), rq.Codebook([-3, -1, 1, 9])]


@st.composite
def value_points(draw: st.DrawFn) -> tuple[Any, rq.AffineParams]:
    """A value, or the middle of two, times the scale, and up to two floats beside it; or far outside."""
    grid, dtype = draw(st.sampled_from(GRIDS)), draw(strategies.dtypes())
    with np.errstate(over="ignore", under="ignore"):
        scale = dtype.type(draw(st.sampled_from([1.0, 0.1, 2.0**-9, 0.0235, 3.0])))
        i = draw(st.integers(0, len(grid.values) - 2))
        value = draw(st.sampled_from([grid.values[i], (grid.values[i] + grid.values[i + 1]) / 2, grid.qmin, grid.qmax,
                                      1.05 * grid.qmax, -0.0, np.inf, -np.inf]))
        x = dtype.type(value * float(scale))
        for _ in range(draw(st.integers(0, 2))):
            x = np.nextafter(x, dtype.type(draw(st.sampled_from([-np.inf, np.inf]))))
    return x, rq.AffineParams(scale=scale, zero_point=0, grid=grid)


@given(value_points())
def test_a_trace_of_values_is_the_library_s(case: tuple[Any, rq.AffineParams]) -> None:
    x, params = case
    trace, grid, back = explain(x, params, x.dtype), params.grid, rq.fake_quantize(x, params)
    assert trace.code == rq.quantize(x, params) and trace.value == grid.decode(rq.quantize(x, params))
    assert trace.x_hat.dtype == back.dtype and trace.x_hat.tobytes() == back.tobytes()
    assert trace.clipped == (not grid.qmin <= trace.rounded <= grid.qmax) and trace.x.tobytes() == x.tobytes()
    lines = str(trace).splitlines()
    assert [line[10:13].strip() for line in lines] == ["R7", "R3", "R3", "R17", "R4", "R6", "R17", "R2", "R16"]


@given(value_points())
def test_the_neighbours_the_tie_and_the_bound_are_exact(case: tuple[Any, rq.AffineParams]) -> None:
    x, params = case
    trace, values = explain(x, params, x.dtype), [Fraction(v) for v in params.grid.values.tolist()]
    if not np.isfinite(trace.quotient):
        assert trace.neighbours is trace.tie is trace.bound is None
        return
    v = Fraction(float(trace.quotient))
    if trace.neighbours is not None and trace.tie is not None:
        lo, hi = map(Fraction, trace.neighbours)
        assert values[values.index(lo) + 1] == hi and lo <= v <= hi and trace.tie == (lo + hi) / 2
        assert ("a tie, " in str(trace)) == (v == trace.tie)
        assert Fraction(float(trace.value)) in ([lo, hi] if v == trace.tie else [lo if v < trace.tie else hi])
        assert trace.ulps_from_tie is None or np.sign(trace.ulps_from_tie) == np.sign(float(v - trace.tie))
    else:
        assert v <= values[0] or v >= values[-1]
    inside = trace.exact_quotient is not None and values[0] <= trace.exact_quotient <= values[-1]
    assert (trace.bound is not None) == inside
    if trace.error is not None and trace.bound is not None:
        eps = Fraction(float(np.finfo(trace.x_hat.dtype).eps))
        assert trace.bound == Fraction(float(trace.scale)) * (trace.gap / 2 + (values[-1] - values[0]) * eps)
        assert trace.gap in [b - a for a, b in pairwise(values)]
        normal = min(abs(trace.x_hat), trace.scale) >= np.finfo(trace.x_hat.dtype).tiny or trace.x_hat == 0
        assert trace.error <= trace.bound or not normal


@pytest.mark.parametrize("grid", GRIDS, ids=repr)
def test_half_way_the_error_is_half_the_gap(grid: rq.Grid) -> None:
    for low, high in pairwise(grid.values[:100].tolist()):
        trace = explain((low + high) / 2, step(1.0, 0, grid), np.float64)
        assert trace.gap == Fraction(high) - Fraction(low) and trace.error == trace.gap / 2
        assert "a tie, " in str(trace) and f"where the gap is {digits(trace.gap)}" in str(trace)


# ---------------------------------------------------------------------------------------------- the words

@pytest.mark.parametrize(("x", "params", "dtype", "said"), [
    ("2.5", step(zero_point=1), "float32", ["2: a tie, 2.5 goes to the even one of 2 and 3", "2 + 1 = 3, the zero",
                                            "2.5 = 0x1.4p+1, exactly a float32", "= 2.5 in float32, exactly"]),
    ("-2.5", step(), "float32", ["-2: a tie, -2.5 goes to the even one of -3 and -2"]),
    ("-0.5", step(), "float32", ["-0: a tie, -0.5 goes to the even one of -1 and 0"]),
    ("-0.0", step(), "float32", ["-0.0 -> -0, exactly a float32", "1,056,964,608 ulp above the tie -0.5"]),
    ("inf", step(), "float32", ["inf -> inf, a float32", "inf: nothing to round", "inf saturates at 127",
                                "infinite; no bound for an infinite x"]),
    ("-1e30", step(zero_point=3), "float32", ["-1000000015047466219876688855040 = -0x1.93e594p+99, the nearest",
                                              "every float32 of this size is an integer", "as float32 rounds the sum",
                                              "saturates at -128", "x lies outside the values of qmin and qmax"]),
    ("1e-400", step(), "float64", ["1e-400 -> 0, the nearest float64"]),
    ("0e-999999999999", step(), "float64", ["-> 0, exactly a float64"]),
    ("0x0p-99999", step(), "float64", ["-> 0, exactly a float64"]),
    ("-0x1p99999", step(), "float64", ["-> -inf, beyond every float64"]),
    ("1e99999999999999999999", step(), "float64", ["-> inf, beyond every float64"]),
    ("70000", step(), "float16", ["70000 -> inf, beyond every float16", "in float32, float16 being widened"]),
    ("1e38", step(np.float32(1e-5)), "float32", ["inf in float32: 9.99999993", "overflows", "inf saturates at 127"]),
    ("3.4028234663852886e38", step(np.float32(1.0000001)), "float32", ["= 340282306073709652508363335590014353408 in",
                                                                       "3.58e-07 ulp from 3.4028230"]),
    ("0x1.fffffep+127", step(np.float32(0.99999994)), "float32", ["inf in float32: 3.40282366", "overflows"]),
    ("1e-45", step(np.float32(3)), "float32", ["x / scale = 0 in float32, rounded down 0.333 ulp from 4.67099"]),
    ("0.1", step(0.1), "float32", ["0.1 -> 0.100000001490116119384765625 = 0x1.99999ap-4, the float64 cast to float32",
                                   "x / scale = 1 in float32, exactly"]),
    ("5e-324", step(), "float64", ["5e-324 -> 4.9406564584124654417...E-324 (751 digits)", "the nearest float64"]),
    ("0." + 5000 * "1", step(), "float32", ["... (5002 characters) -> 0.1111"]),
    ("3e38", step(np.float32(2.9e38), 0, rq.INT4), "float32", ["within the bound of 0.5000017"]),
    ("3.3e38", step(np.float32(2**127 * 1.5), 0, rq.INT4), "float32", ["1.29304373"]),
    ("3.4e38", step(np.float32(2**127 * 1.25)), "float32", ["infinite x_hat, which overflows (R11)"]),
])
def test_what_is_said(x: str, params: rq.AffineParams, dtype: str, said: list[str]) -> None:
    lines = str(explain(x, params, dtype))
    for part in said:
        assert part in lines, lines


@pytest.mark.parametrize(("x", "grid", "said"), [
    ("17", rq.E4M3, ["17 lies between 16 and 18: from 2**4 to 2**5 the values are 2 apart",
                     "16: a tie, 17 goes to the one of 16 and 18 whose code is even", "0x58 = 0 1011 000: sign, exp"]),
    ("19", rq.E4M3, ["19 goes to the one of 18 and 20 whose code is even", "0x5A = 0 1011 010",
                     "= 1 = scale * 1, within the bound of "]),
    ("16.999999", rq.E4M3, ["16: 1 ulp below the tie 17"]),
    ("18", rq.E4M3, ["18 is a value", "18: 524,288 ulp below the tie 19"]),
    ("-0.0", rq.E4M3, ["-0 is a value: below 2**-6 the values are subnormal, 2**-9 apart", "0x80 = 1 0000 000",
                       "scale * -0 = -0, a float32"]),
    ("-0.0", rq.E4M3FNUZ, ["-0: 973,078,528 ulp above the tie -0.000488", "0 is a value, E4M3FNUZ",
                           "0x00 = 0 0000 000", "scale * 0 = 0, a float32"]),
    ("3e-3", rq.E4M3, ["lies between 0.001953125 and 0.00390625: below 2**-6", "0x02 = 0 0000 010"]),
    ("0.002929687500", rq.E4M3, ["0.00390625: a tie", "0x02 = 0 0000 010"]),
    ("465", rq.E4M3, ["465 lies beyond the largest value, 448", "480: more than half a gap beyond the end",
                      "480 saturates at 448: the values end there, E4M3 from -448 to 448", "0x7E = 0 1111 110",
                      "no bound: x lies outside"]),
    ("464", rq.E4M3, ["448: at most half a gap beyond the end", "448 is a value, E4M3 from -448 to 448"]),
    ("448", rq.E4M3, ["448 is the largest value\n", "448: a value", "where the gap is 32"]),
    ("-inf", rq.E4M3, ["-inf lies beyond the lowest value, -448", "-inf: nothing to round", "0xFE = 1 1111 110",
                       "no bound for an infinite x"]),
    ("5", rq.E2M1, ["from 2**2 to 2**3 the values are 2 apart", "5 goes to the one of 4 and 6 whose code is even",
                     "0x6 = 0 11 0"]),
    ("1e-45", rq.E5M2, ["lies between 0 and 0.0000152587890625"]),
    ("0.3", rq.NF4, ["between 0.24611230194568634033203125 and 0.337915241718292236328125\n",
                     "above the tie 0.29201377183198928833...", "0xB = 1011: the place of this value"]),
    ("1.5", rq.NF4, ["inf: more than half a gap beyond the end", "inf saturates at 1: the values end there, NF4 "]),
    ("1.5", rq.E8M0, ["1.5 lies between 1 and 2\n", "1: a tie, 1.5 goes to the lower one of 1 and 2",
                      "E8M0 from 0x1p-127 to 0x1p+127", "0x7F = 01111111"]),
    ("0", rq.E8M0, ["0 lies beyond the lowest value, 0x1p-127", "-inf saturates at 0x1p-127"]),
])
def test_what_is_said_of_values(x: str, grid: rq.Grid, said: list[str]) -> None:
    lines = str(explain(x, step(grid=grid)))
    for part in said:
        assert part in lines, lines


def test_a_rounded_quotient_may_tell_another_value() -> None:
    assert "the one of 3 and 4 whose code is even; the exact quotient would give 3\n" in str(
        explain("0.35", step(np.float32(0.1), 0, rq.E2M1)))


def test_below_the_normal_numbers_the_bound_may_fail_and_it_is_said() -> None:
    trace = explain("0x1.8p-22", step(np.float32(6.533097e-08), -1, rq.IntGrid(4)), np.float16)
    assert trace.error is not None and trace.bound is not None and trace.error > trace.bound
    assert str(trace).endswith("0.91234895... steps, BEYOND the bound of 0.51464843...: x_hat is subnormal")


def test_lines_are_aligned_and_cite_rules_in_order() -> None:
    lines = str(explain("0.35", PARAMS)).splitlines()
    assert [line[10:13].strip() for line in lines] == ["R7", "R3", "R3", "R4", "R5", "R6", "R2", "R16"]
    assert {line[8:10] + line[13:15] for line in lines} == {"    "} and str(explain("0.35", PARAMS)).isascii()


def test_a_trace_is_a_value() -> None:
    assert explain("0.35", PARAMS) == explain("0.35", PARAMS) != explain("0.35", PARAMS, np.float64)
    assert isinstance(explain(np.float16(0.35), PARAMS, np.float16), Trace)
    with pytest.raises(AttributeError):
        explain("0.35", PARAMS).code = 4  # type: ignore[misc]


# ---------------------------------------------------------------------------------------------- what is refused

@pytest.mark.parametrize("x", ["nan", "-NaN", float("nan"), np.float32("nan")])
def test_nan_is_refused(x: Any) -> None:
    with refused(ValueError, "explain", "`x`", "NaN", "R7"):
        explain(x, PARAMS)


@pytest.mark.parametrize("x", ["", "abc", "0x", "1,5", "1 2", "0x1.8q", "--1"])
def test_text_that_is_no_number_is_refused(x: str) -> None:
    with refused(ValueError, "explain: `x` must be a number", repr(x)):
        explain(x, PARAMS)


@pytest.mark.parametrize("x", [3, True, 1j, None, b"1"])
def test_other_types_are_refused(x: Any) -> None:
    with refused(TypeError, "explain", "`x` must "):
        explain(x, PARAMS)


def test_several_numbers_scales_and_other_things_are_refused() -> None:
    with refused(ValueError, "explain: `x` must be one number", "shape (2,)"):
        explain([0.5, 1.5], PARAMS)  # type: ignore[arg-type]
    with refused(ValueError, "explain: `params` must hold one scale (R12)", "shape (2,)"):
        explain(0.5, step([0.5, 0.25]))
    with refused(TypeError, "`params` must be AffineParams"):
        explain(0.5, 0.1)  # type: ignore[arg-type]
    with refused(ValueError, "`scale` must stay positive", "R3"):
        explain(0.5, step(1e-60))
    for dtype in ("int8", "foo", np.int8, object(), [1], "f4"):
        with refused(TypeError, "explain: `dtype` must be float16, float32 or float64 (R7)"):
            explain(0.5, PARAMS, dtype)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- the command

@pytest.mark.parametrize("x", ["0.35", "-0.5", "-.5", "-5.", "-1e30", "-inf", "-Infinity", "inf", "0x1.8p-2",
                               "-0x1.8p-2", "-0.0", "1_000"])
def test_the_command_prints_the_trace(x: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([x, "--scale", "0.1", "--zero-point", "3"], ["--scale=0.1", "--zero-point=3", x]):
        assert main(["explain", *words]) == 0
        assert capsys.readouterr() == (f"{explain(x, PARAMS)}\n", "")


@pytest.mark.parametrize(("words", "params", "dtype"), [
    (["--bits", "4"], step(0.1, 0, rq.INT4), "float64"),
    (["--unsigned", "--zero-point", "200"], step(0.1, 200, rq.UINT8), "float64"),
    (["--narrow", "--signed", "--zero-point", "-127"], step(0.1, -127, rq.IntGrid(8, narrow=True)), "float64"),
    (["--bits", "32"], step(0.1, 0, rq.INT32), "float32"),
    ([], step(np.float32(0.1)), "float16"),
    (["--grid", "INT4", "--zero-point", "3"], step(0.1, 3, rq.INT4), "float64"),
    (["--grid", "e4m3", "--zero-point", "0"], step(0.1, 0, rq.E4M3), "float64"),
    (["--grid", "NF4"], step(np.float32(0.1), 0, rq.NF4), "float16"),
])
def test_options_of_the_command(words: list[str], params: rq.AffineParams, dtype: str,
                                capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-5.35", "--scale", "0.1", "--dtype", dtype, *words]) == 0
    assert capsys.readouterr().out == f"{explain('-5.35', params, dtype)}\n"


@pytest.mark.parametrize(("words", "said"), [
    (["nan"], "`x` must not be NaN (R7); got 'nan'"), (["-nan"], "got '-nan'"), (["abc"], "`x` must be a number"),
    (["1\n2"], r"got '1\n2'"), ([""], "got ''"), (["-abc"], "X"), ([], "X"), (["1", "2"], "2"),
    (["1", "--scale", "0"], "`--scale` must be positive and finite in float32 (R11); got '0'"),
    (["1", "--scale", "-1"], "got '-1'"), (["1", "--scale", "-1e3"], "got '-1e3'"), (["1", "--scale", "inf"], "'inf'"),
    (["1", "--scale", "nan"], "`--scale` must not be NaN"), (["1", "--scale", "x"], "`--scale` must be a number"),
    (["1", "--scale", "1e-50"], "in float32 (R11); got '1e-50'"),
    (["1", "--zero-point", "128"], "from -128 to 127; got '128'"),
    (["1", "--zero-point", "-1", "--unsigned"], "from 0 to 255; got '-1'"),
    (["1", "--zero-point", "1.5"], "`--zero-point` must be a whole number from -128 to 127; got '1.5'"),
    (["1", "--zero-point", "9" * 40], "`--zero-point` must"),
    (["1", "--bits", "1"], "`--bits` must be a whole number from 2 to 32; got '1'"),
    (["1", "--bits", "33"], "got '33'"),
    (["1", "--bits", "x"], "`--bits` must be a whole number from 2 to 32; got 'x'"),
    (["1", "--unsigned", "--narrow"], "`narrow` drops the lowest signed code (R1)"),
    (["1", "--unsigned", "--signed"], "not allowed with"),
    (["1", "--dtype", "int8"], "`dtype` must be float16, float32 or float64 (R7); got 'int8'"),
    (["1", "--grid", "E4M4"], "a grid must have a known name; got 'E4M4'"),
    (["1", "--grid", ""], "`--grid` must not be emp"),
    *((["1", "--grid", "E4M3", *more], f"got --grid E4M3 and {more[0]}. Hint: drop {more[0]}")
      for more in (["--bits", "8"], ["--signed"], ["--unsigned"], ["--narrow"])),
    (["1", "--grid", "E4M3", "--zero-point", "3"], "`--zero-point` goes with integers, whose steps are equal (R5)"),
    (["1", "--grid", "NF4", "--engine", "litert"], "one of the engines must have the grid NF4 and float32 data; got"),
    (["1", "--grid", "INT4", "--zero-point", "8"], "from -8 to 7; got '8'"),
    (["1", "--dtype", "f4,,"], "got 'f4,,'"), (["1", "--frobnicate"], "--frobnicate"),
])
def test_bad_input_is_one_line_and_status_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["explain", *(["--scale", "1"] if "--scale" not in words else []), *words])
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capsys.readouterr()
    assert status == 2 and out == "" and said in err and "Hint: " in err
    assert err.endswith("\n") and err.count("\n") == 1


@pytest.mark.slow
def test_from_the_shell() -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "refquant", "explain", *words], capture_output=True, text=True,
                              timeout=100)

    assert run("0.35", "--scale", "0.1", "--zero-point", "3").stdout == f"{explain('0.35', PARAMS)}\n"
    assert "--zero-point" in run("--help").stdout
    assert (end := run("0.35")).returncode == 2 and "--scale" in end.stderr and end.stderr.count("\n") == 1
