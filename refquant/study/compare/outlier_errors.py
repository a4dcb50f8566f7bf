"""Two input channels made c times as large: the errors of a layer's product and of its inputs, with three cures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ...affine import AffineParams, fake_quantize
from ...arguments import Reals
from ...calibration import dynamic_params, static_params
from ...grids import Grid, IntGrid
from ...methods import hadamard, smoothquant
from ...metrics import sqnr_db
from ...ranges import symmetric_params
from .. import results
from ..aligned import paragraph, ruled
from ..jobs import run
from ..stats import Estimate, estimate
from . import outlier_figures as figures

#: One layer, its inputs and weights in so many bits, after one cure: decibels, and a share from 0 to 1.
Record: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Reals], Reals]
At: TypeAlias = tuple[str, int, str, str, int]  # inputs, bits, cure, range, size
ROWS, N_IN, N_OUT, SEEDS = 128, 256, 64, 8
SIZES, BITS, OUTLIERS = (1, 10, 30, 100, 1000), (8, 4), (50, 150)
#: Inputs -> what becomes of normal values; whether the weights that read the outliers are c times smaller.
INPUTS: dict[str, tuple[Change, bool]] = {
    "zero mean": (lambda x: x, False),
    "zero mean, w / c": (lambda x: x, True),
    "after ReLU": (lambda x: np.maximum(x, 0), False),
}
#: Cure -> of calibration inputs and weights: what it does to x, how that is undone, and what it does to w.
CURES: dict[str, Callable[[Reals, Reals], tuple[Change, Change, Change]]] = {
    "none": lambda *_: (lambda x: x, lambda x: x, lambda w: w),
    "SmoothQuant": lambda x, w: _scaled(smoothquant(x, w, alpha=0.5)),
    "rotation": lambda *_: (hadamard, hadamard, partial(hadamard, axis=0)),
}
#: Range -> the parameters of x, from calibration inputs or from x.
RANGES: dict[str, Callable[[Reals, Reals, Grid], AffineParams]] = {
    "static": lambda calibration, _, grid: static_params([calibration], grid),
    "per row": lambda _, x, grid: dynamic_params(x, grid, axis=-1),
}
MEASURES = {
    "product_sqnr_db": "SQNR of the product x @ w, dB",
    "outliers_sqnr_db": "SQNR of x in the outlier channels, dB",
    "others_sqnr_db": "SQNR of x in the other channels, dB",
    "others_dead": "Other channels that became all 0, %",
}


def _scaled(s: Reals) -> tuple[Change, Change, Change]:
    return lambda x: x / s, lambda x: x * s, lambda w: s[:, None] * w


def of_seed(seed: int) -> list[Record]:
    """Every cure on all inputs, which are the same values times c."""
    rng = np.random.default_rng(seed)
    drawn, weights = rng.normal(size=(2, ROWS, N_IN)), rng.normal(size=(N_IN, N_OUT))
    found = []
    for (inputs, (change, smaller)), size in product(INPUTS.items(), SIZES):
        c = np.ones(N_IN)
        c[list(OUTLIERS)] = size
        calibration, x = c * change(drawn)
        w = weights / c[:, None] if smaller else weights
        for cure, bits, when in product(CURES, BITS, RANGES):
            found.append({"inputs": inputs, "bits": bits, "cure": cure, "range": when, "size": size, "seed": seed,
                          **errors(calibration, x, w, IntGrid(bits), cure, when)})
    return found


def errors(calibration: Reals, x: Reals, w: Reals, grid: Grid, cure: str, when: str) -> dict[str, float]:
    """The four measures of one layer: x on the grid in one range or one a row, w in a symmetric range an output."""
    forth, back, of_weights = CURES[cure](calibration, w)
    inputs, weights = forth(x), of_weights(w)
    inputs = fake_quantize(inputs, RANGES[when](forth(calibration), inputs, grid))
    weights = fake_quantize(weights, dynamic_params(weights, grid, axis=0, fit=symmetric_params))
    outliers, others = (f(np.arange(N_IN), OUTLIERS) for f in (np.isin, partial(np.isin, invert=True)))
    x_hat = back(inputs)
    return {"product_sqnr_db": sqnr_db(x @ w, inputs @ weights),
            "outliers_sqnr_db": sqnr_db(x[:, outliers], x_hat[:, outliers]),
            "others_sqnr_db": sqnr_db(x[:, others], x_hat[:, others]),
            "others_dead": float((x_hat[:, others] == 0).all(axis=0).mean())}


def compare() -> list[Record]:
    """Those of all seeds."""
    return [record for records in run(of_seed, range(SEEDS), 1, "seeds") for record in records]


def summary(records: Sequence[Record], measure: str) -> dict[At, Estimate]:
    """The measure over all seeds; a share in percent."""
    found: dict[At, list[float]] = {}
    for r in records:
        at = (r["inputs"], r["bits"], r["cure"], r["range"], r["size"])
        found.setdefault(at, []).append(r[measure] * (100 if measure == "others_dead" else 1))
    return {at: estimate(values) for at, values in found.items()}


def table(records: Sequence[Record]) -> str:
    """A table for each measure, and what they mean."""
    head = ("inputs", "cure", "range", *(f"W{bits}A{bits}, {size}x" for bits, size in product(BITS, SIZES)))
    lines = []
    for measure, title in MEASURES.items():
        found = summary(records, measure)
        rows = [(*at, *(_shown(found[inputs, bits, cure, when, size]) for bits, size in product(BITS, SIZES)))
                for at in product(INPUTS, CURES, RANGES) for inputs, cure, when in [at]]
        lines += [title, "", *ruled([head, *rows], left=3), ""]
    return "\n".join([*lines, paragraph(LAYER), "", paragraph(CURED)])


LAYER = (
    f"Mean ± 95 % interval (Student's t) over {SEEDS} seeds of {ROWS} rows. SQNR: higher is better; at 0 dB the error "
    f"is as large as the signal. A layer x @ w of {N_IN} inputs and {N_OUT} outputs, normal values; two channels of x "
    "are c times as large, 1x to 1000x (at 1x nothing stands out; the same two are counted apart). after ReLU: "
    "negative inputs are 0. w / c: the weights that read the two channels are c times smaller, so that the product is "
    "the same for every c. Elsewhere the weights are kept: large outliers are most of the product, and its decibels "
    "hide what becomes of the other channels. W4A4: x and w in 4 bits, one scale for the weights of an output. static: "
    f"one range for all of x, from {ROWS} other rows, which clips what exceeds it: in 8 bits a few clipped values can "
    "be most of the error, so intervals are wide; per row: a range for each row, from this row.")
CURED = (
    "SmoothQuant (alpha 1/2) divides each channel of x by a number that it makes of the channel's own maximum. Here "
    "outliers were made by one factor for a whole channel, so SmoothQuant undoes this induction by construction: that "
    "it does well here says nothing about other outliers. With w / c it takes c out whole; where the weights are "
    "kept, it leaves the square root of c in x and puts as much into w. Rotation knows nothing of the outliers: it "
    "spreads them over all channels, and their error, too, which then may exceed the other channels' signal (below "
    "0 dB). After ReLU it makes an outlier channel of the channels' mean.")


def _shown(e: Estimate) -> str:
    return f"{e.mean:.1f}" + (f" ± {e.half_width:.1f}" if e.half_width else "")


def save(records: Sequence[Record], folder: Path, svg: bool = False) -> results.Written:
    """outliers.csv, outliers.json and the figures, all or none."""
    found = {MEASURES[m]: summary(records, m) for m in MEASURES}
    command = "compare --outliers"
    return results.save(command, folder, {
        "outliers.csv": results.csv(records), "outliers.json": json.dumps(records, indent=1, allow_nan=False) + "\n",
        **results.pictures(command, {f"outliers_w{bits}a{bits}.png": figures.sqnr_against_size(found, bits)
                                     for bits in BITS}, svg)})
