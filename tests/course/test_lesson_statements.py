"""What lessons state in their text and no cell computes."""

import numpy as np
import pytest

import refquant as rq
from refquant.course.lesson_09.engines import LAYERS


def test_02_affine_after_a_relu_is_symmetric_with_one_bit_more() -> None:
    x = np.maximum(np.random.default_rng(2).standard_normal(10_000), 0)
    for bits in range(2, 8):
        hats = [rq.fake_quantize(x, fit(*rq.minmax(x), rq.IntGrid(b))) for fit, b in (
            (rq.affine_params, bits), (rq.symmetric_params, bits + 1))]
        assert np.array_equal(*hats)
    pair = np.int16([-128, -128])
    assert np.sum(pair * pair, dtype=np.int16) == -32768 and 2 * 128**2 - (2**15 - 1) == 1


def test_03_aciq_has_a_third_more_error_on_three_codes() -> None:
    v = np.linspace(-8, 8, 20_001)
    density = np.exp(-v * v / 2) / np.sum(np.exp(-v * v / 2))
    grid = rq.IntGrid(2, narrow=True)
    clips = np.arange(0.5, 3, 0.005)
    errors = [np.sum(density * (v - rq.fake_quantize(v, rq.symmetric_params(-c, c, grid))) ** 2) for c in clips]
    a = rq.gaussian_width(2)
    theirs = np.sum(density * (v - rq.fake_quantize(v, rq.symmetric_params(-a, a, grid))) ** 2)
    assert clips[np.argmin(errors)] == pytest.approx(1.23, abs=0.01) and a == pytest.approx(1.71, abs=0.005)
    assert theirs / min(errors) == pytest.approx(4 / 3, abs=0.02)


def test_05_the_interval_is_widened_by_a_factor_of_about_two() -> None:
    assert np.sqrt(1 + 8 * 540 / 1257) == pytest.approx(2, abs=0.15)


def test_08_sixteen_bits_of_mantissa_are_enough_for_codes_of_eight() -> None:
    changed = []
    for most in (100_003, 107_923, 115_841, 139_599, 163_355, 187_113):
        mantissa, shift = rq.quantize_multiplier(255 / most)
        short, acc = round(int(mantissa) / 2**15) * 2**15, np.arange(0, most, 2)
        full, less = (rq.requantize(acc, part, shift, 0, rq.UINT8) for part in (int(mantissa), short))
        changed.append(np.mean(full != less))
    assert 0 < np.mean(changed) < 0.001


def test_09_three_layers_give_the_nearest_code_and_two_do_not() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.integers(-128, 128, (400, 30)).astype(np.int8), rng.integers(-127, 128, (50, 30)).astype(np.int8)
    given = ((0.0235, 0), (0.1, 0), (7.3, 3))
    at = [rq.AffineParams(scale=np.float32(s), zero_point=z, grid=rq.INT8) for s, z in given]
    scale = float(at[0].scale) * float(at[1].scale) / float(at[2].scale)
    exact = (x.astype(int) @ w.T.astype(int)) * scale + 3
    inside = (exact > -128) & (exact < 127)
    errors = {name: np.abs(layer(x, w, np.zeros(50, np.int32), *at) - exact)[inside].max()
              for name, layer in LAYERS.items()}
    assert [name for name, error in errors.items() if error > 0.50005] == ["LiteRT, ruy", "gemmlowp"]
    assert max(errors.values()) < 0.51


def test_11_how_large_a_power_of_two_makes_a_scale() -> None:
    largest = np.linspace(1, 2, 101)[:-1]
    ratio = np.array([float(rq.mx_params(-v, v, rq.E2M1).scale) * 6 / v for v in largest])
    assert ratio.max() == pytest.approx(1.5) and ratio.min() == pytest.approx(0.75, abs=0.01)
