"""The checks of lesson 13 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant import INT8, IntGrid, lm
from refquant.course.lesson_13 import figures
from refquant.course.lesson_13.checks import _wrong_factors, budget, machine, smoothing
from refquant.methods import smoothquant
from refquant.study.plots.style import png


@pytest.mark.parametrize(("given", "said"), [
    (None, "Not answered yet: set the tokens"), (27.7, "Right: 3.61 GB are read for a token, so 27.7 tokens"),
    (27.7 / 8, "bits are no bytes"), (27.7 * 8, "you divided by 8 twice"), (1 / 27.7, "that is seconds per token"),
    (28.57, "a weight has its share of a scale"), (7.14, "that is the float16 model"),
    (100, "bytes per token are weights times bits"),
])
def test_machine(given: float | None, said: str) -> None:
    assert says(machine(7e9, 4.125, 100e9, given), said)


def _factor(x: Any, w: Any, alpha: float) -> Any:
    return np.abs(x).max(axis=0) ** alpha / np.abs(w).max(axis=1) ** (1 - alpha)


@pytest.mark.parametrize(("yours", "said"), [
    (_factor, "Right: x / s"), (smoothquant, "Right"), (lambda *_: None, "Not answered yet: your function"),
    (lambda *_: 1 / 0, "your function raised ZeroDivisionError"),
    (lambda x, *_: x, "give one number for each column of x"), (lambda *_: np.ones(6), "the largest column of x"),
    *[(lambda x, w, alpha, name=name: _wrong_factors(x, w, alpha)[name], name)
      for name in _wrong_factors(np.ones((2, 2)), np.ones((2, 2)), 0.5)],
])
def test_smoothing(yours: Callable[..., Any], said: str) -> None:
    assert says(smoothing(yours), said)


def test_budget() -> None:
    codes = np.arange(400) % 3
    model = lm.init(np.random.default_rng(0), "abc", lm.Sizes(width=8, heads=2, context=4, layers=1))
    model = lm.train(model, codes, rng=np.random.default_rng(0), steps=60)
    eight, two = (lm.ptq(model, codes, weights=lm.WeightRule(grid)) for grid in (INT8, IntGrid(2, narrow=True)))
    assert says(budget(model, codes, eight, nbytes=10_000), "Right: ")
    assert says(budget(model, codes, None), "Not answered yet: set small")
    assert says(budget(model, codes, model), "give a quantized model")  # type: ignore[arg-type]
    assert says(budget(model, codes, eight, nbytes=10), "more than 10. Fewer bits")
    assert says(budget(model, codes, two, nbytes=10_000, loss=-9.0), "bits per character more, not -9.0")


@pytest.mark.slow
def test_pictures_are_drawn() -> None:
    drawn = figures.channels({"a": np.arange(1, 9), "b": np.ones(8)}), figures.texts({"a": "Alice was\nbeginning"})
    assert all(png(picture, 20).startswith(b"\x89PNG") for picture in drawn)
