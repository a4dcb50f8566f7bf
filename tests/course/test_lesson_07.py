"""The checks of lesson 07 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant import IntGrid
from refquant.course.lesson_07 import checks
from refquant.course.lesson_07.checks import hovering, learned, slopes
from refquant.gradients import lsq

STE, LSQ, SCALE = [1, 1, 1, 0], [0, 1, 0, 0], [7, -0.2, -8, -8]


@pytest.mark.parametrize(("dx_ste", "dx_lsq", "dscale", "said"), [
    (None, None, None, "Not answered yet: set dx_ste"),
    (STE, LSQ, None, "Not answered yet: set dx_ste"),
    (STE, LSQ, SCALE, "Right: dx of -4.1 is 1 straight-through"),
    (np.float32(STE), np.array(LSQ, bool), np.float32(SCALE), "Right: "),
    ([1, 1, 1], LSQ, SCALE, "dx_ste holds one number for each of the four values; yours has shape (3,)"),
    (STE, 1, SCALE, "dx_lsq holds one number for each of the four values; yours has shape ()"),
    (STE, LSQ, -9.2, "dscale holds one number for each"),
    (LSQ, LSQ, SCALE, "in dx_ste you test x/scale before rounding"),
    ([1, 1, 1, 1], LSQ, SCALE, "in dx_ste you give g everywhere"),
    ([0.5, 0.5, 0.5, 0], LSQ, SCALE, "in dx_ste you multiply by the scale"),
    ([2, 2, 2, 0], LSQ, SCALE, "in dx_ste you divide by the scale"),
    ([0, 1, 1, 0], LSQ, SCALE, "in dx_ste in one place you test x/scale before rounding"),
    (STE, STE, SCALE, "in dx_lsq you test the rounded code"),
    (STE, [1, 1, 1, 1], SCALE, "in dx_lsq you give g everywhere"),
    (STE, LSQ, [7, 0.2, -8, -8], "in dscale the residual has the wrong sign"),
    (STE, LSQ, [-0.2, -0.2, 0.2, -8], "in dscale you test the rounded code"),
    (STE, LSQ, [7, 1, -8, -8], "in dscale inside the range the residual is missing"),
    (STE, LSQ, [0, -0.2, 0, 0], "in dscale beyond the range the gradient is not 0"),
    (STE, LSQ, [3.5, -0.1, -4, -4], "in dscale you give reals"),
    (STE, LSQ, [-7, -0.2, 8, 8], "in dscale the ends have the wrong sign"),
    (STE, LSQ, [7, -0.1, -8, -8], "in dscale in one place you give reals; the residual and the ends are"),
    (STE, LSQ, [7, -0.2, -8, -9], "-9 is wrong: v = x/scale is -8.6, round(v) is -9, "
     "and the codes go from -8 to 7. See x = -4.3"),
])
def test_slopes(dx_ste: Any, dx_lsq: Any, dscale: Any, said: str) -> None:
    message = slopes(dx_ste, dx_lsq, dscale)
    assert says(message, said)


def right(g: Any, x: Any, scale: float, qmin: int, qmax: int) -> Any:
    v = x / scale
    inside = (v > qmin) & (v < qmax)
    return g * inside, np.sum(g * np.where(inside, np.rint(v) - v, np.clip(v, qmin, qmax)))


def parts(x: Any, scale: float, qmin: int, qmax: int) -> tuple[Any, Any, Any, Any]:
    """v, round(v), what lies inside, and round(v) on the grid."""
    v = x / scale
    return v, np.rint(v), (v > qmin) & (v < qmax), np.clip(np.rint(v), qmin, qmax)


def by_code(g: Any, x: Any, scale: float, qmin: int, qmax: int) -> Any:
    v, q, _, ends = parts(x, scale, qmin, qmax)
    passed = (q >= qmin) & (q <= qmax)
    return g * passed, np.sum(g * np.where(passed, q - v, ends))


def ends_outside(g: Any, x: Any, scale: float, qmin: int, qmax: int) -> Any:
    v, q, _, ends = parts(x, scale, qmin, qmax)
    return g * ((q > qmin) & (q < qmax)), np.sum(g * np.where((q > qmin) & (q < qmax), q - v, ends))


def with_scale(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A pullback whose dx is right, and whose dscale is formula(g, v, inside, ends)."""
    def pullback(g: Any, x: Any, scale: float, qmin: int, qmax: int) -> Any:
        v, _, inside, ends = parts(x, scale, qmin, qmax)
        return g * inside, formula(g, v, inside, ends)
    return pullback


WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda *_: None, "Not answered yet: your function returns None"),
    "raises": (lambda *_: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
    "one": (lambda g, *_: g, "return two things, dx and dscale"),
    "shape": (lambda *_: (0.0, 0.0), "dx has the shape of x, (12,); yours has ()"),
    "no sum": (with_scale(lambda g, v, i, e: g * np.where(i, e - v, e)), "the contributions to dscale add up. Sum"),
    "kept": (lambda *a: (right(*a)[0], np.zeros(1)), "dscale is one number; yours has shape (1,)"),
    "open": (lambda *a: (a[0], right(*a)[1]), "dx: you give g everywhere"),
    "code": (by_code, "dx: you test the rounded code"),
    "code, dscale": (lambda *a: (right(*a)[0], by_code(*a)[1]), "dscale: you test the rounded code"),
    "ends": (ends_outside, "dx: you count a value as outside where its rounded code is an end"),
    "no scale": (lambda *a: (right(*a)[0], 0.0), "dscale: you give 0. The scale is a parameter"),
    "closed": (lambda g, x, s, lo, hi: (g * ((x / s >= lo) & (x / s <= hi)), right(g, x, s, lo, hi)[1]),
               "exactly on an end, as inside"),
    "reals": (lambda g, x, _, lo, hi: (g * ((x > lo) & (x < hi)), 0.0), "dx: you compare x with qmin and qmax"),
    "no g": (lambda g, *a: right(np.ones_like(g), *a), "dx: you leave out the gradient g"),
    "no g, dscale": (with_scale(lambda _, v, i, e: np.sum(np.where(i, e - v, e))), "dscale: you leave out the grad"),
    "sign": (with_scale(lambda g, v, i, e: np.sum(g * np.where(i, v - e, e))), "residual has the wrong sign"),
    "zero": (with_scale(lambda g, v, i, e: np.sum(g * np.where(i, e - v, 0))), "beyond the range you give 0"),
    "round": (with_scale(lambda g, _, __, e: np.sum(g * e)), "inside the range you give round(v) alone"),
    "mean": (with_scale(lambda g, v, i, e: np.mean(g * np.where(i, e - v, e))), "you take the mean"),
    "scaled": (lambda g, x, s, *a: (right(g, x, s, *a)[0], s * right(g, x, s, *a)[1]), "you multiply by the scale"),
    "gain": (lambda g, x, s, lo, hi: (right(g, x, s, lo, hi)[0], right(g, x, s, lo, hi)[1] / np.sqrt(x.size * hi)),
             "you apply the gradient scale 1/sqrt(N * qmax)"),
    "another": (lambda *a: (right(*a)[0], right(*a)[1] + 1), "dscale: the values are wrong. Write down x_hat"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_pullback(name: str) -> None:
    yours, said = WRONG[name]
    message = learned(yours)
    assert says(message, said)


@pytest.mark.parametrize("yours", [right, lambda *a: list(right(*a)),
                                   lambda g, x, s, lo, hi: lsq(x, s, 0, IntGrid(8 if hi > 7 else 4 if hi > 1 else 2,
                                                                                narrow=lo == -hi))[1](g)])
def test_right_pullback(yours: Callable[..., Any]) -> None:
    assert learned(yours).startswith("Right: ")


def test_every_mistake_in_the_table_is_named_by_a_wrong_answer() -> None:
    said = [learned(yours) for yours, _ in WRONG.values()]
    table = checks.wrong_pullbacks(*checks.PROBES[0])
    assert {why for why in table if not any(why in message for message in said)} == set()


@pytest.mark.parametrize("probe", checks.PROBES, ids=["2 bits", "4 bits", "8 bits", "on the ends"])
def test_the_right_pullback_is_none_of_the_mistakes(probe: Any) -> None:
    g, x, scale, grid = probe
    answer = right(g, x, scale, grid.qmin, grid.qmax)
    wrong = [why for why, pair in checks.wrong_pullbacks(*probe).items()
             if all(part is None or np.allclose(part, of) for part, of in zip(pair, answer, strict=True))]
    shows_ends = bool(np.isin(x / scale, [grid.qmin, grid.qmax]).any())
    assert [why for why in wrong if "code is an end" not in why and (shows_ends or "on an end" not in why)] == []


@pytest.mark.parametrize(("target", "start", "lr", "said"), [
    (None, None, None, "Not answered yet: set target"),
    (0.04, 0.4, None, "Not answered yet: set target"),
    (0.04, 0.4, 0.05, "Right: the mean loss is 0.0384, 24.0 times the loss 0.0016 of the best code"),
    (0.96, 0.6, 0.05, "Right: "),
    (-2.97, -2.6, 0.1, "Right: "),
    (np.float64(0.04), np.float32(0.4), 0.05, "Right: "),
    (np.nan, 0.4, 0.05, "all three must be finite"),
    (0.04, 0.4, 0.0, "the learning rate must be positive"),
    (200.04, 200.4, 0.05, "stay on the codes of INT8"),
    (3, 3.4, 0.05, "w* is a code"),
    (0.1, 0.3, 0.05, "9.0 times the loss 0.0100 of the best code. Choose w* nearer to a code"),
    (0.5, 0.3, 0.05, "1.0 times the loss 0.2500 of the best code. Choose w* nearer to a code"),
    (0.04, 0.1, 1e-6, "has not reached the edge yet"),
    (0.04, -30.0, 1e-5, "has not reached the edge yet"),
    (0.04, 0.4, 3.0, "jumps over whole codes"),
])
def test_hovering(target: Any, start: Any, lr: Any, said: str) -> None:
    message = hovering(target, start, lr)
    assert says(message, said)
