"""A dynamic network in integers alone: each image has its own scales, and each scale is a power of two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...affine import quantize
from ...arguments import Reals
from ...grids import IntGrid
from ...mlp import Net
from ...ranges import symmetric_params

FRACTION = 15  # bits after the point, in which a constant of the network is stored


def predictions(net: Net, x: Reals) -> NDArray[np.int64]:
    """The digit that each image gets, without a float after the pixels: products, sums, shifts and bit lengths.

    Weights have 8 bits and one scale a layer. An image's largest integer has n bits; shifted right by n - 8 all of its
    integers fit into 8 bits. The scale is found at run time, and no number is divided.

    Args:
        net: a float network; its constants become integers before the images come.
        x: images (n, 64) of pixels k / 16.
    """
    codes, power = np.rint(np.asarray(x, np.float64) * 16).astype(np.int64), np.full((len(x), 1), -4)
    for i, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        largest = np.abs(w).max()
        params = symmetric_params(-largest, largest, IntGrid(8, narrow=True))
        step, bias = np.rint(np.float64(params.scale) * 2**FRACTION), np.rint(b.astype(np.float64) * 2**FRACTION)
        made = codes @ quantize(w, params).astype(np.int64) * np.int64(step)  # in steps of 2**(power - FRACTION)
        made += np.where(power > 0, bias.astype(np.int64) >> np.maximum(power, 0),
                         bias.astype(np.int64) << np.maximum(-power, 0))
        if i == len(net.weights) - 1:
            break
        made = np.maximum(made, 0)
        shift = np.maximum(bit_length(made.max(axis=1, keepdims=True)) - 8, 0)
        codes, power = made >> shift, power - FRACTION + shift
    return np.asarray(made.argmax(axis=1))


def bit_length(n: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many bits each integer has.

    >>> bit_length(np.array([0, 1, 255, 256]))
    array([0, 1, 8, 9])
    """
    return np.array([int(one).bit_length() for one in n.flat]).reshape(n.shape)
