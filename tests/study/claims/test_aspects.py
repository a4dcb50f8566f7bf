"""No reading compares two networks that differ in more than its words name."""
import json
from pathlib import Path
from typing import Any

import pytest

from refquant.grids import UINT2, IntGrid
from refquant.study.claims import Reading, Sentence, sentences
from refquant.study.claims.aspects import ASPECTS, compared, differences, unnamed
from refquant.study.claims.run import unpacked
from refquant.study.compare.methods import all_methods
from refquant.study.compare.recipe import made_by

RECORDS = Path(__file__).resolve().parents[3] / ".readme" / "claims" / "records"
READINGS = [(s, r) for s in sentences() for r in s.readings if r.less is not None]
QAT = next(s for s in sentences() if s.id == "qat-improves")


@pytest.fixture(scope="module")
def published() -> dict[str, list[Any]]:
    return {path.stem: unpacked(json.loads(path.read_text(encoding="utf-8"))) for path in RECORDS.glob("*.json")}


@pytest.mark.parametrize(("sentence", "reading"), READINGS, ids=[r.id for _, r in READINGS])
def test_a_reading_declares_what_differs_and_its_words_name_it(
        sentence: Sentence, reading: Reading, published: dict[str, list[Any]]) -> None:
    assert compared(reading, published[sentence.experiment]) == set(reading.differ) > set()
    assert unnamed(sentence, reading) == set()


def record(method: str, **more: Any) -> dict[str, Any]:
    """Of seed 0, at W2A2, in the method's own words."""
    grids = None if method.startswith("float") else (IntGrid(2, narrow=True), UINT2)
    return {"seed": 0, "method": method, **made_by(all_methods()[method].recipe, grids, 60, 1257, 256), **more}


def old(differ: tuple[str, ...], says: str = "W2A2: straight-through QAT minus strong PTQ") -> Reading:
    return Reading("old", says, "accuracy", {"method": "qat-ste-moving"}, {"method": "ptq-static-adaround"},
                   differ=differ)


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
    ({"taught_by": "teacher"}, "labels"), ({"optimizer": "SGD"}, "optimizer"), ({"float_epochs": 0}, "start"),
    ({"images": 10}, "data"), ({"place": "elsewhere"}, "place")])
def test_every_aspect_is_seen(more: dict[str, Any], aspect: str) -> None:
    one = record("qat-ste-minmax", taught_by="labels", optimizer="Adam", float_epochs=60, place="here", images=1257)
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
    assert unnamed(silent, old((aspect,), "here: this minus that")) == {aspect}
    assert all(unnamed(silent, old((aspect,), f"here: {word.upper()}")) == set() for word in ASPECTS[aspect].words)
