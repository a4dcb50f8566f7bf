"""The checks of lesson 13 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from messages import says

import refquant as rq
from refquant import lm
from refquant.course.lesson_13 import checks, figures
from refquant.course.lesson_13.checks import PROBLEMS, megabytes, smoothing, worse_rotated
from refquant.methods import smoothquant

WEIGHTS, CACHE = 531.25, 168.96
RELU = np.maximum(np.random.default_rng(0).standard_normal((100, 64)), 0)


@pytest.mark.parametrize(("given", "said"), [
    (None, "Not answered yet: set my_megabytes"), ((WEIGHTS, CACHE), "Right: 531.25 MB of weights and 168.96 MB"),
    ((531, 169), "Right"), ((CACHE, WEIGHTS), "the weights come first"), (WEIGHTS, "give two numbers; you give 1"),
    ((500, CACHE), "weights: the scales are missing: 16 bits for each group of 64"),
    ((8 * WEIGHTS, CACHE), "weights: those are megabits"), ((562.5, CACHE), "weights: a scale takes 16 bits here"),
    ((2500, CACHE), "weights: 64 values share one scale"), ((531.25e6, CACHE), "weights: that is in bytes"),
    ((0.53, 0.17), "weights: that is in GB"),
    ((506.6, CACHE), "weights: a MB has 10**6 bytes here"), ((1, 1), "weights: count the values"),
    ((np.nan, CACHE), "weights: count the values"),
    ((WEIGHTS, 163.84), "keys and values: the scales are missing"),
    ((WEIGHTS, CACHE / 2), "keys and values: that is half: both keys and values are read"),
    ((WEIGHTS, CACHE / 16), "keys and values: that is one layer; there are 16"),
    ((WEIGHTS, CACHE / 10_000), "keys and values: that is one token's"),
])
def test_megabytes(given: Any, said: str) -> None:
    assert says(megabytes(given), said)


@pytest.mark.parametrize(("yours", "said"), [
    (lambda x, w: smoothquant(x, w), "Right: s = sqrt"),
    (lambda x, w: np.sqrt(np.abs(x).max(axis=0) / np.abs(w).max(axis=1)), "Right"),
    (lambda *_: None, "Not answered yet: your function returns None"),
    (lambda *_: 1 / 0, "your function raised ZeroDivisionError"),
    (lambda x, _: np.abs(x).max(), "give one scale for each of the 8 channels, shape (8,); yours has shape ()"),
    (lambda _, w: np.ones(len(w)), "solve a / s = s * b for s"),
    (lambda x, w: np.abs(x).max(axis=1) / np.abs(w).max(axis=0), "(6,). The channels are the columns of x"),
    *[(lambda x, w, name=name: checks.mistaken_scales(x, w)[name], name)
      for name in checks.mistaken_scales(*PROBLEMS[0])],
])
def test_smoothing(yours: Callable[..., Any], said: str) -> None:
    assert says(smoothing(yours), said)


@pytest.mark.parametrize(("given", "said"), [
    (None, "Not answered yet: set my_x"), (np.random.default_rng(0).uniform(0, 1, (100, 64)), "Right: rotated"),
    (RELU + 1, "Right"), (np.random.default_rng(0).standard_normal((100, 64)), "Not yet: rotated, they are worse by"),
    (np.random.default_rng(0).standard_normal((100, 64)) * np.r_[50, np.ones(63)], "rotated, they are better by"),
    (np.ones((3, 64)), "give at least 16 rows of 64 values; yours has shape (3, 64)"),
    (np.ones((16, 32)), "yours has shape (16, 32)"), (np.full((16, 64), np.inf), "all values must be finite"),
    (np.zeros((16, 64)), "no row all 0"), ("rows", "my_x: write numbers"),
])
def test_worse_rotated(given: Any, said: str) -> None:
    assert says(worse_rotated(given), said)


def test_a_text_is_written_in_lines_that_the_picture_holds() -> None:
    drawn = figures.written({"float32": "a b\n\nc " * 40, "empty": ""})
    assert max(len(line) for text in drawn.axes[0].texts for line in text.get_text().splitlines()) <= figures.COLUMNS


def test_13_a_range_that_reaches_100_times_as_far_makes_most_values_of_the_other_channels_0() -> None:
    x = np.random.default_rng(13).standard_normal((4096, 64))
    x[:, [3, 42]] *= 100
    params = rq.static_params([x], rq.UINT8)
    assert np.mean(np.delete(rq.fake_quantize(x, params), [3, 42], axis=1) == 0) > 0.7


def test_13_outliers_leave_the_function_and_every_cure_helps() -> None:
    rng, text = np.random.default_rng(0), np.random.default_rng(1).integers(0, 8, 400).cumsum() % 8
    model = lm.train(lm.init(rng, "abcdefgh", lm.Sizes(16, 2, 8, 1)), text, rng=rng, steps=50)
    large = lm.with_outliers(model, 300, [3])
    static, token = partial(rq.static_params, grid=rq.UINT8), lm.Dynamic(rq.UINT8, axis=-1)
    float8 = partial(rq.static_params, grid=rq.E4M3, fit=rq.symmetric_params)
    made = [lm.ptq(*each, inputs=how, rotate=turned) for *each, how, turned in (
        (large, text, static, ()), (large, text, token, large.matrices), (large, text, float8, ()),
        (lm.smoothed(large, text), text, static, ()))]
    logits = [lm.forward(each, text[None, :8]) - lm.forward(model, text[None, :8]) for each in (large, *made)]
    same, bad, *cured = (float(np.abs(each).max()) for each in logits)
    assert same < 1e-4 and max(cured) < bad
