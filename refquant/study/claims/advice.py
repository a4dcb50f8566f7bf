"""What to do: computed from the records, as are the points where lines cross and what equal quality costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

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
    settings say), what makes a quantized network, from the cheapest, and the pairs whose lines may cross."""

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
        "tensor-static", "output-mse-static-mse", "gptq-static-mse", TOKEN, LSQ)),
}


#: A method on text -> the same on digits, by whose name and colour the page shows it; QAT's is the same.
ON_DIGITS = {"tensor-static": NAIVE, "output-mse-static-mse": MSE, "gptq-static-mse": GPTQ}


def look_of(method: str) -> dict[str, Any]:
    """A method's colour, marker and label, the same in both tasks."""
    return ON_TEXT[method].style if method == TOKEN else line_style(ON_DIGITS.get(method, method))


def name(method: str) -> str:
    """A method, as the page calls it."""
    return str(look_of(method)["label"])


class Gain(NamedTuple):
    """By how much a method is better than another, in the column's unit, and the word for it."""

    over: str
    effect: Estimate
    verdict: str


class Cell(NamedTuple):
    """What to do with so many bits and so much data: the method, its loss beside float, its gain over the best of the
    cheaper methods, and over the best of the dearer ones."""

    task: str
    width: str
    images: Any
    method: str
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
        means = {m: math.fsum(by_seed.values()) / len(by_seed) for m, by_seed in here.items()}
        names = list(here)
        i = next(i for i, m in enumerate(names) if means[m] < min(means.values()) + MORE.enough)

        def gain(others: Sequence[str], than: str = names[i], here: dict[str, dict[int, float]] = here,
                 means: dict[str, float] = means) -> Gain | None:
            if not others:
                return None
            best = min(others, key=means.__getitem__)
            effect = estimate([here[best][seed] - here[than][seed] for seed in here[than]], overlap)
            return Gain(best, effect, verdict(effect, MORE))

        loss = estimate([here[names[i]][seed] - base[seed] for seed in here[names[i]]], overlap)
        cells.append(Cell(task, width, images, names[i], loss, gain(names[:i]), gain(names[i + 1:])))
    return cells


def _width(r: Observation) -> str:
    return label(r["bits"]) if "bits" in r else f"W{r['weight_bits']}A{r['activation_bits']}"


def _by_place(records: Sequence[Observation], column: Column) -> dict[Any, dict[int, float]]:
    """(method, width, images) -> seed -> value, of the column's methods."""
    found: dict[Any, dict[int, float]] = {}
    for r in (r for r in records if r["method"] in column.methods):
        found.setdefault((r["method"], _width(r), r.get("images", "all")), {})[r["seed"]] = r[column.value]
    return found


class Crossing(NamedTuple):
    """Where the mean of `second` becomes better than that of `first`: at about `at` images, between two that were
    measured; all None if it does not."""

    task: str
    width: str
    first: str
    second: str
    at: float | None
    between: tuple[int, int] | None
    leads: str


def crossings(task: str, records: Sequence[Observation]) -> list[Crossing]:
    """For each pair and width the first crossing of the means, interpolated in the logarithm of the images."""
    column, found = COLUMNS[task], list[Crossing]()
    loss = _by_place(records, column)
    for first, second in column.pairs:
        for width in dict.fromkeys(width for method, width, _ in loss if method == first):
            behind = {n: math.fsum(loss[second, width, n].values()) - math.fsum(by_seed.values())
                      for (method, at, n), by_seed in loss.items() if (method, at) == (first, width)}
            at, between = None, None
            for a, b in pairwise(sorted(behind)):
                if at is None and behind[a] > 0 >= behind[b]:
                    at, between = a * (b / a) ** (behind[a] / (behind[a] - behind[b])), (a, b)
            found.append(Crossing(task, width, first, second, at, between,
                                  second if behind[max(behind)] <= 0 else first))
    return found


class Point(NamedTuple):
    """A method's effort or its images, what they are drawn at, and the mean loss over seeds: nats, or bits."""

    effort: Any
    at: float
    loss: float


def points(records: Sequence[Observation], x: str, at: str,
           value: str = "cross_entropy") -> dict[str, dict[str, list[Point]]]:
    """Width -> method -> a point for each value of x, as the records come, at the least of their values of `at`."""
    groups: dict[str, dict[str, dict[Any, list[Observation]]]] = {}
    for r in (r for r in records if r.get("bits", 0) < 32):
        groups.setdefault(_width(r), {}).setdefault(r["method"], {}).setdefault(r[x], []).append(r)
    return {width: {method: [Point(each, min(r[at] for r in rs), math.fsum(r[value] for r in rs) / len(rs))
                             for each, rs in by_x.items()]
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
    it."""
    found: dict[str, dict[str, Point]] = {}
    for width, methods in widths.items():
        best = min(p.loss for each in methods.values() for p in each)
        enough = {method: [p for p in each if p.loss < best + MORE.enough] for method, each in methods.items()}
        found[width] = {method: min(each, key=lambda p: p.at) for method, each in enough.items() if each}
    return found
