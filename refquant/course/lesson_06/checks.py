"""Checks for lesson 06, a network quantized after training. Each returns "Right: ...", "Not yet: ..." or
"Not answered yet: ...".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ... import mlp
from ...affine import AffineParams
from ...grids import INT8, IntGrid
from ..answers import ask, mistake, unfit

if TYPE_CHECKING:
    from ...study.compare.tasks import Task

Array: TypeAlias = NDArray[Any]


def payload(sizes: Sequence[int], bits: int) -> dict[str, int]:
    """Bytes of a static network, weights and inputs per tensor, up to 8 bits for the inputs: by what they store.

    >>> payload((64, 16, 10), 4)
    {'codes': 592, 'biases': 104, 'weight scales': 8, 'input scales': 8, 'input zero points': 2}
    """
    layers = len(sizes) - 1
    return {"codes": sum(-(-i * o * bits // 8) for i, o in pairwise(sizes)), "biases": 4 * sum(sizes[1:]),
            "weight scales": 4 * layers, "input scales": 4 * layers, "input zero points": layers}


def size(sizes: Sequence[int], bits: int, in_float: Any, quantized: Any) -> str:
    """Exercise 1: the payload in bytes of a network, in float32 and after static PTQ with 8-bit inputs, by hand.

    >>> size((64, 16, 10), 4, in_float=4840, quantized=592)
    'Not yet: those are the weight codes alone. Each layer also stores biases, two scales and a zero point.'
    """
    if message := unfit({"in_float": in_float, "quantized_bytes": quantized}, single=True):
        return message
    in_float, quantized = float(in_float), float(quantized)
    weights, biases = sum(i * o for i, o in pairwise(sizes)), sum(sizes[1:])
    if in_float != 4 * (weights + biases):
        why: dict[float, str] = {
            weights + biases: "that is how many numbers there are. A float32 takes 4 bytes.",
            4 * weights: "those are the weights alone. Biases are float32, too.",
            4 * sum(sizes): "those are the units, not the weights: a layer has n_in * n_out of these.",
        }
        rule = "in float32 each weight and each bias takes 4 bytes, and nothing else is stored."
        return f"Not yet: {why.get(in_float, rule)}"
    total = sum(payload(sizes, bits).values())
    if quantized != total:
        return f"Not yet: {_wrong_payload(sizes, bits, quantized)}"
    return f"Right: {in_float:g} and {total} bytes, {in_float / total:.2f} times fewer, not {32 // bits} times."


def _wrong_payload(sizes: Sequence[int], bits: int, quantized: float) -> str:
    """What is wrong with the bytes of a quantized network."""
    weights, biases, parts = sum(i * o for i, o in pairwise(sizes)), sum(sizes[1:]), payload(sizes, bits)
    total = sum(parts.values())
    why: dict[float, str] = {
        parts["codes"]: "those are the weight codes alone. Each layer also stores biases, two scales and a zero point.",
        total - parts["biases"]: "the biases are missing: one for each unit of a layer's output.",
        total - parts["biases"] + -(-biases * bits // 8): f"the biases are not in {bits} bits: they are int32.",
        total - parts["biases"] + biases: "the biases are not in 8 bits: they are int32.",
        parts["codes"] + parts["biases"]: "the scales and the zero points are missing.",
        total - parts["input zero points"]: "the zero points of the inputs are missing: one byte a layer.",
        total - parts["weight scales"]: "each layer has two scales: one for its input, one for its weights.",
        total - parts["weight scales"] + 4 * biases: "one scale for each output channel: that is per channel. Here the "
                                                     "weights of a layer share one.",
        total - parts["codes"] + weights: f"the weights take a byte each. Packed, they take {bits} bits.",
        total + 3 * (len(sizes) - 1): "a zero point is a code of 8 bits here: it takes one byte, not four.",
        total + len(sizes) - 1: "weights are symmetric: their zero point is 0, and is not stored.",
    }
    return why.get(quantized, "add up per layer: packed codes, an int32 for each bias, two float32 scales, one zero "
                              "point.")


PROBES: tuple[tuple[Array, int, float, Array, float, Array], ...] = (
    (np.array([[3, 0, 255, 200], [7, 9, 0, 20]], np.uint8), 10, 0.03125, np.array([[3, -7], [20, 5], [-6, 11], [1, 0]],
     np.int8), 0.25, np.array([0.45, -1.03], np.float32)),
    (np.full((2, 300), 250, np.uint8), 7, 0.01, np.full((300, 3), [127, -127, 99], np.int8), 0.02,
     np.array([2.0, -3.0, 0.123], np.float32)),
)


def layer(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(q_x, z_x, scale_x, q_w, scale_w, b) is a static layer, as mlp.linear computes it.

    >>> layer(lambda q_x, z_x, scale_x, q_w, scale_w, b: scale_x * scale_w * ((q_x.astype(int) - z_x) @ q_w))
    'Not yet: you leave the bias out. For output [0, 0] you give -11.7266, not -11.2734.'
    """
    for probe in PROBES:
        given: tuple[Any, ...] = probe
        passed = tuple(v.copy() if isinstance(v, np.ndarray) else v for v in given)
        with np.errstate(all="ignore"):
            answer, message = ask(yours, *passed, hints={
                OverflowError: "Eight bits are too narrow for what you compute. Widen the codes first.",
                ValueError: "q_x has the shape (n, n_in), q_w has (n_in, n_out), and b has (n_out,)."}, arrays=1)
        if message:
            return message
        if any(not np.array_equal(a, b) for a, b in zip(passed, given, strict=True)):
            return "Not yet: your function wrote to what it was passed. Return a new array."
        answer, right = np.asarray(answer), expected(*probe)
        if answer.shape != right.shape:
            return f"Not yet: the layer gives (n, n_out) reals, shape {right.shape}; yours has shape {answer.shape}."
        if not np.allclose(answer, right, rtol=1e-6, atol=0):
            at = np.unravel_index(int(np.argmax(~np.isclose(answer, right, rtol=1e-6, atol=0))), right.shape)
            why = mistake(mistakes(*probe), partial(np.allclose, answer, rtol=1e-6),
                          "go step by step: accumulator, zero-point correction, bias in steps, scale back")
            return (f"Not yet: {why}. For output [{at[0]}, {at[1]}] you give {float(answer[at]):.6g}, "
                    f"not {float(right[at]):.6g}.")
    return "Right: integers until the last product, as mlp.linear computes it."


def expected(q_x: Array, z_x: int, scale_x: float, q_w: Array, scale_w: float, b: Array) -> Array:
    """The layer by mlp.linear, given the reals that the codes stand for.

    >>> [y.shape for y in (expected(*probe) for probe in PROBES)]
    [(2, 2), (2, 3)]
    """
    at = AffineParams(scale=np.float32(scale_x), zero_point=z_x, grid=IntGrid(8, signed=False))
    made = mlp.QuantizedLayer(codes=q_w, weight=AffineParams(scale=np.float32(scale_w), zero_point=0, grid=INT8),
                              bias=np.rint(b / (scale_x * scale_w)).astype(np.int32), activation=at)
    return mlp.linear(made, (np.float32(scale_x) * (q_x.astype(np.float32) - z_x)).astype(np.float32))


def mistakes(q_x: Array, z_x: int, scale_x: float, q_w: Array, scale_w: float, b: Array) -> dict[str, Array]:
    """The output of each known wrong layer, by what is wrong with it.

    >>> len(mistakes(*PROBES[0]))
    14
    """
    x, w, scale = q_x.astype(np.int64), q_w.astype(np.int64), scale_x * scale_w
    acc, q_b = (x - z_x) @ w, np.rint(b / scale)
    with np.errstate(all="ignore"):
        wrapped = (q_x - np.uint8(z_x)).astype(np.int64) @ w
        byte, word = ((x @ w).astype(dtype).astype(np.int64) - z_x * w.sum(axis=0) for dtype in (np.int8, np.int16))
    return {
        "you leave the input's zero point out": scale * (x @ w + q_b),
        "you leave the input's zero point out, and the bias is no whole number of steps": scale * (x @ w) + b,
        "you add the zero-point correction; subtract it": scale * (x @ w + z_x * w.sum(axis=0) + q_b),
        "you subtract the constant K * z_x; the weights differ from column to column":
            scale * (x @ w - z_x * len(w) + q_b),
        "q_x - z_x wraps round in uint8; widen the codes first": scale * (wrapped + q_b),
        "your accumulator wraps round in 8 bits; it needs 32": scale * (byte + q_b),
        "your accumulator wraps round in 16 bits, which is what NumPy gives uint8 @ int8; widen the codes first":
            scale * (word + q_b),
        "you leave the bias out": scale * acc,
        "the bias is in reals and joins the accumulator; first turn it into steps of scale_x * scale_w":
            scale * (acc + b),
        "the bias is added in float; it must be a whole number of steps of scale_x * scale_w": scale * acc + b,
        "the bias is in steps of scale_w; take scale_x * scale_w": scale * (acc + np.rint(b / scale_w)),
        "the bias is cut off to whole steps; round it": scale * (acc + np.trunc(b / scale)),
        "you return the accumulator; scale it back to reals": acc + q_b,
        "you scale back by scale_w alone": scale_w * (acc + q_b),
    }


def calibration(task: Task, images: Any) -> str:
    """Exercise 3: whether W8A8 loses at least 20 points on the test images when it is calibrated on these images.

    The exercise in the notebook shows right and wrong answers on a trained network.
    """
    if message := unfit({"images": images}):
        return message
    x = np.asarray(images, np.float32)
    width = task.net.sizes[0]
    if x.ndim != 2 or x.shape[1] != width or not 1 <= len(x) <= 64:
        return f"Not yet: give 1 to 64 images of {width} pixels, shape (n, {width}); yours has shape {x.shape}."
    if not (np.isfinite(x).all() and x.min() >= 0 and x.max() <= 1):
        return "Not yet: a pixel is a number from 0 to 1."
    test, labels = task.data.test
    right = mlp.accuracy(mlp.forward(task.net, test), labels)
    loss = right - mlp.accuracy(mlp.forward_quantized(mlp.ptq_static(task.net, [x]), test), labels)
    if loss >= 0.2:
        return "Right: 8 bits, and more than 20 points are lost. Nothing in the calibration complained."
    if x.max() >= 0.9:
        return (f"Not yet: less than 20 points are lost. Your largest pixel is {x.max():.3g}, so the first layer's "
                "range is that of the test images. Make the range wrong.")
    return (f"Not yet: less than 20 points are lost. Your largest pixel, {x.max():.3g}, is the end of the first "
            "layer's range, and everything above saturates. Go on in that direction.")
