"""What is said of post-training quantization (PTQ)."""

from __future__ import annotations

from typing import Any

from .experiments.after_training import GPTQ, LSQ, MSE, NAIVE, STRONG
from .verdicts import SAME, Reading, Sentence

WHITE_PAPER = ("Nagel et al. 2021, arXiv:2106.08295", "https://arxiv.org/abs/2106.08295")
WU = ("Wu et al. 2020, arXiv:2004.09602", "https://arxiv.org/abs/2004.09602")
KRISHNAMOORTHI = ("Krishnamoorthi 2018, arXiv:1806.08342", "https://arxiv.org/abs/1806.08342")
FRANTAR = ("Frantar et al. 2022, arXiv:2210.17323", "https://arxiv.org/abs/2210.17323")
FLOAT = {"method": "float"}
SIZES = ("64-64", "128-64")
#: In what two sides differ: QAT and PTQ on the same ranges; QAT and strong PTQ, on the same ranges too.
QUANTIZED, TRAINED, TRAINED_OR_STRONG = ("quantization",), ("training",), ("training", "rounding", "biases")


def _lost(bits: int, method: str, name: str) -> Reading:
    return Reading(f"ptq-degrades.{name}.{bits}", f"W{bits}A{bits}: float against {name} PTQ", FLOAT,
                   {"method": method, "bits": bits}, differ=QUANTIZED)


def _few(id: str, seen: str, images: int, bits: int, method: str) -> Reading:
    rule = "min-max" if method == NAIVE else "least MSE"
    return Reading(f"ptq-few-images.{id}", f"{seen}, W8A{bits}, {rule}: calibrated with these against with all",
                   {"method": method, "bits": bits, "images": images}, {"method": method, "bits": bits, "images": 1257},
                   rule=SAME, differ=("data",))


def _rounded(id: str, width: str, of: str = "", **at: Any) -> Reading:
    return Reading(f"gptq-better.{id}", f"{width}: GPTQ against the nearest, both on ranges of least MSE",
                   {"method": GPTQ, **at}, {"method": MSE, **at}, differ=("rounding",), of=of)


PTQ = (
    Sentence(
        "ptq-degrades", "PTQ may degrade the model.", "qat", (
            *(_lost(bits, NAIVE, "min-max") for bits in (4, 8, 2)),
            *(_lost(bits, STRONG, "strong") for bits in (8, 4)),
            *(Reading(f"ptq-degrades.{hidden}", f"W4A4, hidden layers of {hidden}: float against min-max PTQ",
                      {**FLOAT, "hidden": hidden}, {"method": NAIVE, "bits": 4, "hidden": hidden}, differ=QUANTIZED,
                      of="sizes") for hidden in SIZES)),
        "Nothing that matters is lost at 8 bits. Below, what is lost depends on the method as much as on the bits. "
        "(\"May\" asks for one case, so this sentence can hardly be refuted. The size of this page's network, 32-32, "
        "was chosen because there losses can be seen.)",
        "Yes. Some networks lose all at 8 bits by min-max alone (MobileNets, before equalization), most lose nothing "
        "with better ranges; language models lose by outliers among activations.", (WHITE_PAPER, KRISHNAMOORTHI)),
    Sentence(
        "gptq-better", "GPTQ is better than rounding each weight to the nearest code.", "qat", (
            _rounded("4", "W4A4", bits=4), _rounded("2", "W2A2", bits=2),
            _rounded("2.weights", "W2A8", "sides", bits=2, side="weights")),
        "Both round to the same grid, on the same ranges. GPTQ lets the weights that are rounded later make good what "
        "the earlier ones did to the layer's output on the calibration images.",
        "Yes: it is how 3 and 4 bits became usual for the weights of language models.", (FRANTAR,)),
    Sentence(
        "ptq-little-data", "PTQ needs less data than QAT.", "data-size", (
            *(Reading(f"ptq-little-data.{n}.{bits}", f"W{bits}A{bits}, {n} images: strong PTQ against QAT",
                      {"method": STRONG, "bits": bits, "images": n}, {"method": LSQ, "bits": bits, "images": n},
                      differ=TRAINED_OR_STRONG)
              for bits, n in ((4, 100), (4, 10), (4, 1257), (2, 10), (2, 100), (2, 1257))),
            *(Reading(f"ptq-little-data.alone.{bits}", f"W{bits}A{bits}: strong PTQ with 100 images, against all",
                      {"method": STRONG, "bits": bits, "images": 100}, {"method": STRONG, "bits": bits, "images": 1257},
                      rule=SAME, differ=("data",)) for bits in (4, 2))),
        "Both start from the same float network and get the same images. QAT takes the same number of steps whatever "
        "their number, and its learning rate was tuned for none of them. With the fewest images PTQ leads on average, "
        "with more images it leads by less or loses.",
        "Qualitatively: 500 to 1,000 images calibrate large networks too; where the lines cross depends on network, "
        "task and widths.", (WHITE_PAPER,)),
    Sentence(
        "ptq-few-images", "A few images calibrate as well as all.", "calibration", (
            _few("8.A4", "8 images", 8, 4, MSE), _few("1.A8", "1 image", 1, 8, NAIVE),
            _few("minmax.A3", "2 images", 2, 3, NAIVE), _few("noise.A8", "noise", 0, 8, NAIVE)),
        "Static ranges of activations were set by 1, 2, 8, ... and all training images, and by noise of the pixels' "
        "mean and deviation; on text by windows of 64 characters, or by all of it. Min-max ranges can only grow with "
        "more images, which can cost at few bits; ranges of least error settle.",
        "Mostly: about 200 to 1,000 images are usual for vision networks. Language models need text like the text "
        "they will see.", (WHITE_PAPER, WU)),
)
