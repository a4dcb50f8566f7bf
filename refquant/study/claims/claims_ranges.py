"""What is said of static and dynamic clipping ranges."""

from __future__ import annotations

from functools import partial

from .claims_ptq import KRISHNAMOORTHI, WU
from .experiments.after_training import NAIVE
from .experiments.static_dynamic import BEST, MSE, PER_BATCH, PER_IMAGE
from .figures import bars, effects, lines
from .verdicts import ALWAYS, MORE, MORE_DB, MORE_TIMES, NEVER, Reading, Rule, Sentence, Where

SURVEY = ("Gholami et al. 2021, arXiv:2103.13630", "https://arxiv.org/abs/2103.13630")
ZEROQUANT = ("Yao et al. 2022, arXiv:2206.01861", "https://arxiv.org/abs/2206.01861")
DFQ = ("Nagel et al. 2019, arXiv:1906.04721", "https://arxiv.org/abs/1906.04721")
SMOOTH = ("Xiao et al. 2022, arXiv:2211.10438", "https://arxiv.org/abs/2211.10438")


INPUTS = ("input ranges",)


def _dynamic(value: str, rule: Rule, against: str, name: str, widths: tuple[int, ...]) -> tuple[Reading, ...]:
    kind = "sqnr" if value == "logit_sqnr_db" else "accuracy"
    return tuple(Reading(
        f"dynamic-{kind}.{name.split()[-1]}.{bits}", f"A{bits}: dynamic per image minus static, {name}", value,
        {"method": PER_IMAGE, "bits": bits}, {"method": against, "bits": bits}, rule, bits in (8, 2), INPUTS)
        for bits in widths)


#: id, what it is called, its name in the records, the widths that belong on top.
PLACES = (
    ("gain", "images of different gain", "images of different gain", (8, 4)),
    ("bright", "4 times as bright as calibrated", "4 times as bright", (8,)),
    ("dark", "a quarter as bright as calibrated", "0.25 times as bright", (4,)),
    ("hot", "a hot pixel in 2 % of the images", "a hot pixel in 2 %", (8, 4)),
    ("channels", "channels 100 times larger", "channels 100 times larger", (4,)),
)


def _place(id: str, says: str, place: str, bits: int, rival: str, on_top: bool) -> Reading:
    where: Where = {"place": place, "bits": bits}
    differ = (*INPUTS, "equalization") if "equalized" in says else INPUTS
    return Reading(f"dynamic-always.{id}", f"A{bits}, {says}", "accuracy", {"method": PER_IMAGE, **where},
                   {"method": rival, **where}, on_top=on_top, differ=differ)


RANGES = (
    Sentence(
        "differ-in-range", "Static and dynamic differ in how the clipping range is chosen, in nothing else.",
        "definitions", (
            Reading("differ-in-range.equal", "static, calibrated on one image alone, is dynamic on that image, bit for "
                    "bit", "static_on_the_image_is_dynamic", {}, rule=ALWAYS),),
        "For every test image the parameters were computed both ways and compared bit for bit. The quantizer is the "
        "same function; what differs is which data chose its range, and when.",
        "By definition; engines add differences of their own (other widths, zero points or kernels for dynamic).",
        (SURVEY,), partial(bars, value="ranges", title="Different ranges on 540 images", log_x=True),
        "Number of different ranges"),
    Sentence(
        "dynamic-each", "Dynamic computes the range for each activation.", "dynamic", (
            Reading("dynamic-each.image", "per image: no prediction depends on the other images of the batch",
                    "changed_by_batch_mates", {"method": PER_IMAGE}, rule=NEVER),
            Reading("dynamic-each.batch", "per batch: no prediction depends on the other images of the batch",
                    "changed_by_batch_mates", {"method": PER_BATCH}, rule=NEVER),
            *(Reading(f"dynamic-each.batch.{bits}", f"A{bits}, per batch of 64: share of predictions "
                      "that stay the same in another batch, minus 100 %", "changed_by_batch_mates",
                      {"method": PER_BATCH, "bits": bits}, on_top=bits == 4)
              for bits in (8, 4, 2))),
        "Per tensor, the sentence hides a batch: an image's range then depends on the images that happen to be beside "
        "it, and some predictions change when the batches are drawn again. A range for each image (row, token) has no "
        "such side effect.",
        "Yes: ONNX's DynamicQuantizeLinear is per tensor; language models use a range for each token for this reason.",
        (ZEROQUANT,),
        partial(lines, x="bits", value="changed_by_batch_mates", methods=(NAIVE, PER_BATCH, PER_IMAGE),
                xlabel="bits of activations (weights: 16)", title="Predictions that depend on the batch"),
        "Share of predictions that differ when the images are batched in another order"),
    Sentence(
        "dynamic-precise", "Dynamic is more precise.", "dynamic", (
            *_dynamic("logit_sqnr_db", MORE_DB, NAIVE, "by min-max", (8, 4, 2)),
            *_dynamic("logit_sqnr_db", MORE_DB, MSE, "by least MSE", (8, 4, 2))),
        "Precision is the distance of the logits from the float network's, in decibels. Against a static min-max range "
        "the gain is plain at every width; against a static range of least error it shrinks as bits fall, because a "
        "range that clips well need not be the input's own.",
        "Qualitatively. The gain depends on how much inputs differ from each other, and digits differ little.",
        (SURVEY, ZEROQUANT),
        partial(lines, x="bits", value="logit_sqnr_db", xlabel="bits of activations (weights: 16)",
                title="How near the logits stay to float"),
        "Logit SQNR of static and dynamic ranges"),
    Sentence(
        "dynamic-accurate", "Dynamic is generally more accurate.", "dynamic", (
            *_dynamic("accuracy", MORE, NAIVE, "by min-max", (8, 4, 3, 2)),
            *_dynamic("accuracy", MORE, MSE, "by least MSE", (8, 4, 3, 2)),
            *(Reading(f"dynamic-accuracy.batch.{bits}", f"A{bits}: dynamic per batch minus static, by min-max",
                      "accuracy", {"method": PER_BATCH, "bits": bits}, {"method": NAIVE, "bits": bits}, on_top=False,
                      differ=INPUTS)
              for bits in (4, 2))),
        "Accuracy only counts images whose largest logit changes place, so decibels gained need not show. Most of what "
        "dynamic ranges gain over static min-max, a well chosen static range gains too.",
        "Often claimed, seldom measured. It holds where inputs differ in size (the next sentence) and in language "
        "models with outliers in few tokens.", (SURVEY, WU),
        partial(lines, x="bits", xlabel="bits of activations (weights: 16)", title="How many predictions are right"),
        "Accuracy of static and dynamic ranges"),
    Sentence(
        "dynamic-always", "Dynamic is more accurate whatever the data.", "shifts", (
            *(_place(f"{id}.{bits}", f"{says}{', static equalized' * (id == 'channels')}: dynamic minus the best "
                     "static", place, bits, BEST, bits in top)
              for id, says, place, top in PLACES for bits in (8, 4)),
            *(_place(f"{id}.{bits}.min-max", f"{says}: dynamic minus static, by min-max", place, bits, NAIVE, False)
              for id, says, place, _ in PLACES for bits in (8, 4))),
        "A range for each input wins where inputs differ from the calibration data, and at few bits where they differ "
        "from each other. It loses where a cut repairs the input, as that of a hot pixel, and where what is wrong is "
        "not the range: channels of different size need equalization, with which the best static is equalized. (The "
        "best static of each seed, of min-max, least MSE, percentile 99, is chosen by the test images, which flatters "
        "it.)",
        "Qualitatively: tokens differ in size, so language models use dynamic ranges per token; outlier channels "
        "defeat those too, and are smoothed away beforehand.", (ZEROQUANT, SMOOTH, DFQ),
        partial(effects, title="Dynamic per image, minus its rival"),
        "Effects of dynamic ranges on several kinds of data"),
    Sentence(
        "static-fixed", "Static fixes one range for all inputs.", "definitions", (
            Reading("static-fixed.one", "static: one range on all test images", "one_range",
                    {"method": NAIVE}, rule=ALWAYS),
            Reading("static-fixed.dynamic", "dynamic per image: one range on all test images", "one_range",
                    {"method": PER_IMAGE}, rule=ALWAYS, on_top=False)),
        "Counted are the different pairs of scale and zero point that the second layer's input got on the test images. "
        "The number is what the word static promises.",
        "By definition.", (SURVEY,),
        partial(bars, value="ranges", title="Different ranges on 540 images", log_x=True),
        "Number of different ranges"),
    Sentence(
        "static-often", "Static is more often used.", "definitions", (
            Reading("static-often.survey", "no experiment on a network can tell, only a survey of its users",
                    "share_of_users", {"method": "survey"}, rule=MORE),),
        "This page tests sentences on a network, and how many people do something is not in any network. It stays open "
        "here, whatever is said elsewhere.",
        "Not known: the sentence is from a survey of methods, which counts no users.", (SURVEY,),
        partial(effects, title="No data"), "No data"),
    Sentence(
        "dynamic-costly", "Dynamic is costly.", "inference", (
            Reading("dynamic-costly.operations", "operations for one image: dynamic per image over static",
                    "operations", {"method": PER_IMAGE}, {"method": NAIVE}, MORE_TIMES, differ=INPUTS),
            Reading("dynamic-costly.passes", "passes over each activation: dynamic per image over static",
                    "passes", {"method": PER_IMAGE}, {"method": NAIVE}, MORE_TIMES, differ=INPUTS),
            Reading("dynamic-costly.seconds", "seconds in NumPy: dynamic per image over static",
                    "seconds_per_image", {"method": PER_IMAGE}, {"method": NAIVE}, MORE_TIMES, False, INPUTS),
            Reading("dynamic-costly.batch", "seconds in NumPy: dynamic per batch over static", "seconds_per_image",
                    {"method": PER_BATCH}, {"method": NAIVE}, MORE_TIMES, False, INPUTS)),
        "Finding a range takes two compares a value and a division, little beside the matrix product; but nothing can "
        "be quantized before the last value was seen, so each activation is passed over twice. A tenth more counts as "
        "costly.",
        "Operations shrink further beside larger products; the second pass and the wait for it are what hardware "
        "feels. Seconds in NumPy say little of either.", (SURVEY, KRISHNAMOORTHI),
        partial(effects, title="Dynamic over static, W8A8", unit="factor"), "What dynamic ranges cost"),
    Sentence(
        "static-costly", "Static is costly.", "inference", (
            Reading("static-costly.540", "operations for 540 images, calibration included: static over dynamic per "
                    "image", "operations_for_540_images", {"method": NAIVE}, {"method": PER_IMAGE}, MORE_TIMES,
                    differ=INPUTS),
            Reading("static-costly.million", "operations for a million images, calibration included: static over "
                    "dynamic per image", "operations_for_a_million_images", {"method": NAIVE}, {"method": PER_IMAGE},
                    MORE_TIMES, differ=INPUTS)),
        "Static ranges cost a calibration before the first image, and data for it; dynamic ranges cost a little with "
        "every image. Which is dearer depends on how many images follow.",
        "Yes: calibration is paid once, each input's range every time. What is hard to get is often the data.",
        (WU,), partial(effects, title="Static over dynamic, W8A8", unit="factor"), "What calibration costs"),
)
