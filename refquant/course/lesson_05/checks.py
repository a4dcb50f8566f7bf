"""Checks for lesson 05, static or dynamic. Each returns "Right: ...", "Not yet: ..." or "Not answered yet: ...";
beside them the two kinds of input that the lesson and its last exercise measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import mlp
from ...affine import AffineParams, fake_quantize, quantize
from ...arguments import Codes, Reals
from ...calibration import dynamic_params, static_params
from ...grids import Grid
from ...metrics import sqnr_db
from ...ranges import affine_params, symmetric_params
from ..answers import mistake, unfit

Array: TypeAlias = NDArray[Any]
HOT = 8.0


def brightened(x: Reals, rng: np.random.Generator) -> Reals:
    """Each row times a lognormal(0, 1) number of its own: samples that differ in brightness.

    >>> x = brightened(np.ones((2, 3), np.float32), np.random.default_rng(0))
    >>> x.dtype, (x == x[:, :1]).all(), x[0, 0] != x[1, 0]
    (dtype('float32'), np.True_, np.True_)
    """
    return np.asarray(x * rng.lognormal(size=(len(x), 1))).astype(np.float32)


def with_hot_pixels(x: Reals, rng: np.random.Generator, share: float = 0.02) -> Reals:
    """One value of the given share of rows, drawn at random, is 8.0: a sensor's hot pixel. x stays as it was.

    >>> hit = with_hot_pixels(np.zeros((100, 64), np.float32), np.random.default_rng(0)) == HOT
    >>> int(hit.sum()), int(hit.any(axis=1).sum())
    (2, 2)
    """
    x = x.copy()
    rows = rng.permutation(len(x))[:round(share * len(x))]
    x[rows, rng.integers(x.shape[1], size=len(rows))] = HOT
    return x


def batch_mates(network: mlp.QuantizedNet, x: Reals, size: int = 16) -> float:
    """The share of predictions that change when the images x come shuffled, in batches of the given size.

    >>> from refquant.mlp import init, ptq_dynamic
    >>> x = np.random.default_rng(0).random((64, 2), np.float32)
    >>> batch_mates(ptq_dynamic(init(np.random.default_rng(0), (2, 8, 2))), x)
    0.0
    """
    given = []
    for seed in (0, 1):
        order = np.random.default_rng(seed).permutation(len(x))
        got = np.empty(len(x), np.intp)
        for i in range(0, len(x), size):
            rows = order[i:i + size]
            got[rows] = mlp.forward_quantized(network, x[rows]).argmax(axis=1)
        given.append(got)
    return float(np.mean(given[0] != given[1]))


# ---------------------------------------------------------------------------------------------- exercise 1

def codes(batches: Sequence[ArrayLike], x: ArrayLike, grid: Grid, static: Any, dynamic: Any, saturated: Any) -> str:
    """Exercise 1: the codes of x, static after the batches and dynamic, and the values of x that static saturates.

    >>> from refquant import UINT4
    >>> codes([[-1.0, 0.5], [2.0]], [3.5], UINT4, static=[23], dynamic=[15], saturated=[3.5])
    'Not yet: static: 23 is no code: the grid ends at 0 and 15. Clip after adding the zero point (R5, R6).'
    """
    if message := unfit({"static_codes": static, "dynamic_codes": dynamic, "saturated": saturated}):
        return message
    values, lists = np.asarray(x, np.float64), [np.asarray(batch, np.float64) for batch in batches]
    rights = {"static": quantize(values, static_params(lists, grid)),
              "dynamic": quantize(values, dynamic_params(values, grid))}
    for which, answer in (("static", static), ("dynamic", dynamic)):
        given, other = np.asarray(answer, np.float64), rights["dynamic" if which == "static" else "static"]
        if given.shape != values.shape:
            return f"Not yet: {which}: one code for each of the {values.size} values; you give {given.size}."
        if np.array_equal(given, rights[which]):
            continue
        if np.array_equal(given, other):
            return (f"Not yet: {which}: those are the codes of the other range. Static takes the range of the batches, "
                    "dynamic takes that of x.")
        i = int(np.argmax(given != rights[which]))
        hint = _no_code(given, grid) or f"the code of {values[i]:g} is not {given[i]:g}. First the range, then R9."
        why = mistake(mistakes(lists, values, grid, which), partial(np.array_equal, given), hint)
        return f"Not yet: {which}: {why}"
    return _saturated(values, static_params(lists, grid), saturated)


def _no_code(given: Array, grid: Grid) -> str:
    """Which number is no code of the grid, and why; nothing if all are."""
    beyond, broken = given[(given < grid.qmin) | (given > grid.qmax)], given[given % 1 != 0]
    if beyond.size:
        return (f"{beyond[0]:g} is no code: the grid ends at {grid.qmin} and {grid.qmax}. Clip after adding the zero "
                "point (R5, R6).")
    return f"{broken[0]:g} is no code: round to whole steps, then add the zero point (R5)." if broken.size else ""


def _saturated(values: Array, params: AffineParams, saturated: ArrayLike) -> str:
    """Whether those are the values that saturate."""
    given, q = set(np.ravel(np.asarray(saturated, np.float64)).tolist()), quantize(values, params)
    steps = np.rint(values / params.scale) + params.zero_point
    beyond = set(values[steps != q].tolist())
    if given == beyond:
        return (f"Right: the static range saturates {', '.join(f'{v:g}' for v in sorted(beyond)) or 'nothing'}. "
                "The dynamic range contains all values of x.")
    if given == set(values[(q == params.grid.qmin) | (q == params.grid.qmax)].tolist()):
        return "Not yet: saturated: a code at the end is not yet saturation. Which values lie beyond the static range?"
    if not given:
        return "Not yet: saturated: some values lie outside the static range. Which codes did you clip?"
    if not given <= set(values.tolist()):
        return "Not yet: saturated: give values of x, not codes and not places."
    return "Not yet: saturated: these are not the right values. A value saturates where its code had to be clipped."


def mistakes(batches: Sequence[Array], x: Array, grid: Grid, which: str) -> dict[str, Array]:
    """The codes of each known mistake, by what is wrong; which is "static" or "dynamic".

    >>> from refquant import UINT4
    >>> len(mistakes([np.array([-1.0, 0.5]), np.array([2.0])], np.array([3.5]), UINT4, "static"))
    10
    """
    ends = np.array([(b.min(), b.max()) for b in batches])
    lo, hi = (ends[:, 0].min(), ends[:, 1].max()) if which == "static" else (x.min(), x.max())
    everything = min(ends[:, 0].min(), x.min()), max(ends[:, 1].max(), x.max())
    right = affine_params(lo, hi, grid)
    steps = np.rint(x / right.scale)
    ranges = {
        "the input itself takes part in the range. Static is fixed before the input comes." if which == "static" else
        "the calibration data take part in the range. Dynamic sees this input alone.": everything,
    }
    if which == "static":
        ranges |= {
            "that is the range of the first batch alone. Merge all of them.": tuple(ends[0]),
            "that is the range of the last batch alone. Merge all of them.": tuple(ends[-1]),
            "you average the batches' ends. Min-max takes the smallest and the largest of all.": tuple(ends.mean(0)),
        }
    wrong = {why: quantize(x, affine_params(*ends_, grid)) for why, ends_ in ranges.items()}
    return wrong | {
        "the zero point is missing (R5).": np.clip(steps, grid.qmin, grid.qmax),
        "the zero point is missing, and nothing is clipped (R5, R6).": steps,
        "you subtract the zero point; add it (R5).": np.clip(steps - right.zero_point, grid.qmin, grid.qmax),
        "you cut the fraction off; round to the nearest (R4).":
            np.clip(np.trunc(x / right.scale) + right.zero_point, grid.qmin, grid.qmax),
        "you round downwards; round to the nearest (R4).":
            np.clip(np.floor(x / right.scale) + right.zero_point, grid.qmin, grid.qmax),
        "that is symmetric (R10). Here the parameters are affine (R9).":
            quantize(x, symmetric_params(np.float64(lo), np.float64(hi), grid)),
    }


# ---------------------------------------------------------------------------------------------- exercise 2

def second_row(sample: ArrayLike, grid: Grid, worse: Any, better: Any, rows_too: Any) -> str:
    """Exercise 2: a second row that changes the sample's codes, and one that makes them more exact.

    worse may reach at most 10 % beyond the sample's range, better must gain 6 dB; rows_too says whether a second row
    changes the sample's codes with axis=-1, too.

    >>> from refquant import UINT4
    >>> second_row([0.2, 0.9], UINT4, worse=[0.0, 0.5], better=[0.0, 1.5], rows_too=False)
    "Not yet: worse: it lies within the sample's own range, so the range of both is the sample's. Reach beyond it."
    """
    if not isinstance(rows_too, bool | np.bool_ | None) and rows_too is not ...:
        return "Not yet: rows_too: write True or False."
    if message := unfit({"worse": worse, "better": better, "rows_too": rows_too}):
        return message
    x = np.asarray(sample, np.float64)
    for which, answer, judge in (("worse", worse, _worse), ("better", better, _better)):
        row = np.asarray(answer, np.float64)
        if row.shape != x.shape or not np.isfinite(row).all():
            return f"Not yet: {which}: give {x.size} finite values, as the sample has."
        if min(0, x.min()) <= row.min() and row.max() <= max(0, x.max()):
            return (f"Not yet: {which}: it lies within the sample's own range, so the range of both is the sample's. "
                    "Reach beyond it.")
        message = judge(x, row, grid)
        if message:
            return f"Not yet: {which}: {message}"
    if rows_too:
        return "Not yet: rows_too: with axis=-1 each row has its own range. Which values does your sample's come from?"
    return ("Right: per batch, one row changes the sample's codes and another makes them more exact. "
            "Per row (axis=-1), a second row changes nothing.")


def _worse(x: Array, row: Array, grid: Grid) -> str:
    """What is wrong with a row that should change the codes of x; nothing if it does."""
    reach = (max(0, x.max()) - min(0, x.min())) * 0.1 * (1 + 1e-6)
    if row.max() > max(0, x.max()) + reach or row.min() < min(0, x.min()) - reach:
        return "it reaches more than 10 % of the sample's range beyond it. Less is enough."
    if np.array_equal(quantize(x, dynamic_params(np.stack([x, row]), grid)), quantize(x, dynamic_params(x, grid))):
        return ("the step grows too little, and every code of the sample stays as it was. Reach a little farther, or "
                "to the other side.")
    return ""


def _better(x: Array, row: Array, grid: Grid) -> str:
    """What is wrong with a row that should make x more exact by 6 dB; nothing if it does."""
    alone, beside = (sqnr_db(x, fake_quantize(x, dynamic_params(data, grid))) for data in (x, np.stack([x, row])))
    if beside - alone >= 6:
        return ""
    return (f"{alone:.1f} dB alone, {beside:.1f} dB beside this row. Of which step is every value of the sample a "
            "whole multiple? Which range has this step?")


# ---------------------------------------------------------------------------------------------- exercise 3

def stories(net: mlp.Net, x: ArrayLike, labels: Codes, microcontroller: mlp.QuantizedNet | None,
            brightness: mlp.QuantizedNet | None, sensor: mlp.QuantizedNet | None) -> str:
    """Exercise 3: whether each network serves its story, measured on the test images x and their labels.

    The microcontroller's scales are known beforehand; it may lose 1 point. Images of different brightness, on
    4-bit activations at most, may lose 2 points against float. Of images with a hot pixel three in four must be
    predicted correctly. The exercise in the notebook shows right and wrong answers on a trained network.
    """
    given = {"microcontroller": microcontroller, "brightness": brightness, "sensor": sensor}
    if any(network is None for network in given.values()):
        return "Not answered yet: set microcontroller, brightness_net and sensor_net."
    images, rng = np.asarray(x, np.float32), np.random.default_rng(505)
    data = {"microcontroller": images, "brightness": brightened(images, rng),
            "sensor": with_hot_pixels(images, rng, share=1.0)}
    score, floats = {}, {}
    for name, network in given.items():
        if not isinstance(network, mlp.QuantizedNet):
            return f"Not yet: {name}: give a quantized network, from mlp.ptq_static or mlp.ptq_dynamic."
        if [layer.codes.shape for layer in network.layers] != [w.shape for w in net.weights]:
            return f"Not yet: {name}: this network has other layers. Quantize net."
        score[name] = 100 * mlp.accuracy(mlp.forward_quantized(network, data[name]), labels)
        floats[name] = 100 * mlp.accuracy(mlp.forward(net, data[name]), labels)
    why = (_microcontroller(microcontroller, score["microcontroller"] - floats["microcontroller"])
           or _brightness(brightness, score["brightness"] - floats["brightness"]) or _sensor(sensor, score["sensor"]))
    if why:
        return f"Not yet: {why}"
    return ("Right: static is right where scales must be known beforehand, dynamic per image where brightness differs, "
            "and static with clipping where a sensor is broken.")


def _dynamic(network: Any) -> Any:
    """The first layer's Dynamic, or None."""
    return next((layer.activation for layer in network.layers if isinstance(layer.activation, mlp.Dynamic)), None)


def _microcontroller(network: Any, gain: float) -> str:
    if _dynamic(network):
        return ("microcontroller: a dynamic layer finds its range at run time, and its biases are float32. "
                "This program expects scales that are known beforehand.")
    if gain < -1:
        return (f"microcontroller: {-gain:.0f} points are lost. Static is right. Now look at the calibration data and "
                "at the bits.")
    return ""


def _brightness(network: Any, gain: float) -> str:
    if max(layer.activation.grid.bits for layer in network.layers) > 4:
        return "brightness: this story has 4 bits for activations at most."
    if gain >= -2:
        return ""
    lost = f"brightness: {-gain:.0f} points are lost"
    at = _dynamic(network)
    if at is None:
        return f"{lost}. One range for all must be too wide for most samples or too narrow for some."
    if at.axis is None:
        return f"{lost}. The range of a whole batch is that of its largest sample. Give each row its own (axis=-1)."
    return f"{lost}. One range per row is right. Now look at the bits of the weights."


def _sensor(network: Any, score: float) -> str:
    if score >= 75:
        return ""
    correct = f"sensor: {score:.0f} % of the images with a hot pixel are predicted correctly"
    at = _dynamic(network)
    if at is not None:
        return f"{correct}. A dynamic range reaches to the hot pixel, and so do those of the layers after it."
    if network.layers[0].activation.scale * (network.layers[0].activation.grid.qmax
                                             - network.layers[0].activation.zero_point) > HOT / 4:
        return f"{correct}. The calibration data hold hot pixels, and your observer kept them. Clip."
    return f"{correct}. It is static and clips, which is right. Now change the bits, or clip less."
