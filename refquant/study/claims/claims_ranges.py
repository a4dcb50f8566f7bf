"""What is said of static and dynamic clipping ranges."""

from __future__ import annotations

from .claims_ptq import QUANTIZED, WU
from .experiments.after_training import NAIVE
from .experiments.static_dynamic import CLE, MSE, P99, PER_BATCH, PER_IMAGE
from .verdicts import DECIBELS, MORE, POINTS, Reading, Rule, Sentence, Where

SURVEY = ("Gholami et al. 2021, arXiv:2103.13630", "https://arxiv.org/abs/2103.13630")
ZEROQUANT = ("Yao et al. 2022, arXiv:2206.01861", "https://arxiv.org/abs/2206.01861")
DFQ = ("Nagel et al. 2019, arXiv:1906.04721", "https://arxiv.org/abs/1906.04721")
SMOOTH = ("Xiao et al. 2022, arXiv:2211.10438", "https://arxiv.org/abs/2211.10438")
PACT = ("Choi et al. 2018, arXiv:1805.06085", "https://arxiv.org/abs/1805.06085")
HOT = "a hot pixel in 2 %"


#: Static rules, as readings call them.
STATIC = {P99: "percentile 99", NAIVE: "min-max", MSE: "least MSE", CLE: "min-max, equalized"}


def _dynamic(sentence: str, value: str, rule: Rule, bits: int, static: str = MSE, method: str = PER_IMAGE) -> Reading:
    each, name = ("image", STATIC[static].split()[-1]) if method == PER_IMAGE else ("batch", "batch")
    return Reading(f"{sentence}.{name}.{bits}", f"A{bits}: dynamic per {each}, by min-max, against one static range, "
                   f"by {STATIC[static]}", {"method": method, "bits": bits}, {"method": static, "bits": bits}, value,
                   rule, ("input ranges",))


def _place(id: str, says: str, place: str, bits: int, static: str = P99) -> Reading:
    at: Where = {"place": place, "bits": bits}
    differ = ("input ranges", "equalization") if static == CLE else ("input ranges",)
    return Reading(f"{id}.{bits}", f"A{bits}, {says}: dynamic per image against static, by {STATIC[static]}",
                   {"method": PER_IMAGE, **at}, {"method": static, **at}, "accuracy", POINTS, differ)


def _hot(sentence: str, says: str, method: str, static: str, *differ: str) -> Reading:
    """A hot pixel in some images: a method against a static rule."""
    id = "hot" if static == P99 else STATIC[static].split()[0]
    return Reading(f"{sentence}.{id}.4", f"A4, {HOT} of the images: {says} against static, by "
                   f"{STATIC[static]}", {"method": method, "place": HOT, **({} if method == "float" else {"bits": 4})},
                   {"method": static, "bits": 4, "place": HOT}, "accuracy", POINTS, differ)


RANGES = (
    Sentence(
        "dynamic-precise", "Dynamic is more precise.", "dynamic", (
            *(_dynamic("dynamic-precise", "logit_sqnr_db", DECIBELS, bits) for bits in (4, 8, 2)),
            _dynamic("dynamic-precise", "logit_sqnr_db", DECIBELS, 8, NAIVE),
            _dynamic("dynamic-precise", "logit_sqnr_db", DECIBELS, 4, method=PER_BATCH)),
        "Precision is the distance of the logits from the float network's, in decibels. Against a static min-max range "
        "the gain is plain; against a static range of least error it shrinks as bits fall, because a range that clips "
        "well need not be the input's own. It is the range for each image that gains: one range for each batch, by "
        "min-max, loses to the static one of least error.",
        "Qualitatively. The gain depends on how much inputs differ from each other, and digits differ little.",
        (SURVEY, ZEROQUANT)),
    Sentence(
        "dynamic-accurate", "Dynamic is generally more accurate.", "dynamic", (
            *(_dynamic("dynamic-accurate", "cross_entropy", MORE, bits) for bits in (4, 8)),
            _dynamic("dynamic-accurate", "cross_entropy", MORE, 4, NAIVE),
            _dynamic("dynamic-accurate", "cross_entropy", MORE, 4, method=PER_BATCH)),
        "Decibels gained need not show in predictions. On digits, what dynamic ranges gain over static min-max, a well "
        "chosen static range gains too. On text a range for each token wins at 4 bits; one for each batch, which "
        "shares its range among as many values as a static one does, loses there.",
        "Often claimed, seldom measured. It holds where inputs differ in size (the next sentence) and in language "
        "models with outliers in few tokens.", (SURVEY, WU)),
    Sentence(
        "dynamic-varied", "Dynamic is more accurate where inputs differ in size.", "shifts", (
            _place("dynamic-varied.gain", "images of different brightness", "images of different gain", 4),
            _place("dynamic-varied.bright", "4 times as bright as calibrated", "4 times as bright", 8)),
        "A range for each input wins where inputs differ from the calibration data, and at few bits where they differ "
        "from each other. Accuracy is the measure: brightness "
        "changes the size of the logits, hence the cross-entropy, of the float network too.",
        "Yes: tokens differ in size, so language models use dynamic ranges per token.", (ZEROQUANT,)),
    Sentence(
        "dynamic-always", "Dynamic is more accurate whatever the data.", "shifts", (
            *(_hot("dynamic-always", "dynamic per image", PER_IMAGE, static, "input ranges")
              for static in (P99, NAIVE, MSE)),
            _place("dynamic-always.channels", "channels 100 times larger", "channels 100 times larger", 4, CLE)),
        "It loses to a percentile that cuts a hot pixel off, and where what is wrong is not the range: channels of "
        "different size need equalization. Both places were made to show it, and the percentile was chosen to cut: one "
        "exception is enough against \"whatever\". Against static min-max, dynamic ranges win there too.",
        "Qualitatively: outlier channels of language models defeat dynamic ranges, and are smoothed away beforehand.",
        (SMOOTH, DFQ)),
    Sentence(
        "only-lose", "Quantization can only lose accuracy.", "shifts", (
            *(_hot("only-lose", "float", "float", static, *QUANTIZED) for static in (P99, NAIVE, MSE)),
        ),
        "A percentile cuts off what lies above it. Where that is a fault of the sensor, the quantized network predicts "
        "such images better than the float one, although its logits are farther from the float ones. It is the "
        "clipping that helps, as a repair of the input: a min-max range, which does not clip, loses.",
        "Qualitatively: clipping outliers of activations is a method of its own.", (PACT,)),
)
