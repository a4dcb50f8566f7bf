"""No reading compares two networks that differ in more than its words name."""
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from refquant.grids import UINT2, IntGrid
from refquant.study.claims import Reading, Sentence, sentences
from refquant.study.claims.advice import COLUMNS, spent
from refquant.study.claims.experiments.after_training import LSQ, STRONG
from refquant.study.claims.run import unpacked
from refquant.study.claims.verdicts import matching
from refquant.study.claims.words import paragraphs
from refquant.study.compare.methods import all_methods
from refquant.study.compare.recipe import made_by


class Aspect(NamedTuple):
    """The columns of a record that tell it, and words of which one must stand where two networks differ in it."""

    columns: tuple[str, ...]
    words: tuple[str, ...]


#: What has no weights or inputs to be quantized differs in quantization, not in each aspect of it.
OF_QUANTIZATION = {
    "bits": Aspect(("weight_grid", "activation_grid", "weight_bits", "activation_bits", "cache_bits"), ("bits",)),
    "weight ranges": Aspect(("weight_rule", "weight_granularity"), (
        "min-max", "least mse", "per tensor", "per channel", "blocks")),
    "input ranges": Aspect(("activation_rule", "activation_range"), (
        "static", "dynamic", "percentile", "moving", "least mse")),
    "rounding": Aspect(("rounding",), ("adaround", "strong ptq", "gptq")),
    "biases": Aspect(("biases",), ("corrected biases", "strong ptq")),
    "equalization": Aspect(("scales",), ("equalized", "smoothquant")),
    "rotation": Aspect(("rotated",), ("rotated",)),
}
ASPECTS = {
    "quantization": Aspect((), ("float",)), **OF_QUANTIZATION,
    "training": Aspect(("training",), ("qat", "straight-through", "learned steps")),
    "steps": Aspect(("training_steps",), ("steps", "epochs")),
    "labels": Aspect(("taught_by",), ("labels",)),
    "start": Aspect(("float_epochs", "float_training_steps"), ("trained as long", "from scratch", "in float")),
    "data": Aspect(("training_images", "calibration_images", "calibration_characters", "data", "images"), (
        "image", "noise", "digit", "bright", "window", "capital letters")),
    "place": Aspect(("place", "hidden"), ()),
    "format": Aspect(("format",), ("e4m3", "nf4", "mxfp8", "mxfp4")),
    "outliers": Aspect(("outliers",), ("times larger",)),
}
#: Columns that say nothing of a network that was not trained, or not calibrated.
WHERE_BOTH = {"training_steps", "training_images", "calibration_images", "calibration_characters", "taught_by",
              "rounding"}
NOTHING = (0, "none")


def differences(a: dict[str, Any], b: dict[str, Any]) -> set[str]:
    """The aspects in which two networks differ."""
    found = {name for name, aspect in ASPECTS.items() if any(_differ(a, b, column) for column in aspect.columns)}
    if _is_float(a) == _is_float(b):
        return found
    return found - set(OF_QUANTIZATION) | {"quantization"}


def _is_float(r: dict[str, Any]) -> bool:
    return r.get("weight_rule") == r.get("activation_rule") == "none" and r.get("cache_bits", 32) == 32


def _differ(a: dict[str, Any], b: dict[str, Any], column: str) -> bool:
    x, y = a.get(column), b.get(column)
    return x != y and not (column in WHERE_BOTH and (x in NOTHING or y in NOTHING))


def compared(reading: Reading, records: list[dict[str, Any]]) -> set[str]:
    """The aspects in which a reading's sides differ, and its control from them, in any seed."""
    first, *others = (matching(records, where) for where in reading.sides[:3])
    return {aspect for a in first for side in others for b in side if a["seed"] == b["seed"]
            for aspect in differences(a, b)}


def unnamed(sentence: Sentence, reading: Reading) -> set[str]:
    """The aspects that a reading declares and that neither its words nor its sentence's name."""
    said = f"{reading.says} {sentence.says}".lower()
    return {aspect for aspect in reading.differ if not any(word in said for word in ASPECTS[aspect].words)}


RECORDS = Path(__file__).resolve().parents[3] / ".readme" / "claims" / "records"
#: Of text, where its records are there.
READINGS = [(s, r) for s in sentences() for r in s.readings if (RECORDS / f"{r.of or s.experiment}.json").exists()]
QAT = next(s for s in sentences() if s.id == "qat-improves")


@pytest.fixture(scope="module")
def published() -> dict[str, list[Any]]:
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in RECORDS.glob("*.json")}
    return {name: unpacked(file) if "records" in file else file for name, file in found.items()}


@pytest.mark.parametrize(("sentence", "reading"), READINGS, ids=[r.id for _, r in READINGS])
def test_a_reading_declares_what_differs_and_its_words_name_it(
        sentence: Sentence, reading: Reading, published: dict[str, list[Any]]) -> None:
    assert compared(reading, published[reading.of or sentence.experiment]) == set(reading.differ) > set()
    assert unnamed(sentence, reading) == set()


def test_one_rule_fixes_the_primary_readings() -> None:
    """At 4 bits, or at the width that the sentence names, FP8's; with one exception, which the page tells."""
    other = {s.id for s in sentences() for r in s.readings if s.primary(r)
             and not re.search(r"\b(W4|W8A4|A4|KV4|NF4|MXFP4|4 bits)", r.says)}
    assert other == {"fp8-better", "outliers-hard"}
    assert "outliers are judged at 8 bits" in paragraphs()[-1]


def test_methods_stand_from_the_cheapest_to_the_dearest(published: dict[str, list[Any]]) -> None:
    """By the medians of the seconds, at each width; QAT last, though AdaRound takes longer on digits, which is said."""
    for task, widths in spent(published).items():
        for width, methods in widths.items():
            full = {name: by[-1].at for name, by in methods.items() if name != LSQ}
            assert sorted(full, key=full.__getitem__) == [m for m in COLUMNS[task].methods if m in full], width
            assert (full.get(STRONG, 0) > max(p.at for p in methods[LSQ])) == (task == "digits")
            assert COLUMNS[task].methods[-1] == LSQ
    assert "although AdaRound takes longer on digits" in paragraphs()[1]


def record(method: str, **more: Any) -> dict[str, Any]:
    """Of seed 0, at W2A2, in the method's own words."""
    grids = None if method.startswith("float") else (IntGrid(2, narrow=True), UINT2)
    return {"seed": 0, "method": method, **made_by(all_methods()[method].recipe, grids, 60, 1257, 256), **more}


def old(differ: tuple[str, ...], says: str = "W2A2: straight-through QAT against strong PTQ") -> Reading:
    return Reading("old", says, {"method": "qat-ste-moving"}, {"method": "ptq-static-adaround"}, differ=differ)


def test_the_unfair_pair_of_the_first_edition_is_refused() -> None:
    records = [record("qat-ste-moving"), record("ptq-static-adaround")]
    fair = "training", "rounding", "biases"
    assert compared(old(fair), records) - set(fair) == {"weight ranges", "input ranges"}, "it differs in more"
    honest = old((*fair, "weight ranges", "input ranges"))
    assert compared(honest, records) == set(honest.differ)
    assert unnamed(QAT, honest) == {"weight ranges", "input ranges"}, "its words do not say so"


def test_the_pairs_of_the_comparison_differ_in_training_alone() -> None:
    for qat, ptq in (("qat-ste-minmax", "ptq-static-minmax"), ("qat-ste-mse", "ptq-static-mse"),
                     ("qat-lsq", "ptq-static-mse"), ("qat-lsq", "qat-ste-mse")):
        assert differences(record(qat), record(ptq)) == {"training"}


@pytest.mark.parametrize(("more", "aspect"), [
    ({"weight_grid": "INT4"}, "bits"), ({"weight_granularity": "output"}, "weight ranges"),
    ({"activation_range": "each image"}, "input ranges"), ({"rounding": "AdaRound"}, "rounding"),
    ({"biases": "corrected"}, "biases"), ({"scales": "equalized"}, "equalization"), ({"training_steps": 20}, "steps"),
    ({"taught_by": "teacher"}, "labels"), ({"float_epochs": 0}, "start"), ({"images": 10}, "data"),
    ({"place": "elsewhere"}, "place"), ({"hidden": "64-64"}, "place"), ({"format": "NF4"}, "format"),
    ({"cache_bits": 4}, "bits"), ({"rotated": "qkv"}, "rotation"), ({"outliers": 100}, "outliers")])
def test_every_aspect_is_seen(more: dict[str, Any], aspect: str) -> None:
    one = record("qat-ste-minmax", taught_by="labels", float_epochs=60, place="here", images=1257)
    assert differences(one, {**one, **more}) == differences({**one, **more}, one) == {aspect}
    assert differences(one, one) == set() and aspect in ASPECTS


def test_what_an_untrained_or_a_float_network_lacks_is_no_difference_of_its_own() -> None:
    trained, quantized, network = record("qat-ste-minmax"), record("ptq-static-minmax"), record("float")
    assert differences(trained, quantized) == {"training"}, "steps and images to train on follow"
    assert differences(quantized, network) == {"quantization"}, "grids, ranges and calibration follow"
    assert differences(trained, network) == {"quantization", "training"}


@pytest.mark.parametrize("aspect", [name for name in ASPECTS if ASPECTS[name].words])
def test_a_silent_reading_names_nothing(aspect: str) -> None:
    silent = QAT._replace(says="It is better.")
    assert unnamed(silent, old((aspect,), "here: this against that")) == {aspect}
    assert all(unnamed(silent, old((aspect,), f"here: {word.upper()}")) == set() for word in ASPECTS[aspect].words)
