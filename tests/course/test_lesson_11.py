"""The checks of lesson 11 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant import E4M3, INT8, AffineParams, fake_quantize, mse, symmetric_params
from refquant.course.lesson_11 import figures
from refquant.course.lesson_11.checks import adversaries, e4m3_gain, mistaken_values, rounding, values
from refquant.study.plots.style import png

ONE = AffineParams(scale=1.0, zero_point=0, grid=E4M3)
RIGHT = [1.5, 5 / 512, -2.25]


@pytest.mark.parametrize(("given", "said"), [
    (None, "Not answered yet: set my_values"),
    (RIGHT, "Right: 0x3C means 1.5"),
    (RIGHT[:2], "give 3 values; you give 2"), (np.reshape(RIGHT, (3, 1)), "Right"), ("1.5", "my_values: write numbers"),
    ([-1.5, *RIGHT[1:]], "0x3C: the sign is wrong"),
    ([0.75, *RIGHT[1:]], "0x3C: the bias is 7"),
    ([192, *RIGHT[1:]], "0x3C: the exponent's bias is missing"),
    ([0.5, *RIGHT[1:]], "0x3C: the leading 1 is missing"),
    ([1.5, 2.0**-7 * (1 + 5 / 8), -2.25], "0x05: an exponent field of 0 is subnormal"),
    ([1.5, 2.0**-7 * 5 / 8, -2.25], "0x05: a subnormal has the power"),
    ([1.5, 5 / 512, 2.25], "0xC1: the sign is wrong"), ([60, 5, 193], "0x3C: that is the code as a whole number"),
    ([1.5, 5 / 512, -63], "0xC1: a float has no two's complement"),
    ([1.5, 2.0**-6 * (1 + 5 / 8), -2.25], "0x05: an exponent field of 0 is subnormal: there is no leading 1"),
    ([1.5, 5 / 512, -7], "0xC1: write the bits as sign"),
])
def test_values(given: Any, said: str) -> None:
    assert says(values(given), said)


def test_no_mistake_gives_the_right_value() -> None:
    for code, right in zip((0x3C, 0x05, 0xC1), RIGHT, strict=True):
        assert not any(np.isclose(wrong, right) for wrong in mistaken_values(code).values())


def _steps(x: Any) -> Any:
    return 2.0 ** np.clip(np.frexp(x)[1] - 4, -9, 5)


def _wide(x: Any) -> Any:
    return 2.0 ** np.clip(np.frexp(x)[1] - 3, -9, 5)


def _half_away(x: Any) -> Any:
    return np.clip(np.sign(x) * np.floor(np.abs(x) / _steps(x) + 0.5) * _steps(x), -448, 448)


@pytest.mark.parametrize(("yours", "said"), [
    (lambda x: fake_quantize(x, ONE), "Right: the nearest value, ties to the even code"),
    (lambda x: np.clip(np.rint(x / _steps(x)) * _steps(x), -448, 448), "Right"),
    (lambda _: None, "Not answered yet: your function returns None"),
    (lambda _: 1 / 0, "your function raised ZeroDivisionError"),
    (lambda x: x[:3], "give one value for each x"),
    (lambda x: x, "17 is no value of E4M3; between 16 and 32 the step is 2"),
    (lambda x: np.rint(x / _steps(x)) * _steps(x), "1e+06 must saturate at 448"),
    (_half_away, "17 is a tie; of 18 and 16 the latter has the even code"),
    (lambda x: np.clip(np.trunc(x / _steps(x)) * _steps(x), -448, 448), "19 is a tie; of 18 and 20 the latter"),
    (lambda x: np.clip(np.rint(x / 2.0 ** (np.frexp(x)[1] - 4)) * 2.0 ** (np.frexp(x)[1] - 4), -448, 448),
     "0.00292969 is no value of E4M3"),
    (lambda x: np.clip(np.rint(x), -448, 448), "17 is no value"),
    (lambda x: np.where(x == 0, np.nan, fake_quantize(x, ONE)), "0 became nan. Keep the step away from 0"),
    (lambda x: np.zeros_like(x), "17 became 0. Near it the step is 2, and 16 is nearer"),
    (lambda x: np.clip(np.rint(x / _wide(x)) * _wide(x), -448, 448), "18 became 16. Near it the step is 2"),
])
def test_rounding(yours: Callable[[Any], Any], said: str) -> None:
    assert says(rounding(yours), said)


SMALL = np.r_[np.repeat(np.geomspace(1e-4, 0.01, 12), 1000), np.geomspace(0.1, 1, 8)]


@pytest.mark.parametrize(("for_int", "for_float", "said"), [
    (None, SMALL, "Not answered yet: set both for_int and for_float"),
    (np.linspace(-1, 1, 100), SMALL, "Right: equal steps for values of one size"),
    (np.linspace(-1, 1, 9), SMALL, "for_int: give at least 16 different finite values; you give 9"),
    (np.r_[np.linspace(-1, 1, 99), np.nan], SMALL, "for_int: give at least 16 different finite values"),
    (SMALL, SMALL, "for_int: E4M3 is not 6 dB worse, but"),
    (np.linspace(-1, 1, 100), np.linspace(-1, 1, 100), "for_float: E4M3 is not 6 dB better, but 16.2 dB worse"),
])
def test_adversaries(for_int: Any, for_float: Any, said: str) -> None:
    assert says(adversaries(for_int, for_float), said)


def test_the_gain_is_that_of_the_library() -> None:
    x = np.random.default_rng(0).standard_normal(1000)
    errors = [mse(x, fake_quantize(x, symmetric_params(-np.abs(x).max(), np.abs(x).max(), g))) for g in (INT8, E4M3)]
    assert e4m3_gain(x) == pytest.approx(10 * np.log10(errors[0] / errors[1]))


@pytest.mark.slow
def test_pictures_are_drawn() -> None:
    drawn = (figures.values_on_lines({"E4M3": E4M3}), figures.error_by_size(np.geomspace(1e-3, 448, 999), {"a": ONE}))
    assert all(png(picture, 20).startswith(b"\x89PNG") for picture in drawn)
