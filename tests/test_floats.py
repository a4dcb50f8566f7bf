"""Small floats: the value of every code, the nearest value of every real, signs of zero, packing, what is refused."""

import copy
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq

#: (exponent, mantissa, specials, fnuz), largest value, smallest normal, smallest subnormal, how many values
NAMED: dict[Any, tuple[tuple[int, int, int, bool], float, float, float, int]] = {
    rq.E4M3: ((4, 3, 1, False), 448, 2**-6, 2**-9, 253), rq.E5M2: ((5, 2, 4, False), 57344, 2**-14, 2**-16, 247),
    rq.E4M3FNUZ: ((4, 3, 0, True), 240, 2**-7, 2**-10, 255),
    rq.E5M2FNUZ: ((5, 2, 0, True), 57344, 2**-15, 2**-17, 255),
    rq.E2M3: ((2, 3, 0, False), 7.5, 1, 0.125, 63), rq.E3M2: ((3, 2, 0, False), 28, 0.25, 0.0625, 63),
    rq.E2M1: ((2, 1, 0, False), 6, 1, 0.5, 15)}
HALF = rq.FloatGrid(5, 10, specials=1024)  # IEEE's float16
#: formats of nobody's, a line each: IEEE's E3M4, one FNUZ, one with a single exponent, the widest exponent
INVENTED = [rq.FloatGrid(3, 4, specials=16), rq.FloatGrid(3, 3, fnuz=True), rq.FloatGrid(1, 2), rq.FloatGrid(7, 2)]
GRIDS = [*NAMED, *INVENTED]


def one(grid: rq.Grid) -> rq.AffineParams:
    return rq.AffineParams(scale=1.0, zero_point=0, grid=grid)


def value(grid: Any, code: int) -> Fraction | None:
    """What the bits mean, by the standard's words; None where they mean no number."""
    sign, magnitude = divmod(code, 2 ** (grid.bits - 1))
    e, m = divmod(magnitude, 2**grid.mantissa)
    if magnitude >= 2 ** (grid.bits - 1) - grid.specials or (grid.fnuz and code == 2 ** (grid.bits - 1)):
        return None
    bias = 2 ** (grid.exponent - 1) - (not grid.fnuz)
    part = Fraction(m, 2**grid.mantissa)
    return (-1) ** sign * (part * Fraction(2) ** (1 - bias) if e == 0 else (1 + part) * Fraction(2) ** (e - bias))


@pytest.mark.parametrize("grid", NAMED, ids=str)
def test_the_published_tables(grid: Any) -> None:
    made, largest, normal, subnormal, count = NAMED[grid]
    assert rq.FloatGrid(*made) == grid and (grid.exponent, grid.mantissa, grid.specials, grid.fnuz) == made
    positive = grid.values[grid.values > 0]
    assert (grid.qmax, grid.qmin, positive[0], len(grid.values)) == (largest, -largest, subnormal, count)
    assert (grid.emin, grid.emax) == (np.log2(normal), np.floor(np.log2(largest)))
    assert (np.diff(positive)[positive[:-1] < 2 * normal] == subnormal).all()  # no gap where the normal values begin


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_code(grid: Any, dtype: Any) -> None:
    """A code without a value is refused; every other means its value, is the code of it, and comes back from a pack."""
    meant = [value(grid, code) for code in range(2**grid.bits)]
    codes = np.array([code for code, v in enumerate(meant) if v is not None])
    reals = np.array([float(v) for v in meant if v is not None], dtype)
    if not grid.fnuz:
        reals[codes == 2 ** (grid.bits - 1)] = -0.0
    params = rq.AffineParams(scale=dtype(1), zero_point=0, grid=grid)
    found = rq.dequantize(codes, params)
    assert found.dtype == dtype and found.tobytes() == reals.tobytes()
    assert (rq.quantize(reals, params) == codes).all() and rq.quantize(reals, params).dtype == grid.dtype
    assert rq.fake_quantize(reals, params).tobytes() == reals.tobytes()
    assert (grid.values == sorted(set(reals.tolist()))).all() and not np.signbit(grid.values[grid.values == 0])
    packed = rq.pack(codes, grid)
    assert int.from_bytes(packed.tobytes(), "little") == sum(int(q) << grid.bits * i for i, q in enumerate(codes))
    assert (rq.unpack(packed, grid, codes.size) == codes).all()
    for code in set(range(2**grid.bits)) - set(codes.tolist()):
        for f in (lambda q: rq.dequantize(q, params), lambda q: rq.pack(q, grid)):
            with refused(ValueError, "`q` must be codes of values, not of infinity or NaN (R17)", f"got {code} at"):
                f([0, code])


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_nearest_value_with_one_rounding(grid: Any, dtype: Any) -> None:
    """At the middle of two values the even code, one ulp of x's own dtype beside it the nearer value."""
    v = grid.values
    exact = (v[1:] + v[:-1]) / 2
    at = np.abs(exact) < np.finfo(dtype).max
    at[at] = exact[at].astype(dtype) == exact[at]  # float16 does not hold all of them
    lower, upper, middle = v[:-1][at], v[1:][at], exact[at].astype(dtype)
    even = np.where(rq.quantize(lower, one(grid)) % 2 == 0, lower, upper)
    assert len(middle) > 5
    for x, wanted in ((middle, even), (np.nextafter(middle, dtype(-np.inf)), lower),
                      (np.nextafter(middle, dtype(np.inf)), upper)):
        found = rq.fake_quantize(x, one(grid))
        with np.errstate(over="ignore"):  # 65536 in float16: x_hat may overflow (R11)
            assert found.dtype == dtype and (found == wanted.astype(dtype)).all()
    q = rq.quantize(np.array([np.finfo(dtype).max, np.inf, -np.inf], dtype), one(grid))
    assert (rq.dequantize(q, one(grid))[1:] == [grid.qmax, grid.qmin]).all()
    assert dtype == np.float16 or rq.dequantize(q, one(grid))[0] == grid.qmax


def test_overflow_is_decided_after_rounding_and_saturates() -> None:
    """464 is the tie of 448 and 480, the next value were there one; 57344's is 61440. R6: nothing becomes NaN."""
    for grid, tie in ((rq.E4M3, 464.0), (rq.E5M2, 61440.0), (rq.E4M3FNUZ, 248.0), (rq.E2M1, 7.0)):
        x = np.array([np.nextafter(tie, 0), tie, np.nextafter(tie, np.inf), 1e300, np.inf])
        assert (rq.fake_quantize(np.concatenate([x, -x]), one(grid)) == [grid.qmax] * 5 + [grid.qmin] * 5).all()
        assert grid.round(x[:1]) == grid.qmax and grid.round(x[2:3]) > grid.qmax  # round alone never saturates


def test_float16_is_a_float_grid_and_numpy_s_cast_is_its_rounding() -> None:
    halves = np.arange(2**16).astype(np.uint16)
    finite = np.isfinite(halves.view(np.float16))
    assert (rq.quantize(halves.view(np.float16)[finite], one(HALF)) == halves[finite]).all()
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000) * 2.0 ** rng.integers(-30, 15, 20_000)
    wanted = x.astype(np.float16).astype(np.float64)
    assert rq.fake_quantize(x, one(HALF)).tobytes() == wanted.tobytes()  # signs of zero, too
    assert (rq.fake_quantize([65519.0, 65520.0, -1e9], one(HALF)) == [65504, 65504, -65504]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("grid", "negative"), [
    (rq.INT8, False), (rq.UINT8, False), (rq.NF4, False), (rq.E4M3FNUZ, False), (rq.E5M2FNUZ, False),
    (rq.E4M3, True), (rq.E5M2, True), (rq.E2M3, True), (rq.E3M2, True), (rq.E2M1, True)], ids=str)
def test_the_sign_of_zero(grid: Any, negative: bool, dtype: Any) -> None:
    """Floats keep it; integers, codebooks and FNUZ have one zero. In every function, in arrays and in scalars."""
    for x in (np.asarray(dtype(-1e-6)), np.full(3, -0.0, dtype), np.array(-0.0, dtype)):
        for x_hat in (rq.fake_quantize(x, one(grid)), rq.dequantize(rq.quantize(x, one(grid)), one(grid)),
                      rq.straight_through(x, 1.0, 0, grid)[0], rq.lsq(x, 1.0, 0, grid)[0]):
            assert x_hat.shape == x.shape and (x_hat == 0).all() and (np.signbit(x_hat) == negative).all()
        assert not np.signbit(rq.fake_quantize(-x, one(grid))).any()
    assert rq.fake_quantize(-0.3, one(rq.INT8)).tobytes() == np.float64(0.0).tobytes()


@pytest.mark.parametrize("grid", [*GRIDS, HALF, rq.NF4, rq.E8M0, rq.Codebook([-1, 2])], ids=str)
def test_a_grid_is_a_value(grid: Any) -> None:
    for twin in (pickle.loads(pickle.dumps(grid)), copy.deepcopy(grid), eval(repr(grid), vars(rq).copy())):
        assert twin == grid and hash(twin) == hash(grid) and repr(twin) == repr(grid)
        for a in (twin.table, twin.values):
            assert not a.flags.writeable
    with pytest.raises(AttributeError):
        grid.bits = 9
    assert len({*GRIDS, grid}) == len({*GRIDS, rq.E2M1, grid})


def test_names_are_short() -> None:
    names = [repr(rq.FloatGrid(*made)) for made, *_ in NAMED.values()]
    assert " ".join(names) == "E4M3 E5M2 E4M3FNUZ E5M2FNUZ E2M3 E3M2 E2M1"
    assert repr(rq.FloatGrid(3, 4, 16)) == "FloatGrid(3, 4, specials=16)"
    assert repr(rq.FloatGrid(3, 3, 2, True)) == "FloatGrid(3, 3, specials=2, fnuz=True)"
    assert repr(one(rq.E4M3)) == "AffineParams(scale=array(1.), zero_point=array(0, dtype=int16), grid=E4M3)"


@pytest.mark.parametrize("grid", [rq.E4M3, rq.E2M1, rq.NF4], ids=str)
def test_layouts_and_shapes(grid: Any) -> None:
    x = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    params = rq.dynamic_params(x, grid, -1, fit=rq.symmetric_params)
    codes = np.array([[rq.quantize(v, rq.AffineParams(scale=s[0], zero_point=0, grid=grid)) for v in row]
                      for row, s in zip(x, params.scale, strict=True)])
    for same in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1].copy()[::-1], x.astype(">f4"),
                 np.broadcast_to(x, (2, 6, 8))):
        before = same.tobytes()
        assert (rq.quantize(same, params) == codes).all() and same.tobytes() == before
        assert (rq.fake_quantize(same, params) == rq.dequantize(codes, params)).all()
    assert rq.quantize(np.zeros((0, 3)), one(grid)).shape == (0, 3) and rq.quantize(0.5, one(grid)).shape == ()


@pytest.mark.parametrize(("made", "kind", "parts"), [
    ((0, 3), ValueError, ("`exponent`", "from 1 to 7", "got 0")), ((8, 7), ValueError, ("`exponent`", "got 8")),
    ((4, 0), ValueError, ("`mantissa`", "from 1 to 10", "got 0")), ((4, 11), ValueError, ("`mantissa`", "got 11")),
    ((7, 9), ValueError, ("`mantissa`", "from 1 to 8", "got 9")), ((4.0, 3), TypeError, ("`exponent`", "4.0")),
    ((4, None), TypeError, ("`mantissa`", "None")), ((True, 3), ValueError, ("`exponent`", "True")),
    ((2, 1, 7), ValueError, ("`specials`", "from 0 to 6", "got 7")), ((2, 1, -1), ValueError, ("`specials`", "-1")),
    ((4, 3, 0, 1), TypeError, ("`fnuz` must be True or False", "FloatGrid(4, 3, fnuz=True)"))])
def test_impossible_formats(made: Any, kind: Any, parts: Any) -> None:
    with refused(kind, "FloatGrid", *parts):
        rq.FloatGrid(*made)


def test_bad_input() -> None:
    with refused(ValueError, "quantize", "NaN", "(1,)"):
        rq.quantize([1.0, np.nan], one(rq.E4M3))
    with refused(TypeError, "quantize", "(R7)", "int64"):
        rq.quantize([1, 2], one(rq.E4M3))
    with refused(ValueError, "AffineParams", "`grid` must have equal steps", "E4M3", "zero_point=0"):
        rq.AffineParams(scale=1.0, zero_point=[0, 3], grid=rq.E4M3)
    with refused(ValueError, "dequantize", "`q` must lie from 0 to 63 (R17)", "64"):
        rq.dequantize([64], one(rq.E2M3))
    with refused(ValueError, "dequantize", "from 0 to 15", "-1"):
        rq.dequantize([-1], one(rq.E2M1))
    with refused(TypeError, "AffineParams", "`grid` must be a grid", "'E4M3'", "rq.E4M3"):
        rq.AffineParams(scale=1.0, zero_point=0, grid="E4M3")  # type: ignore[arg-type]
