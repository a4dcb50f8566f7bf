"""What each format loses on four kinds of data, and three sentences about formats, answered by these figures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ...arguments import Reals
from ...blocks import bits_per_value
from ...gaussian import block_gaussian_mse
from ...metrics import sqnr_db
from .. import results
from ..aligned import paragraph, ruled
from ..formats import FORMATS, Format
from ..jobs import run
from ..stats import Estimate, estimate
from . import format_figures as figures

#: One format on one kind of data: measured with a seed, or, where seed is None, by an exact integral.
Record: TypeAlias = dict[str, Any]
Found: TypeAlias = dict[tuple[str, str], list[float]]
ROWS, CHANNELS, SEEDS, EXACT = 32, 4096, 8, "Gaussian, exact"
LARGEST = 5.0  # max|x| of the array whose second scale the exact error of NVFP4 takes
HALF = 10 * math.log10(2)  # dB
#: Kind of data -> seeded values, ROWS x CHANNELS. Outlier channels: every 128th channel is 30 times as large.
DATA: dict[str, Callable[[np.random.Generator], Reals]] = {
    "Gaussian": lambda rng: rng.normal(size=(ROWS, CHANNELS)),
    "Laplace": lambda rng: rng.laplace(size=(ROWS, CHANNELS)),
    "Student t": lambda rng: rng.standard_t(4, size=(ROWS, CHANNELS)),
    "outlier channels": lambda rng: rng.normal(size=(ROWS, CHANNELS)) * np.where(np.arange(CHANNELS) % 128, 1, 30),
}
ABOUT = {"Student t": ", 4 degrees of freedom", "outlier channels": ": every 128th channel is 30 times as large"}


#: (what people say, by how many dB more SQNR at least, the format that has it, the format that has less).
SENTENCES = (
    ("NF4 halves int4's error", HALF, "NF4/64", "int4/64"),
    ("NF4 halves int4's error", HALF, "NF4/64", "int4 affine/64"),
    ("RCEIL beats floor", 0.0, "MXFP8 RCEIL", "MXFP8"),
    ("RCEIL beats floor", 0.0, "MXFP4 RCEIL", "MXFP4"),
    ("FP8 is better than int8", 0.0, "E4M3", "int8"),
    ("FP8 is better than int8", 0.0, "MXFP8", "int8/32"))


def of_seed(seed: int) -> list[Record]:
    """Every format on every kind of data."""
    found = []
    for i, (data, draw) in enumerate(DATA.items()):
        x = draw(np.random.default_rng([seed, i])).astype(np.float32)
        found += [_record(name, f, data, seed, sqnr_db(x, f.fake_quantize(x))) for name, f in FORMATS.items()]
    return found


def exact() -> list[Record]:
    """Every format on Gaussian data, where its scales depend on max|x| alone: affine ones depend on both ends."""
    found = []
    for name, f in FORMATS.items():
        with suppress(ValueError):
            error = block_gaussian_mse(f.grid, f.block or CHANNELS, f.over(*np.array([-LARGEST, LARGEST])).fit)
            found.append(_record(name, f, "Gaussian", None, -10 * math.log10(error)))
    return found


def _record(name: str, f: Format, data: str, seed: int | None, sqnr: float) -> Record:
    return {"format": name, "grid": repr(f.grid), "values_per_scale": f.block or CHANNELS, "scales": f.scales,
            "bits_per_value": bits(f), "data": data, "seed": seed, "sqnr_db": sqnr}


@cache
def bits(f: Format) -> float:
    """Per value, scales included.

    >>> bits(FORMATS["MXFP4"])
    4.25
    """
    x = np.random.default_rng(0).normal(size=(ROWS, CHANNELS)).astype(np.float32)
    return bits_per_value(f.params(x), x.size)


def grouped(records: Sequence[Record]) -> Found:
    """(format, kind of data) -> the SQNR of each seed; those of exact records under EXACT."""
    found: Found = {}
    for r in records:
        found.setdefault((r["format"], EXACT if r["seed"] is None else r["data"]), []).append(r["sqnr_db"])
    return found


def difference(found: Found, first: str, second: str, data: str) -> Estimate:
    """SQNR of the first minus that of the second: exact where both are, otherwise paired within each seed."""
    data = EXACT if data == "Gaussian" and {(first, EXACT), (second, EXACT)} <= set(found) else data
    return estimate([a - b for a, b in zip(found[first, data], found[second, data], strict=True)])


def answer(e: Estimate, least: float) -> str:
    """Whether a difference is larger than `least`; open where its interval holds `least`.

    >>> answer(Estimate(1.4, 0.1, 8), 3.01), answer(Estimate(3.0, 0.1, 8), 3.01)
    ('no', 'open')
    """
    half = e.half_width or 0.0
    return "yes" if e.mean - half > least else "no" if e.mean + half < least or not half else "open"


HEAD = ("format", "values", "a scale for", "scales", "bits a value", EXACT)


def table(records: Sequence[Record]) -> str:
    """Every format, most bits first; then the sentences, and what the columns mean."""
    found = grouped(records)
    rows = [(name, _values(f), "a row" if f.block is None else str(f.block), f.scales, f"{bits(f):.2f}",
             *(_shown(estimate(found[name, data])) if (name, data) in found else "–" for data in (EXACT, *DATA)))
            for name, f in sorted(FORMATS.items(), key=lambda item: -bits(item[1]))]
    said = [(says, f"{first} - {second}", *(f"{_shown(e, '+')}, {answer(e, least)}" for e in (
        difference(found, first, second, data) for data in DATA))) for says, least, first, second in SENTENCES]
    return "\n".join([*ruled([(*HEAD, *DATA), *rows], left=4), "", paragraph(COLUMNS), "", *ruled(
        [("people say", "difference in dB", *DATA), *said], left=2), "", paragraph(ANSWERS)])


COLUMNS = (
    f"SQNR in dB (higher is better): mean ± 95 % interval (Student's t) over {SEEDS} seeds of {ROWS} rows of "
    f"{CHANNELS:,} values, the same for all formats. {EXACT}: an integral, no sample is drawn; affine ranges depend on "
    f"both ends and have none; NVFP4's second scale is that of an array with max|x| = {LARGEST:g}. Student t: 4 "
    "degrees of freedom. outlier channels: Gaussian, every 128th channel 30 times as large. bits a value: with its "
    "share of the scales. /32: 32 values share a scale, and so in MX formats, where it is a power of two, chosen by "
    "floor unless the name says another rule.")
ANSWERS = (
    f"Half the error is {HALF:.2f} dB more; the other two sentences ask for more than 0 dB. Gaussian: exact, where "
    "both formats are. yes and no: the whole interval says so; open: it holds the limit.")


def _values(f: Format) -> str:
    return f"{f.grid.qmin} to {f.grid.qmax}" if f.grid.equal_steps else str(f.grid)


def _shown(e: Estimate, sign: str = "") -> str:
    return f"{e.mean:{sign}.2f}" + (f" ± {e.half_width:.2f}" if e.half_width else "")


def save(records: Sequence[Record], folder: Path, svg: bool = False) -> results.Written:
    """formats.json and the figures, all or none."""
    found, command = grouped(records), "compare --formats"
    sqnr = {f"{data}{ABOUT.get(data, '')}": {name: estimate(found[name, data]).mean for name in FORMATS}
            for data in DATA}
    return results.save(command, folder, {"formats.json": json.dumps(records, indent=1) + "\n", **results.pictures(
        command, {"formats_sqnr.png": figures.sqnr_against_bits(sqnr, {name: bits(f) for name, f in FORMATS.items()}),
                  "formats_values.png": figures.values_of_grids(),
                  "formats_steps.png": figures.steps_of_grids()}, svg)})


def compare() -> list[Record]:
    """The exact errors, then those of all seeds."""
    return [*exact(), *(record for records in run(of_seed, range(SEEDS), 1, "seeds") for record in records)]
