"""Lesson 10, exercise 1: every kind of wrong effect is distinguished from every other, and the right one passes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant.course.lesson_10 import effects
from refquant.course.lesson_10.checks import paired
from refquant.study.stats import estimate, t_quantile


def shared(first: Any, second: Any) -> list[int]:
    return [seed for seed in first if seed in second]


def differences(first: Any, second: Any) -> Any:
    return 100 * np.array([first[seed] - second[seed] for seed in shared(first, second)])


def half(d: Any, overlap: float, ddof: int = 1) -> float:
    return float(t_quantile(len(d) - 1) * d.std(ddof=ddof) * math.sqrt(1 / len(d) + overlap))


def right(first: Any, second: Any, overlap: float) -> Any:
    d = differences(first, second)
    return d.mean(), half(d, overlap)


def with_mean(effect: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda first, second, overlap: (effect(first, second), right(first, second, overlap)[1])


def with_half(width: Callable[[Any, float], Any]) -> Callable[..., Any]:
    def yours(first: Any, second: Any, overlap: float) -> Any:
        d = differences(first, second)
        return d.mean(), width(d, overlap)
    return yours


def by_place(first: Any, second: Any, overlap: float) -> Any:
    d = 100 * np.array([a - b for a, b in zip(first.values(), second.values(), strict=False)])
    return d.mean(), half(d, overlap)


def place_effect(first: Any, second: Any) -> Any:
    return by_place(first, second, 0.0)[0]


def unpaired_half(first: Any, second: Any, overlap: float) -> Any:
    a, b = (100 * np.array([side[seed] for seed in shared(first, second)]) for side in (first, second))
    d = a - b
    return d.mean(), t_quantile(len(d) - 1) * math.sqrt((a.var(ddof=1) + b.var(ddof=1)) * (1 / len(d) + overlap))


WRONG_EFFECTS: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda *_: None, "Not answered yet: your function returns None"),
    "raises": (lambda *_: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
    "missing": (lambda a, b, _: (np.mean([a[s] - b[s] for s in a]), 0), "the effect is 0.02 points; it should be 1.75"),
    "key": (lambda a, b, o: (100 * np.mean([a[s] - b[s] for s in a]), right(a, b, o)[1]), "KeyError: 3. Some seeds"),
    "one": (lambda *a: right(*a)[0], "return two numbers"),
    "array": (lambda a, b, _: (differences(a, b), 1.0), "return two numbers"),
    "sign": (with_mean(lambda a, b: -differences(a, b).mean()), "You subtracted the first from the second"),
    "share": (with_mean(lambda a, b: differences(a, b).mean() / 100), "That is a share; points are hundredths"),
    "zero": (with_mean(lambda a, b: 100 * np.mean([a.get(s, 0) - b.get(s, 0) for s in {*a, *b}])),
             "A seed that only one side has is no pair"),
    "means": (with_mean(lambda a, b: 100 * (np.mean([*a.values()]) - np.mean([*b.values()]))),
              "difference of two means over different seeds"),
    "place": (with_mean(place_effect), "different orders; pair by seed, not by place"),
    "size": (with_mean(lambda a, b: np.abs(differences(a, b)).mean()), "You took the sizes"),
    "median": (with_mean(lambda a, b: np.median(differences(a, b))), "That is the median"),
    "relative": (with_mean(lambda a, b: np.mean([100 * (a[s] / b[s] - 1) for s in shared(a, b)])), "That is relative"),
    "other": (with_mean(lambda *_: 7.0), "Subtract within each seed"),
    "plain": (with_half(lambda d, _: half(d, 0.0)), "add the overlap to 1/n"),
    "ddof": (with_half(lambda d, o: half(d, o, ddof=0)), "s divides by n - 1"),
    "df": (with_half(lambda d, o: half(d, o) * t_quantile(len(d)) / t_quantile(len(d) - 1)), "n - 1 degrees of fr"),
    "no t": (with_half(lambda d, o: half(d, o) / t_quantile(len(d) - 1)), "t is missing"),
    "1.96": (with_half(lambda d, o: 1.96 * half(d, o) / t_quantile(len(d) - 1)), "1.96 is t for endlessly many"),
    "no root": (with_half(lambda d, o: half(d, o) * math.sqrt(1 / len(d) + o)), "The root is missing"),
    "outside": (with_half(lambda d, o: half(d, 0.0) * (1 + o * math.sqrt(len(d)))), "The overlap belongs under the ro"),
    "squared": (with_half(lambda d, o: half(d, o) * d.std(ddof=1)), "That is s squared"),
    "half share": (with_half(lambda d, o: half(d, o) / 100), "That is a share; points are hundredths"),
    "whole": (with_half(lambda d, o: 2 * half(d, o)), "That is the whole width"),
    "unpaired": (unpaired_half, "That is the spread of unpaired scores"),
    "half by place": (by_place, "the half-width is"),
    "other half": (with_half(lambda *_: 7.0), "It is t s sqrt(1/n + overlap)"),
}


@pytest.mark.parametrize("name", WRONG_EFFECTS)
def test_wrong_effect(name: str) -> None:
    yours, said = WRONG_EFFECTS[name]
    message = paired(yours)
    assert says(message, said)


@pytest.mark.parametrize("yours", [
    right, lambda *a: list(right(*a)), lambda *a: tuple(np.float64(part) for part in right(*a)),
    lambda a, b, o: estimate(differences(a, b).tolist(), o)[:2]])
def test_right_effect(yours: Callable[..., Any]) -> None:
    assert paired(yours).startswith("Right: ")


def test_every_mistaken_effect_is_named_by_a_wrong_answer() -> None:
    said = [paired(yours) for yours, _ in WRONG_EFFECTS.values()]
    _, *tables = effects.mistaken_effects(*effects.PROBES[0])
    assert {why for table in tables for why in table if not any(why in message for message in said)} == set()


def test_the_right_effect_is_none_of_the_mistakes_in_some_probe() -> None:
    survived: dict[str, bool] = {}
    for probe in effects.PROBES:
        right, means, halves = effects.mistaken_effects(*probe)
        for target, mistakes in ((right.mean, means), (right.half_width or 0.0, halves)):
            for why, wrong in mistakes.items():
                survived[why] = survived.get(why, True) and math.isclose(target, wrong, rel_tol=1e-3)
    assert [why for why in survived if survived[why]] == []


def test_answers_may_change_what_they_are_given() -> None:
    def greedy(first: Any, second: Any, overlap: float) -> Any:
        answer = right(first, second, overlap)
        first.clear()
        return answer

    assert paired(greedy).startswith("Right: ") and paired(right).startswith("Right: ")
