"""What is said of static and dynamic clipping ranges."""

from __future__ import annotations

from .claims_ptq import QUANTIZED, WU
from .experiments.after_training import NAIVE
from .experiments.static_dynamic import CLE, MSE, P99, PER_IMAGE
from .verdicts import DECIBELS, MORE, POINTS, Reading, Rule, Sentence, Where

SURVEY = ("Gholami et al. 2021, arXiv:2103.13630", "https://arxiv.org/abs/2103.13630")
ZEROQUANT = ("Yao et al. 2022, arXiv:2206.01861", "https://arxiv.org/abs/2206.01861")
DFQ = ("Nagel et al. 2019, arXiv:1906.04721", "https://arxiv.org/abs/1906.04721")
SMOOTH = ("Xiao et al. 2022, arXiv:2211.10438", "https://arxiv.org/abs/2211.10438")
PACT = ("Choi et al. 2018, arXiv:1805.06085", "https://arxiv.org/abs/1805.06085")
HOT = "a hot pixel in 2 %"


def _dynamic(sentence: str, value: str, rule: Rule, bits: int, static: str = MSE) -> Reading:
    name = "least MSE" if static == MSE else "min-max"
    return Reading(f"{sentence}.{name.split()[-1]}.{bits}", f"A{bits}: dynamic per image against static, by {name}",
                   {"method": PER_IMAGE, "bits": bits}, {"method": static, "bits": bits}, value, rule,
                   ("input ranges",))


def _place(id: str, says: str, place: str, bits: int, static: str = P99) -> Reading:
    at: Where = {"place": place, "bits": bits}
    name = "percentile 99" if static == P99 else "min-max, equalized"
    differ = ("input ranges",) if static == P99 else ("input ranges", "equalization")
    return Reading(f"{id}.{bits}", f"A{bits}, {says}: dynamic against static, by {name}", {"method": PER_IMAGE, **at},
                   {"method": static, **at}, "accuracy", POINTS, differ)


RANGES = (
    Sentence(
        "dynamic-precise", "Dynamic is more precise.", "dynamic", (
            *(_dynamic("dynamic-precise", "logit_sqnr_db", DECIBELS, bits) for bits in (4, 8, 2)),
            _dynamic("dynamic-precise", "logit_sqnr_db", DECIBELS, 8, NAIVE)),
        "Precision is the distance of the logits from the float network's, in decibels. Against a static min-max range "
        "the gain is plain; against a static range of least error it shrinks as bits fall, because a range that clips "
        "well need not be the input's own.",
        "Qualitatively. The gain depends on how much inputs differ from each other, and digits differ little.",
        (SURVEY, ZEROQUANT)),
    Sentence(
        "dynamic-accurate", "Dynamic is generally more accurate.", "dynamic", (
            *(_dynamic("dynamic-accurate", "cross_entropy", MORE, bits) for bits in (4, 8, 2)),
            _dynamic("dynamic-accurate", "cross_entropy", MORE, 4, NAIVE)),
        "Decibels gained need not show in predictions. Most of what dynamic ranges gain over static min-max, a well "
        "chosen static range gains too.",
        "Often claimed, seldom measured. It holds where inputs differ in size (the next sentence) and in language "
        "models with outliers in few tokens.", (SURVEY, WU)),
    Sentence(
        "dynamic-varied", "Dynamic is more accurate where inputs differ in size.", "shifts", (
            *(_place("dynamic-varied.gain", "images of different gain", "images of different gain", bits)
              for bits in (4, 8)),
            _place("dynamic-varied.bright", "4 times as bright as calibrated", "4 times as bright", 8)),
        "A range for each input wins where inputs differ from the calibration data, and at few bits where they differ "
        "from each other. The static rule, percentile 99, was named in advance. Accuracy is the measure: brightness "
        "changes the size of the logits, hence the cross-entropy, of the float network too.",
        "Yes: tokens differ in size, so language models use dynamic ranges per token.", (ZEROQUANT,)),
    Sentence(
        "dynamic-always", "Dynamic is more accurate whatever the data.", "shifts", (
            *(_place("dynamic-always.hot", "a hot pixel in 2 % of the images", HOT, bits) for bits in (4, 8)),
            *(_place("dynamic-always.channels", "channels 100 times larger", "channels 100 times larger", bits, CLE)
              for bits in (4, 8))),
        "It loses where a cut repairs the input, as that of a hot pixel, and where what is wrong is not the range: "
        "channels of different size need equalization. Both places were made to show it: one exception is enough "
        "against \"whatever\".",
        "Qualitatively: outlier channels of language models defeat dynamic ranges, and are smoothed away beforehand.",
        (SMOOTH, DFQ)),
    Sentence(
        "only-lose", "Quantization can only lose accuracy.", "shifts", (
            Reading("only-lose.4", "A4, a hot pixel in 2 % of the images: float against static, percentile 99",
                    {"method": "float", "place": HOT}, {"method": P99, "bits": 4, "place": HOT}, "accuracy", POINTS,
                    QUANTIZED),),
        "A static range cuts off what lies outside it. Where that is a fault of the sensor, the quantized network "
        "predicts such images better than the float one, although its logits are farther from the float ones. It is "
        "the clipping that helps, as a repair of the input.",
        "Qualitatively: clipping outliers of activations is a method of its own.", (PACT,)),
)
