"""Exact errors: constants computed once by other means (dB on N(0, 1)), and samples beside the integrals."""

import math
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq


def db(error: float) -> float:
    return -10 * math.log10(error)


@pytest.mark.parametrize(("grid", "sigma", "wanted"), [
    (rq.E4M3, 1, 31.5211), (rq.E4M3FNUZ, 1, 31.5211), (rq.E5M2, 1, 25.5430), (rq.E5M2FNUZ, 1, 25.5430),
    (rq.FloatGrid(3, 4, specials=16), 1, 37.447), (rq.E2M3, 1, 28.3011), (rq.E2M3, 2, 30.814), (rq.E3M2, 1, 25.4580),
    (rq.E3M2, 6.15, 25.581), (rq.E2M1, 1, 16.3443), (rq.E2M1, 2.056, 18.967),
    (rq.Codebook([-0.7979, 0.7979]), 1, 4.396)])
def test_elements(grid: Any, sigma: float, wanted: float) -> None:
    """The last is Max's quantizer of one bit: 1 - 2/pi."""
    assert db(rq.gaussian_mse(grid, sigma) / sigma**2) == pytest.approx(wanted, abs=0.002)


@pytest.mark.parametrize(("bits", "full", "narrow"), [(2, 8.256, 7.208), (3, 13.911, 13.292), (4, 19.258, 18.898),
                                                      (8, 40.569, 40.540)])
def test_integers_at_their_best_step(bits: int, full: float, narrow: float) -> None:
    """The largest of all steps, near the published optimum of Max 1960."""
    sigmas = 2.0 ** bits / 4.2 * np.geomspace(0.4, 1.2, 300)
    for grid, wanted in ((rq.IntGrid(bits), full), (rq.IntGrid(bits, narrow=True), narrow)):
        assert max(db(rq.gaussian_mse(grid, s) / s**2) for s in sigmas) == pytest.approx(wanted, abs=0.002)


#: an NVFP4 tensor's second scale, small enough that no block of a Gaussian saturates its E4M3 scale
NVFP4 = rq.two_level(rq.E4M3, scale=np.float64(1 / 256))

#: bitsandbytes' FP4, which is not E2M1
FP4 = rq.Codebook(sorted({s * v for s in (-1, 1) for v in (0, 1 / 192, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1)}))


@pytest.mark.parametrize(("grid", "block", "fit", "wanted"), [
    (rq.E4M3, 32, rq.mx_params, 30.645), (rq.E4M3, 32, rq.mx_even_params, 31.178),
    (rq.E4M3, 32, rq.mx_rceil_params, 31.521), (rq.E4M3, 32, rq.mx_ceil_params, 31.521),
    (rq.E2M3, 32, rq.mx_params, 30.941), (rq.E2M3, 32, rq.mx_even_params, 30.988),
    (rq.E2M3, 32, rq.mx_rceil_params, 30.958), (rq.E2M3, 32, rq.mx_ceil_params, 28.766),
    (rq.E2M1, 32, rq.mx_params, 18.788), (rq.E2M1, 32, rq.mx_even_params, 19.028),
    (rq.E2M1, 32, rq.mx_rceil_params, 18.757), (rq.E2M1, 32, rq.mx_ceil_params, 16.822),
    (rq.E2M1, 16, rq.symmetric_params, 20.524), (rq.E2M1, 16, NVFP4, 20.435),
    (rq.NF4, 32, rq.symmetric_params, 21.179), (rq.NF4, 64, rq.symmetric_params, 20.726),
    (rq.NF4, 128, rq.symmetric_params, 20.393), (rq.INT4, 32, rq.symmetric_params, 20.264),
    (rq.INT4, 64, rq.symmetric_params, 19.364), (rq.IntGrid(4, narrow=True), 128, rq.symmetric_params, 18.616),
    (rq.INT8, 32, rq.symmetric_params, 45.440), (rq.INT8, 256, rq.symmetric_params, 43.152),
    (rq.Codebook([-1, 0, 1]), 256, rq.symmetric_params, 1.862),
    (FP4, 64, rq.symmetric_params, 18.277)])
def test_blocks(grid: Any, block: int, fit: Any, wanted: float) -> None:
    assert db(rq.block_gaussian_mse(grid, block, fit)) == pytest.approx(wanted, abs=0.002)


@pytest.mark.parametrize(("grid", "block", "fit"), [
    (rq.E2M1, 32, rq.mx_params), (rq.E2M1, 16, NVFP4), (rq.UINT4, 8, rq.symmetric_params),
    (rq.Codebook([-1, 0.3, 2]), 3, rq.mx_ceil_params), (rq.NF4, 2, rq.symmetric_params)])
def test_samples_agree(grid: Any, block: int, fit: Any) -> None:
    """Within four standard errors of the mean of 20,000 blocks."""
    x = np.random.default_rng(0).normal(size=(20_000, block))
    error = ((x - rq.fake_quantize(x, rq.dynamic_params(x, grid, -1, fit=fit))) ** 2).mean(axis=1)
    assert abs(error.mean() - rq.block_gaussian_mse(grid, block, fit)) < 4 * error.std() / math.sqrt(len(x))


@pytest.mark.parametrize(("grid", "sigma"), [(rq.E2M1, 3.0), (rq.NF4, 0.4), (rq.UINT4, 2.0), (rq.E4M3, 0.004)])
def test_samples_of_one_scale_agree(grid: Any, sigma: float) -> None:
    x = np.random.default_rng(0).normal(size=200_000) * sigma
    error = (x - rq.fake_quantize(x, rq.AffineParams(scale=1.0, zero_point=0, grid=grid))) ** 2
    assert abs(error.mean() - rq.gaussian_mse(grid, sigma)) < 4 * error.std() / math.sqrt(x.size)


def test_far_away_everything_is_0_or_saturates() -> None:
    for grid in (rq.E4M3, rq.INT8, rq.FloatGrid(7, 2)):
        assert rq.gaussian_mse(grid, 1e-100) == pytest.approx(1e-200)
        assert rq.gaussian_mse(grid, 1e100) == pytest.approx(1e200)
    assert rq.block_gaussian_mse(rq.INT4, 1, rq.symmetric_params) < 1e-30  # one value is its own largest


@pytest.mark.parametrize(("call", "kind", "parts"), [
    (lambda: rq.gaussian_mse(rq.E4M3, 0), ValueError, ("gaussian_mse", "`sigma`", "got 0")),
    (lambda: rq.gaussian_mse(rq.E4M3, 1e-101), ValueError, ("`sigma`", "from 1e-100 to 1e100")),
    (lambda: rq.gaussian_mse(rq.E4M3, 1.1e100), ValueError, ("`sigma`",)),
    (lambda: rq.gaussian_mse(rq.E4M3, np.nan), ValueError, ("`sigma`", "nan")),
    (lambda: rq.gaussian_mse(rq.INT32), ValueError, ("at most 16 bits", "INT32")),
    (lambda: rq.gaussian_mse("E4M3"), TypeError, ("gaussian_mse", "`grid` must be a grid", "rq.E4M3")),
    (lambda: rq.block_gaussian_mse(rq.E4M3, 0, rq.mx_params), ValueError, ("`block_size`", "got 0")),
    (lambda: rq.block_gaussian_mse(rq.E2M1, 2**32 + 1, rq.mx_params), ValueError, ("`block_size`", "to 4294967296")),
    (lambda: rq.block_gaussian_mse(rq.INT16, 32, rq.mx_params), ValueError, ("at most 8 bits", "INT16")),
    (lambda: rq.block_gaussian_mse(8, 32, rq.mx_params), TypeError, ("block_gaussian_mse", "`grid` must be a grid")),
    (lambda: rq.block_gaussian_mse(rq.E8M0, 32, rq.mx_params), ValueError, ("both sides of 0", "E8M0")),
    (lambda: rq.block_gaussian_mse(rq.E2M1, 16, "mx"), TypeError, ("block_gaussian_mse", "`fit` must be a function")),
    (lambda: rq.block_gaussian_mse(rq.E2M1, 16, rq.two_level(rq.E4M3)), ValueError,
     ("`fit` must depend on a block's largest |x| alone", "two_level(E4M3, scale=)")),
    (lambda: rq.block_gaussian_mse(rq.E2M1, 16, rq.two_level(rq.E4M3, axis=-1)), ValueError, ("largest |x| alone",)),
    (lambda: rq.block_gaussian_mse(rq.INT4, 16, rq.affine_params), ValueError, ("largest |x| alone",)),
    (lambda: rq.block_gaussian_mse(rq.E2M1, 16, rq.affine_params), ValueError, ("equal steps", "fit=rq.symmetric"))])
def test_what_has_no_exact_error(call: Any, kind: Any, parts: Any) -> None:
    with refused(kind, *parts):
        call()
