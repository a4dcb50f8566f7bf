"""What is said of post-training quantization (PTQ)."""

from __future__ import annotations

from functools import partial

from .experiments.after_training import MSE, NAIVE, STRONG
from .experiments.during_training import LSQ, STE
from .figures import bars, effects, lines
from .verdicts import ALWAYS, MORE_TIMES, MUCH_MORE_TIMES, NEVER, SAME, Reading, Sentence

WHITE_PAPER = ("Nagel et al. 2021, arXiv:2106.08295", "https://arxiv.org/abs/2106.08295")
WU = ("Wu et al. 2020, arXiv:2004.09602", "https://arxiv.org/abs/2004.09602")
JACOB = ("Jacob et al. 2018, arXiv:1712.05877", "https://arxiv.org/abs/1712.05877")
KRISHNAMOORTHI = ("Krishnamoorthi 2018, arXiv:1806.08342", "https://arxiv.org/abs/1806.08342")
ADAROUND = ("Nagel et al. 2020, arXiv:2004.10568", "https://arxiv.org/abs/2004.10568")
BRECQ = ("Li et al. 2021, arXiv:2102.05426", "https://arxiv.org/abs/2102.05426")
FLOAT = {"method": "float"}
#: In what two sides differ: QAT and PTQ on the same ranges; QAT and strong PTQ, on the same ranges too.
QUANTIZED, TRAINED, TRAINED_OR_STRONG = ("quantization",), ("training",), ("training", "rounding", "biases")


def _lost(bits: int, method: str, name: str, on_top: bool) -> Reading:
    return Reading(f"ptq-degrades.{name}.{bits}", f"W{bits}A{bits}: float minus {name} PTQ", "accuracy", FLOAT,
                   {"method": method, "bits": bits}, on_top=on_top, differ=QUANTIZED)


def _few(id: str, seen: str, images: int, bits: int, method: str, on_top: bool = True) -> Reading:
    rule = "min-max" if method == NAIVE else "least MSE"
    return Reading(f"ptq-few-images.{id}", f"{seen}, W8A{bits}, {rule}: calibrated by this minus by all", "accuracy",
                   {"method": method, "bits": bits, "images": images}, {"method": method, "bits": bits, "images": 1257},
                   SAME, on_top, ("data",))


PTQ = (
    Sentence(
        "ptq-no-training", "PTQ converts an existing model without new training.", "conversion", (
            Reading("ptq-no-training.loss", "no gradient of the network's loss was called in any conversion",
                    "loss_gradients", {}, rule=NEVER),
            Reading("ptq-no-training.unchanged", "the float network has the same hash after every conversion",
                    "network_unchanged", {}, rule=ALWAYS),
            Reading("ptq-no-training.steps", "AdaRound: no gradient step of any kind", "gradient_steps",
                    {"method": STRONG}, rule=NEVER)),
        "Each conversion ran with its gradient calls counted and the float network hashed before and after. AdaRound "
        "learns by gradient which weights to round up, layer by layer, without labels. So PTQ may use gradients of a "
        "layer's own output, but not of the task's loss.",
        "Yes, by definition: a method that trains on the task's loss is no longer called PTQ.", (WHITE_PAPER, ADAROUND),
        partial(bars, value="gradient_steps", title="Gradient steps in one conversion", where={"bits": 4}),
        "Gradient steps taken by each conversion"),
    Sentence(
        "ptq-little-data", "PTQ needs little data, and less than QAT.", "data-size", (
            *(Reading(f"ptq-little-data.{n}.{bits}", f"W{bits}A{bits}, {n} images: strong PTQ minus QAT", "accuracy",
                      {"method": STRONG, "bits": bits, "images": n}, {"method": LSQ, "bits": bits, "images": n},
                      on_top=n in (10, 100), differ=TRAINED_OR_STRONG)
              for bits in (3, 2) for n in (10, 30, 100, 300, 1257)),),
        "Both start from the same float network and get the same images; QAT always takes the same number of steps. "
        "With the fewest images PTQ leads on average, with more images it leads by less. Where the lines cross, "
        "training begins to pay.",
        "Qualitatively: 500 to 1,000 images calibrate large networks too; where the lines cross depends on network, "
        "task and widths.", (WHITE_PAPER,),
        partial(lines, x="images", split="bits", xlabel="images, for both (log scale)", log_x=True,
                title="The same images for PTQ and QAT"),
        "Accuracy of PTQ and QAT against the number of images"),
    Sentence(
        "ptq-few-images", "A few images calibrate as well as all.", "calibration", (
            _few("1.A8", "1 image", 1, 8, NAIVE), _few("8.A4", "8 images", 8, 4, MSE, False),
            _few("8.A3", "8 images", 8, 3, MSE), _few("minmax.A3", "2 images", 2, 3, NAIVE),
            _few("noise.A8", "noise", 0, 8, NAIVE), _few("noise.A4", "noise", 0, 4, MSE, False)),
        "Static ranges of activations were set by 1, 2, 4, ... and all training images, and by noise of the pixels' "
        "mean and deviation. One image shows too little of the range: the logits move away by many "
        "decibels, and hardly a prediction changes. Min-max ranges can only grow with more images, which can "
        "cost accuracy at few bits; ranges of least error settle.",
        "Mostly: about 200 to 1,000 images are usual for vision networks. Language models need text like the text "
        "they will see.", (WHITE_PAPER, WU),
        partial(lines, x="images", split="bits", panel="W8A{0}", xlabel="calibration images (log scale)", log_x=True,
                zero="noise", title="How many images calibration needs"),
        "Accuracy against the number of calibration images"),
    Sentence(
        "ptq-fast", "PTQ is much faster to apply than QAT.", "cost", (
            *(Reading(f"ptq-fast.{id}", f"{name}: QAT's seconds over PTQ's", "seconds", {"method": qat},
                      {"method": ptq}, MUCH_MORE_TIMES, differ=differ)
              for id, name, qat, ptq, differ in (
                  ("minmax", "min-max", STE, NAIVE, TRAINED), ("mse", "least MSE", LSQ, MSE, TRAINED),
                  ("strong", "strong PTQ", LSQ, STRONG, TRAINED_OR_STRONG))),
            Reading("ptq-fast.labels", "AdaRound: no label was looked at", "labels", {"method": STRONG}, rule=NEVER,
                    on_top=False)),
        "Seconds of the processor, in the faster of two runs at W4A4, on one thread; much means ten times. QAT is "
        "straight-through beside min-max, learned steps beside the others. Min-max takes no time; a search for ranges "
        "of least error takes longer, for QAT too, which starts from them; AdaRound optimises, and takes longer than "
        "QAT of a network this small.",
        "More than here: QAT of a large network takes days; BRECQ reports a factor of 240 for reconstruction against "
        "QAT on ImageNet.", (BRECQ, WHITE_PAPER),
        partial(bars, value="seconds", title="Time to a quantized network, W4A4", log_x=True),
        "Time that each method takes"),
    Sentence(
        "ptq-smaller", "Quantization gives a smaller model.", "conversion", tuple(
            Reading(f"ptq-smaller.{bits}", f"W{bits}A{bits}: float32's bytes over the quantized network's",
                    "model_bytes", FLOAT, {"method": NAIVE, "bits": bits}, MORE_TIMES, differ=QUANTIZED)
            for bits in (8, 4, 2)),
        "Counted are the packed codes with their scales, zero points and int32 biases. The factor stays below 32 / "
        "bits because biases and scales keep their width, and this network has few weights for each.",
        "Yes, and nearer to 32 / bits: large layers have thousands of weights for each bias.", (JACOB,),
        partial(lines, x="bits", value="model_bytes", methods=("float", NAIVE, MSE),
                xlabel="bits of weights and activations", title="Bytes of the network"),
        "Bytes of the network against bits"),
    Sentence(
        "ptq-efficient", "Quantization makes inference more efficient.", "inference", (
            Reading("ptq-efficient.bytes", "bytes of the network: float32's over W8A8's", "model_bytes", FLOAT,
                    {"method": NAIVE}, MORE_TIMES, differ=QUANTIZED),
            Reading("ptq-efficient.operations", "operations: float32's over W8A8's", "operations", FLOAT,
                    {"method": NAIVE}, MORE_TIMES, differ=QUANTIZED),
            Reading("ptq-efficient.seconds", "seconds in NumPy: float32's over W8A8's", "seconds_per_image", FLOAT,
                    {"method": NAIVE}, MORE_TIMES, False, QUANTIZED)),
        "Fewer bytes are moved; the operations are not fewer, they are narrower, and quantizing the inputs adds some. "
        "NumPy has no narrow arithmetic, so here the quantized network is slower: the gain is the hardware's.",
        "Where kernels exist for the widths: 2 to 3 times on CPUs and up to 10 on DSPs were reported for 8 bits. This "
        "page measures no such hardware.", (KRISHNAMOORTHI, JACOB),
        partial(effects, title="Float32 over W8A8", unit="factor"),
        "What W8A8 saves"),
    Sentence(
        "ptq-degrades", "PTQ may degrade the model.", "conversion", (
            *(_lost(bits, NAIVE, "naive", bits in (8, 4)) for bits in (8, 6, 4, 3, 2)),
            *(_lost(bits, STRONG, "strong", bits in (4, 2)) for bits in (8, 4, 3, 2))),
        "naive: min-max ranges, weights per tensor. strong: ranges of least error per channel, AdaRound, corrected "
        "biases. Nothing is lost at 8 bits; below, what is lost depends on the method as much as on the bits.",
        "Yes. Some networks lose all at 8 bits by min-max alone (MobileNets, before equalization), most lose nothing "
        "with better ranges; language models lose by outliers among activations.", (WHITE_PAPER, KRISHNAMOORTHI),
        partial(lines, x="bits", xlabel="bits of weights and activations", title="What PTQ loses, bit by bit"),
        "Accuracy of PTQ from 8 to 2 bits"),
)
