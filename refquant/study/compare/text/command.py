"""`refquant compare --task text`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from .... import arguments, lm
from ....files import writable_folder
from ... import results
from ...aligned import fitted, listed
from ...options import echo, folder_for, number, runs
from . import figures
from .methods import METHODS
from .run import Plan, Record, Seed, compare
from .table import grouped, table

TAKES = ("seeds", "quick", "jobs", "out", "svg", "task", "text", "generate", "list_methods")


def run(options: argparse.Namespace) -> int:
    """Compare on a text."""
    apart = (*TAKES, "command", "run", "default_seeds", "default_out")
    if more := [f"--{name}" for name, value in vars(options).items() if value and name not in apart]:
        raise arguments.error(ValueError, "refquant compare", "`--task text` must stand with "
                              f"{', '.join('--' + name.replace('_', '-') for name in TAKES if name != 'task')} alone",
                              " ".join(more), "the other options are about the network of digits")
    if options.list_methods:
        echo(listed({name: method.about for name, method in METHODS.items()}))
        return 0
    options.default_out = "comparison-text"
    seeds, jobs, epochs = runs("compare", options, 1_000)
    text = lm.read(options.text) if options.text else lm.alice()
    for seed in range(min(seeds, 10)):
        lm.split(text, seed)  # refused now, not in the tenth minute
    wrote = number("compare", "--generate", options.generate, most=100_000, example=200) if options.generate else 0
    share = epochs / 60
    plan = Plan(text, round(1500 * share), round(300 * share), wrote)
    folder = writable_folder("refquant compare", folder_for(options))
    found = compare(plan, seeds, jobs, folder)
    records = [record for seed in found for record in seed["records"]]
    anchors = lm.anchors(text)
    written = save(records, found[0], anchors, folder, options.svg)
    echo(fitted(table(records, anchors)), *_samples(found[0]["samples"] if wrote else {}), f"\n{written}")
    return 0


def save(records: Sequence[Record], first: Seed, anchors: Mapping[str, float], folder: Path,
         svg: bool = False) -> results.Written:
    """text.csv, text.json and the figures, all or none."""
    found = grouped(records)
    drawn = {"text_bits.png": figures.bits_against_width(found, anchors),
             "text_channels.png": figures.channel_maxima(first["channels"]),
             "text_outliers.png": figures.outliers_against_cures(found),
             "text_training.png": figures.training_curves(first["curves"])}
    return results.save("compare --task text", folder, {
        "text.csv": results.csv(records), "text.json": json.dumps(list(records), indent=1, allow_nan=False) + "\n",
        **results.pictures("compare --task text", drawn, svg)})


def _samples(samples: Mapping[str, str]) -> list[str]:
    """What each model wrote, from the same random numbers."""
    return [line for name, text in samples.items() for line in ("", f"{name}:", text)]
