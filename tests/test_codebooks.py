"""Codebooks: NF4 from its quantiles, E8M0's powers of two, middles that are exact, and what is refused."""

from fractions import Fraction
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq

LOPSIDED = rq.Codebook([-3.5, -0.7, 0.1, 2.0, 9.0])  # no 0, not symmetric
BOOKS = [rq.NF4, LOPSIDED, rq.Codebook([-1, 1]), rq.Codebook([0.1, 0.3, 0.5])]


def one(grid: rq.Grid, dtype: Any = float) -> rq.AffineParams:
    return rq.AffineParams(scale=dtype(1), zero_point=0, grid=grid)


def test_nf4_is_made_of_quantiles() -> None:
    """QLoRA, appendix E: 8 quantiles above 0, 7 below, and 0 itself, over the largest of them."""
    quantile, end = NormalDist().inv_cdf, 0.9677083
    above = [quantile(p) for p in np.linspace(end, 0.5, 9)[:-1]]
    below = [-quantile(p) for p in np.linspace(end, 0.5, 8)[:-1]]
    wanted = np.sort([*below, 0, *above]) / max(above)
    assert np.abs(rq.NF4.values - wanted).max() < 2e-7
    assert rq.NF4.values.tolist() == np.float32(rq.NF4.values).tolist()  # published in float32
    assert (rq.NF4.bits, rq.NF4.qmin, rq.NF4.qmax, rq.NF4.values[7]) == (4, -1, 1, 0)


def test_e8m0_is_the_255_powers_of_two() -> None:
    codes = np.arange(255)
    assert (rq.dequantize(codes, one(rq.E8M0)) == np.ldexp(1.0, codes - 127)).all()
    assert (rq.quantize(np.ldexp(1.0, codes - 127), one(rq.E8M0)) == codes).all()
    with refused(ValueError, "dequantize", "from 0 to 254 (R17)", "255"):
        rq.dequantize(255, one(rq.E8M0))
    for dtype in (np.float32, np.float64):  # ties go down, as in every codebook; subnormals of float32 are values, too
        x = np.array([1.5, 3.0, np.nextafter(dtype(3), dtype(9)), 1.01 * 2.0**-127, 2.0**-126 * 0.75, 0.0, -1.0], dtype)
        assert (rq.fake_quantize(x, one(rq.E8M0, dtype)) == [1, 2, 4, 2.0**-127, 2.0**-127, 2.0**-127, 2.0**-127]).all()
    assert rq.fake_quantize(np.inf, one(rq.E8M0)) == 2.0**127


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("book", BOOKS, ids=str)
def test_middles_are_exact(book: Any, dtype: Any) -> None:
    """The largest number of the data's dtype up to the exact middle goes down, the one after it up."""
    lower, upper = book.values[:-1], book.values[1:]
    middles = [(Fraction(a) + Fraction(b)) / 2 for a, b in zip(lower, upper, strict=True)]
    near = np.array([float(m) for m in middles], dtype)
    below = np.array([v if Fraction(float(v)) <= m else np.nextafter(v, dtype(-9)) for v, m in
                      zip(near, middles, strict=True)])
    assert (rq.fake_quantize(below, one(book, dtype)) == lower.astype(dtype)).all()
    assert (rq.fake_quantize(np.nextafter(below, dtype(99)), one(book, dtype)) == upper.astype(dtype)).all()


def test_middles_in_float32_would_be_wrong_for_6_of_nf4() -> None:
    """(a + b) / 2, rounded to float32, sends the middle's neighbour to the wrong side."""
    a, b = rq.NF4.table[:-1], rq.NF4.table[1:]
    naive = (a + b) / np.float32(2)
    exact = (a.astype(np.float64) + b) / 2  # 25 bits, so float64 holds it
    assert (naive > exact).sum() == 6
    wrong = naive[naive > exact]
    assert (rq.fake_quantize(wrong, one(rq.NF4, np.float32)) == b[naive > exact]).all()  # nearer to b: above the middle


def test_halves_are_computed_in_float32() -> None:
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    x = x[np.isfinite(x)]
    for book in BOOKS:
        wide = rq.quantize(x.astype(np.float32), one(book, np.float32))
        assert (rq.quantize(x, one(book, np.float16)) == wide).all()
        assert (rq.fake_quantize(x, one(book, np.float16)) == book.table[wide].astype(np.float16)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("book", BOOKS, ids=str)
def test_round_does_not_saturate(book: Any, dtype: Any) -> None:
    """Clipping begins half a gap beyond the ends (R15); infinity stands for what is clipped."""
    first, second, last = book.values[0], book.values[1], book.values[-1]
    x = np.array([first - 0.51 * (second - first), first - 0.49 * (second - first), last,
                  last + 0.49 * (last - book.values[-2]), last + 0.51 * (last - book.values[-2])], dtype)
    assert (book.round(x) == np.array([-np.inf, first, last, last, np.inf], dtype)).all()
    out = np.empty_like(x)
    assert book.round(x, out=out) is out and book.round(x, out=x) is x and (x == out).all()  # in place, too


@pytest.mark.parametrize(("count", "bits"), [(2, 1), (3, 2), (4, 2), (5, 3), (16, 4), (17, 5), (64, 6), (256, 8)])
def test_codes_take_as_many_bits_as_they_need(count: int, bits: int) -> None:
    book = rq.Codebook(np.arange(count) ** 2)
    codes = np.random.default_rng(0).integers(0, count, 11)
    assert (book.bits, book.dtype, book.qmax) == (bits, np.uint8, (count - 1) ** 2)
    packed = rq.pack(codes, book)
    assert int.from_bytes(packed.tobytes(), "little") == sum(int(q) << bits * i for i, q in enumerate(codes))
    assert (rq.unpack(packed, book, 11) == codes).all() and len(packed) == -(-11 * bits // 8)
    if count < 2**bits:
        with refused(ValueError, "pack", f"from 0 to {count - 1} (R17)", f"got {count} at index (1,)"):
            rq.pack([0, count], book)


def test_a_codebook_is_its_values_in_float32() -> None:
    assert rq.Codebook([0, 0.1]) == rq.Codebook(np.float64([-0.0, np.float32(0.1)])) != rq.Codebook([0, 0.2])
    assert rq.Codebook(rq.NF4.values) == rq.NF4 and repr(rq.Codebook(rq.E8M0.values)) == "E8M0"
    assert not np.signbit(rq.Codebook([-0.0, 1]).values[0]) and rq.Codebook([0, 1]) != rq.UINT2
    assert repr(rq.Codebook([-1, 0.5])) == "Codebook([-1.0, 0.5])" and len(repr(rq.Codebook(range(256)))) < 80


def test_without_0_the_nearest_value_stands_for_it() -> None:
    assert rq.fake_quantize(0.0, one(LOPSIDED)) == np.float32(0.1) and rq.quantize(0.0, one(LOPSIDED)) == 2
    assert rq.symmetric_params(-7.0, 7.0, LOPSIDED).scale == 2  # over the shorter side, 3.5: both ends have a value


@pytest.mark.parametrize("values", [[1], [], [[0, 1]], 5.0, [2, 1], [1, 1], [-0.0, 0.0], range(257), [0, 1e-50],
                                    [0, np.inf], [0, 1e39], [1.0, 1.0 + 2**-30]])
def test_values_that_make_no_codebook(values: Any) -> None:
    with refused(ValueError, "Codebook", "`values` must be 2 to 256 finite float32 reals that ascend", "np.unique"):
        rq.Codebook(values)


@pytest.mark.parametrize("values", ["NF4", [1j, 2], None, [True, False], {1.0, 2.0}])
def test_values_that_are_no_reals(values: Any) -> None:
    with refused(TypeError, "Codebook", "`values` must"):
        rq.Codebook(values)


def test_nan_is_no_value() -> None:
    with refused(ValueError, "Codebook", "`values` must not hold NaN", "(1,)"):
        rq.Codebook([0, np.nan])
