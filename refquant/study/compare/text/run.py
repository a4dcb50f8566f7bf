"""A seed of the comparison on text: one float model, every method at each of its widths, all on the held-out tenth."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from .... import __version__, lm
from ....files import write
from ....lm.training import Watch
from ....methods import gptq
from ...jobs import run
from ...results import count
from .methods import (
    CALIBRATION,
    METHODS,
    NO_INPUTS,
    NO_WEIGHTS,
    ROUNDINGS,
    TRAININGS,
    Method,
    Shared,
    Width,
    model,
    stream,
)

EVERY = 10  # training steps that share a point of a curve
OUTLIERS = 100  # the factor of the channels that the picture shows


class Plan(NamedTuple):
    """What is asked for, seeds apart: the text, steps of float training and QAT, characters that each model writes."""

    text: str
    steps: int = 1500
    qat_steps: int = 300
    generate: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        """What a finished seed must have been made with, to be kept."""
        return {"version": __version__, "text_sha256": hashlib.sha256(self.text.encode()).hexdigest(),
                "steps": self.steps, "qat_steps": self.qat_steps, "methods": list(METHODS)}


class Made(TypedDict):
    """What a model is made of."""

    weight_rule: str
    weight_granularity: str
    activation_rule: str
    activation_range: str
    rounding: str
    scales: str
    rotated: str
    float_training_steps: int
    training: str
    training_steps: int
    calibration_characters: int


class Measured(TypedDict):
    """What it does.

    Bits are 32 for float32; bits_per_character on the held-out tenth; seconds are processor time to train the model,
    or to make this one of it; outliers is what two channels were multiplied by, 1 for the model as trained.
    """

    method: str
    weight_bits: int
    activation_bits: int
    cache_bits: int
    outliers: int
    seed: int
    bits_per_character: float
    seconds: float
    model_bytes: int


class Record(Measured, Made):
    """One model: what it does, and what it is made of."""


class Seed(TypedDict):
    """What one seed gives: its records; curves of training; the channels' maxima; what each model wrote."""

    records: list[Record]
    curves: dict[str, list[float]]
    channels: dict[str, dict[str, list[float]]]
    samples: dict[str, str]


def run_seed(plan: Plan, seed: int) -> Seed:
    """Train one float model, quantize it by every method, measure all of them on the same tenth of the text."""
    longer = list[float]()
    shared, seconds = prepare(plan, seed, partial(_note, longer))
    found = Seed(records=[], curves={"float-longer": _means(longer)}, channels=_channels(shared), samples={})
    for name, method in METHODS.items():
        for width in method.widths:
            losses, began = list[float](), time.process_time()
            made = model(method, width, shared, partial(_note, losses))
            took = seconds[name] if name in seconds else time.process_time() - began
            found["records"].append(_record(plan, name, width, made, took, shared))
            if losses:
                found["curves"][f"{name} {width}"] = _means(losses)
            if plan.generate and seed == 0:
                found["samples"][f"{name} {width}"] = lm.generate(
                    made, plan.generate, stream(seed, "sample"), plan.text[0])[1:]
    return found


def prepare(plan: Plan, seed: int, watch: Watch | None = None) -> tuple[Shared, dict[str, float]]:
    """The seed's split, its float model and the one trained longer, which watch sees; both trainings' seconds."""
    split, began = lm.split(plan.text, seed), time.process_time()
    start = lm.init(stream(seed, "init"), split.symbols)
    trained = lm.train(start, split.train, rng=stream(seed, "train"), steps=plan.steps)
    between = time.process_time()
    longer = lm.train(trained, split.train, rng=stream(seed, "qat"), steps=plan.qat_steps, lr=2e-3,
                      watch=watch)
    took = {"float": between - began, "float-longer": time.process_time() - between}
    return Shared(split, trained, longer, plan.qat_steps, seed), took


def compare(plan: Plan, seeds: int, jobs: int, folder: Path) -> list[Seed]:
    """Seeds 0 to seeds - 1. One that is in the folder, made with the same settings, is not made again."""
    kept = {seed: found for seed in range(seeds) if (found := _kept(plan, seed, _path(folder, seed))) is not None}
    missing = [seed for seed in range(seeds) if seed not in kept]
    if kept:
        print(f"refquant compare: {count(len(kept), 'finished seed')} kept from {folder}.", file=sys.stderr)

    def keep(i: int, found: Seed) -> None:
        write(_path(folder, missing[i]), json.dumps({"settings": plan.settings, **found}, allow_nan=False) + "\n")

    made = run(partial(run_seed, plan), missing, min(jobs, max(1, len(missing))), "seeds", keep)
    kept |= dict(zip(missing, made, strict=True))
    return [kept[seed] for seed in range(seeds)]


def _path(folder: Path, seed: int) -> Path:
    return folder / f"text_seed_{seed}.json"


def _kept(plan: Plan, seed: int, path: Path) -> Seed | None:
    """What a finished seed gave, if it was asked for the same, and wrote as much."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        wrote = {len(sample) for sample in found["samples"].values()} | {plan.generate}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    short = plan.generate > 0 and seed == 0 and (len(wrote) > 1 or not found["samples"])
    return None if short or found.pop("settings", None) != plan.settings else found


def _record(plan: Plan, name: str, width: Width, made: lm.LM, seconds: float, shared: Shared) -> Record:
    measured = Measured(
        method=name, weight_bits=width.weights, activation_bits=width.inputs, cache_bits=width.cache,
        outliers=width.outliers, seed=shared.seed, seconds=seconds, model_bytes=made.nbytes,
        bits_per_character=lm.bits_per_character(made, shared.split.held_out))
    return Record(**measured, **made_of(METHODS[name], plan))


def made_of(method: Method, plan: Plan) -> Made:
    """The method in a record's words."""
    weights, inputs = method.weights or NO_WEIGHTS, method.inputs or NO_INPUTS
    looks = inputs.seen == "calibration" or method.smoothed or method.rounding is gptq
    return Made(weight_rule=weights.rule, weight_granularity=weights.share, activation_rule=inputs.rule,
                activation_range=inputs.seen, rounding=ROUNDINGS[method.rounding] if method.weights else "none",
                scales="smoothed" if method.smoothed else "as trained", rotated=" ".join(method.rotated) or "none",
                float_training_steps=plan.steps + plan.qat_steps * method.longer, training=TRAININGS[method.train],
                training_steps=round(method.share * plan.qat_steps) if method.train else 0,
                calibration_characters=CALIBRATION if looks else 0)


def _channels(shared: Shared) -> dict[str, dict[str, list[float]]]:
    """The largest |x| of each channel of each matrix's input, as trained and with outliers."""
    models = {"as trained": shared.model, f"x{OUTLIERS}": lm.with_outliers(shared.model, OUTLIERS)}
    return {name: {matrix: [float(v) for v in maxima]
                   for matrix, maxima in lm.channel_maxima(each, shared.calibration).items()}
            for name, each in models.items()}


def _note(losses: list[float], step: int, loss: float) -> None:  # noqa: ARG001
    losses.append(float(loss))


def _means(losses: list[float]) -> list[float]:
    """Of every so many steps."""
    parts = [losses[first:first + EVERY] for first in range(0, len(losses), EVERY)]
    return [sum(part) / len(part) for part in parts]
