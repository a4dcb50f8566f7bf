"""What to do: computed from the records, as are the points where lines cross and what equal quality costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Any, NamedTuple

import numpy as np

from ...arguments import Reals
from ..compare.methods import line_style
from ..compare.text.methods import METHODS as ON_TEXT
from ..records import label
from ..stats import Estimate, estimate
from .experiments import Observation
from .experiments.after_training import GPTQ, LSQ, MSE, NAIVE, STRONG
from .verdicts import MORE, verdict

TOKEN, SIXTH = "gptq-token", f"{LSQ}-sixth"


class Column(NamedTuple):
    """A task: the experiment with its methods at all widths, the measure, the overlap of its splits (None: as the
    settings say), what makes a quantized network, and the pairs whose lines may cross. The methods stand from the
    cheapest to the dearest by the median of their seconds; QAT last, for it alone needs labels."""

    experiment: str
    value: str
    unit: str
    overlap: float | None
    methods: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()


COLUMNS = {
    "digits": Column("data-size", "cross_entropy", "nats", None, (NAIVE, MSE, GPTQ, STRONG, LSQ),
                     ((GPTQ, LSQ), (STRONG, LSQ))),
    "text": Column("text", "bits_per_character", "bits", 1 / 9, (
        "tensor-static", "output-mse-token", "gptq-token", "output-mse-static-mse", "gptq-static-mse", LSQ)),
}


#: A method on text -> the same on digits, by whose name and colour the page shows it; QAT's is the same.
ON_DIGITS = {"tensor-static": NAIVE, "output-mse-static-mse": MSE, "gptq-static-mse": GPTQ}


def look_of(method: str) -> dict[str, Any]:
    """A method's colour, marker and label, the same in both tasks."""
    return ON_TEXT[method].style if method.endswith("-token") else line_style(ON_DIGITS.get(method, method))


def name(method: str) -> str:
    """A method, as the page calls it."""
    return str(look_of(method)["label"])


class Gain(NamedTuple):
    """By how much a method is better than another, in the column's unit, and the word for it."""

    over: str
    effect: Estimate
    verdict: str


class Cell(NamedTuple):
    """What to do with so many bits and so much data: the method, the share of resamples of the seeds that choose it,
    its loss beside float, its gain over the best of the cheaper methods, and over the best of the dearer ones."""

    task: str
    width: str
    images: Any
    method: str
    chosen: float
    loss: Estimate
    cheaper: Gain | None
    dearer: Gain | None


def advice(task: str, records: Sequence[Observation], overlap: float) -> list[Cell]:
    """For each width and amount of data the cheapest method whose mean is within what matters of the best mean."""
    column, cells = COLUMNS[task], list[Cell]()
    found = _by_place(records, column)
    base = {r["seed"]: r[column.value] for r in records if r["method"] == "float"}
    for width, images in dict.fromkeys(place[1:] for place in found):
        here = {m: found[m, width, images] for m in column.methods if (m, width, images) in found}
        names, drawn = list(here), resampled(list(here.values()))
        near = drawn < drawn.min(1, keepdims=True) + MORE.enough
        i, *draws = near.argmax(1).tolist()
        cells.append(Cell(task, width, images, names[i], draws.count(i) / len(draws),
                          _beyond(here[names[i]], base, overlap),
                          *(_gain(here, others, names[i], overlap) for others in (names[:i], names[i + 1:]))))
    return cells


def _gain(losses: Mapping[str, Mapping[int, float]], others: Sequence[str], than: str, overlap: float) -> Gain | None:
    if not others:
        return None
    best = min(others, key=lambda method: fmean(losses[method].values()))
    effect = _beyond(losses[best], losses[than], overlap)
    return Gain(best, effect, verdict(effect, MORE))


def _beyond(worse: Mapping[int, float], better: Mapping[int, float], overlap: float) -> Estimate:
    return estimate([loss - better[seed] for seed, loss in worse.items() if seed in better], overlap)


def resampled(curves: Sequence[Mapping[int, float]], times: int = 1_000) -> Reals:
    """The mean of each curve (seed -> value), then of `times` resamples of the seeds that all have: a row each."""
    values = np.array([[each[seed] for each in curves] for seed in curves[0] if all(seed in each for each in curves)])
    n = len(values)
    rows = np.vstack([np.arange(n), np.random.default_rng(0).integers(n, size=(times, n))])
    return np.asarray(values[rows].mean(1))


def _width(r: Observation) -> str:
    return label(r["bits"]) if "bits" in r else f"W{r['weight_bits']}A{r['activation_bits']}"


def _by_place(records: Sequence[Observation], column: Column) -> dict[Any, dict[int, float]]:
    """(method, width, images) -> seed -> value, of the column's methods."""
    found: dict[Any, dict[int, float]] = {}
    for r in (r for r in records if r["method"] in column.methods):
        found.setdefault((r["method"], _width(r), r.get("images", "all")), {})[r["seed"]] = r[column.value]
    return found


class Crossing(NamedTuple):
    """From how many images on the mean of `second` is better than that of `first`, and by how much it is with all.

    verdict: on that; without a direction no crossing is told. at: the images, interpolated; None if `first` is better
    with all. interval: of 95 % of the resamples of the seeds; None: they do not cross.
    """

    task: str
    width: str
    first: str
    second: str
    last: Estimate
    verdict: str
    at: float | None
    interval: tuple[float | None, ...] | None


def crossings(task: str, records: Sequence[Observation], overlap: float) -> list[Crossing]:
    """For each pair and width."""
    column, found = COLUMNS[task], list[Crossing]()
    loss = _by_place(records, column)
    for first, second in column.pairs:
        for width in dict.fromkeys(width for method, width, _ in loss if method == first):
            images = sorted(n for method, at, n in loss if (method, at) == (first, width))
            ahead = [{seed: value - loss[second, width, n][seed] for seed, value in loss[first, width, n].items()}
                     for n in images]
            last = estimate(list(ahead[-1].values()), overlap)
            at, *others = (crossed(images, means) for means in resampled(ahead).tolist())
            ends = (x if x < math.inf else None for x in np.quantile(others, (0.025, 0.975), method="nearest").tolist())
            told = (word := verdict(last, MORE)) in ("confirmed", "small") and last.mean > 0
            found.append(Crossing(task, width, first, second, last, word,
                                  *((at, tuple(ends)) if told else (None, None))))
    return found


def crossed(images: Sequence[int], ahead: Sequence[float]) -> float:
    """The last place where `ahead` becomes positive, by interpolation in the logarithm of the images: the first of them
    if it is positive throughout, infinity if not at the end.

    >>> crossed([10, 1000], [-1.0, 1.0]), crossed([10, 100], [1.0, 1.0]), crossed([10, 100], [1.0, -1.0])
    (100.0, 10.0, inf)
    """
    found = float(images[0]) if ahead[0] > 0 else math.inf
    for (a, x), (b, y) in pairwise(zip(images, ahead, strict=True)):
        found = math.inf if y <= 0 else a * (b / a) ** (x / (x - y)) if x <= 0 else found
    return found


class Point(NamedTuple):
    """A method's effort or its images, what they are drawn at (the median over seeds, the least and the largest), and
    the mean loss over seeds: nats, or bits. near: it is within what matters of the best."""

    effort: Any
    at: float
    least: float
    most: float
    loss: float
    near: bool = True


def points(records: Sequence[Observation], x: str, at: str,
           value: str = "cross_entropy") -> dict[str, dict[str, list[Point]]]:
    """Width -> method -> a point for each value of x, as the records come, at their values of `at`."""
    groups: dict[str, dict[str, dict[Any, list[Observation]]]] = {}
    for r in (r for r in records if r.get("bits", 0) < 32):
        groups.setdefault(_width(r), {}).setdefault(r["method"], {}).setdefault(r[x], []).append(r)
    return {width: {method: [Point(each, median(ats := [r[at] for r in rs]), min(ats), max(ats),
                                   fmean(r[value] for r in rs)) for each, rs in by_x.items()]
                    for method, by_x in methods.items()} for width, methods in groups.items()}


def spent(records: Mapping[str, Sequence[Observation]]) -> dict[str, dict[str, dict[str, list[Point]]]]:
    """Task -> width -> method -> seconds and loss at each effort."""
    found = {"digits": points(records["cost"], "effort", "seconds")} if "cost" in records else {}
    text = [{**r, **({"method": LSQ, "effort": "1/6"} if r["method"] == SIXTH else {"effort": "1"})}
            for r in records.get("text", ()) if r["method"] in (*COLUMNS["text"].methods, SIXTH)
            and (r["weight_bits"], r["activation_bits"]) in ((4, 4), (2, 8))]
    return found | ({"text": points(text, "effort", "seconds", COLUMNS["text"].value)} if text else {})


def costs(widths: Mapping[str, Mapping[str, Sequence[Point]]]) -> dict[str, dict[str, Point]]:
    """Width -> method -> the cheapest point whose mean is within what matters of the width's best; of those that reach
    it, and of PTQ also the cheapest and the best of all."""
    found: dict[str, dict[str, Point]] = {}
    for width, methods in widths.items():
        limit = min(p.loss for each in methods.values() for p in each) + MORE.enough
        every = [(method, p._replace(near=p.loss < limit)) for method, each in methods.items() for p in each]
        ptq = [at for at in every if at[0] != LSQ]
        shown = [min(ptq, key=lambda at: at[1].at), min(ptq, key=lambda at: at[1].loss)] if ptq else []
        near = sorted((at for at in every if at[1].near), key=lambda at: -at[1].at)
        found[width] = dict(sorted([*dict([*shown, *near]).items()], key=lambda at: at[1].at))
    return found
