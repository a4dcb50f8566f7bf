"""In which aspects two networks differ, and the words that name an aspect: a reading compares what its words name."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .experiments import Observation
from .verdicts import Reading, Sentence, matching


class Aspect(NamedTuple):
    """The columns of a record that tell it, and words of which one must stand where two networks differ in it."""

    columns: tuple[str, ...]
    words: tuple[str, ...]


#: What has no weights or inputs to be quantized differs in quantization, not in each aspect of it.
OF_QUANTIZATION = {
    "bits": Aspect(("weight_grid", "activation_grid"), ("bits",)),
    "weight ranges": Aspect(("weight_rule", "weight_granularity"), (
        "min-max", "least mse", "per tensor", "per channel", "blocks")),
    "input ranges": Aspect(("activation_rule", "activation_range"), (
        "static", "dynamic", "percentile", "moving", "least mse")),
    "rounding": Aspect(("rounding",), ("adaround", "strong ptq")),
    "biases": Aspect(("biases",), ("corrected biases", "strong ptq")),
    "equalization": Aspect(("scales",), ("equalized",)),
}
ASPECTS = {
    "quantization": Aspect((), ("float",)), **OF_QUANTIZATION,
    "training": Aspect(("training",), ("qat", "straight-through", "learned steps")),
    "steps": Aspect(("training_steps",), ("steps", "epochs")),
    "labels": Aspect(("taught_by",), ("labels",)),
    "optimizer": Aspect(("optimizer",), ("adam minus sgd",)),
    "start": Aspect(("float_epochs",), ("trained as long", "from scratch", "in float")),
    "data": Aspect(("training_images", "calibration_images", "data", "images"), ("image", "noise", "digit", "bright")),
    "place": Aspect(("place",), ()),
}
#: Columns that say nothing of a network that was not trained, or not calibrated.
WHERE_BOTH = {"training_steps", "training_images", "calibration_images", "taught_by", "optimizer"}
NOTHING = (0, "none")


def differences(a: Observation, b: Observation) -> set[str]:
    """The aspects in which two networks differ."""
    found = {name for name, aspect in ASPECTS.items() if any(_differ(a, b, column) for column in aspect.columns)}
    if (a["weight_rule"] == "none") == (b["weight_rule"] == "none"):
        return found
    return found - set(OF_QUANTIZATION) | {"quantization"}


def _differ(a: Observation, b: Observation, column: str) -> bool:
    x, y = a.get(column), b.get(column)
    return x != y and not (column in WHERE_BOTH and (x in NOTHING or y in NOTHING))


def compared(reading: Reading, records: Sequence[Observation]) -> set[str]:
    """The aspects in which a reading's sides differ, and its control from them, in any seed."""
    first, *others = (matching(records, where) for where in reading.sides[:3])
    return {aspect for a in first for side in others for b in side if a["seed"] == b["seed"]
            for aspect in differences(a, b)}


def unnamed(sentence: Sentence, reading: Reading) -> set[str]:
    """The aspects that a reading declares and that neither its words nor its sentence's name."""
    said = f"{reading.says} {sentence.says}".lower()
    return {aspect for aspect in reading.differ if not any(word in said for word in ASPECTS[aspect].words)}
