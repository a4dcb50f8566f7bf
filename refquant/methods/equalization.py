"""Cross-layer equalization: hidden units change their scale, so that one step per tensor suits all of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Reals


@arguments.quiet
def cross_layer_equalization(weights: Sequence[ArrayLike],
                             biases: Sequence[ArrayLike]) -> tuple[tuple[Reals, ...], tuple[Reals, ...]]:
    """W1[:, j] /= s, b1[j] /= s, W2[j, :] *= s, with s = sqrt(r1 * r2) / r2, until r1 = r2 for each hidden unit j.

    r1 = max|W1[:, j]| and r2 = max|W2[j, :]|; relu(s * y) = s * relu(y) for s > 0, so the network's function stays.

    Args:
        weights: (n_in, n_out) finite reals for each layer of a chain, x @ W + b with ReLU between layers.
        biases: (n_out,) finite reals for each layer.
    Returns:
        (weights, biases), each array in the dtype that came; as they came, bit for bit, where r1 and r2 already agree
        to 1e-6 or to neighbouring numbers of a coarser dtype. A unit that hears nothing (r1 = 0) or is not heard
        (r2 = 0) keeps its scale.

    Whether a unit is small and then weighted heavily is free to choose; per tensor it costs the others their codes:

    >>> weights, biases = cross_layer_equalization([[[1.0, 0.25]], [[1.0], [4.0]]], [[0.0, 0.5], [0.0]])
    >>> [w.tolist() for w in weights], biases[0].tolist()
    ([[[1.0, 1.0]], [[1.0], [1.0]]], [0.0, 2.0])

    Every live unit has a path of its largest weights from the input to the logits, whose scales are fixed, so there is
    one balance only, whatever the scales at first. The passes over all pairs that reach it grow with the square of the
    depth: 20 for 3 layers, 900 for 20.

    Raises:
        ValueError: no layers, shapes that do not chain, NaN or infinities, a bias that would overflow its dtype.
        TypeError: no sequences, other dtypes.
    Source: Nagel et al. 2019 (arXiv:1906.04721, DFQ), section 4.1, eq. 11; s is kept as its logarithm, since r1 * r2
    may overflow. Left out: a small s raises b1, and with it the range of the activations; DFQ absorbs such high biases
    into the next layer, a second idea, which needs the statistics of batch normalization. PyTorch's r
    (torch.ao.quantization._equalize) is max - min.
    """
    w, b = _chain(weights, biases)
    if _balanced(w):
        return tuple(a.copy() for a in w), tuple(a.copy() for a in b)
    logs = [np.log2(np.abs(a.astype(np.float64))) for a in w]
    log_s = [np.zeros(n) for n in (*(len(a) for a in w), b[-1].size)]  # of the input, each hidden unit and the logits
    moved = 1.0
    while moved > 1e-10:
        moved = 0.0
        for k, (w1, w2) in enumerate(pairwise(logs), 1):
            r1, r2 = w1.max(axis=0, initial=-np.inf), w2.max(axis=1, initial=-np.inf)
            step = np.where(np.isfinite(r1) & np.isfinite(r2), (r1 - r2) / 2, 0)
            w1 -= step
            w2 += step[:, None]
            log_s[k] += step
            moved = max(moved, np.abs(step).max(initial=0))
    equal_w = tuple(_times(a, s1[:, None] - s2) for a, (s1, s2) in zip(w, pairwise(log_s), strict=True))
    equal_b = tuple(_times(a, -s) for a, s in zip(b, log_s[1:], strict=True))
    for i, a in enumerate(equal_b):
        if not np.isfinite(a).all():
            raise arguments.error(ValueError, "cross_layer_equalization", f"biases must stay finite in {a.dtype}",
                                  f"an s too small for `biases[{i}]` at index {arguments.first(~np.isfinite(a))}",
                                  "set to 0 the weights of a unit that hears next to nothing, or pass float64")
    return equal_w, equal_b


def _times(a: Reals, exponent: Reals) -> Reals:
    """a * 2**exponent in a's dtype; whole powers of 2 first, exactly, for the power alone may overflow."""
    whole = np.floor(exponent)
    return (np.ldexp(a.astype(np.float64), whole.astype(np.int64)) * np.exp2(exponent - whole)).astype(a.dtype)


def _balanced(weights: Sequence[Reals]) -> bool:
    """Whether r1 = r2 for every live unit, to 1e-6 or to neighbouring numbers."""
    for w1, w2 in pairwise(weights):
        r1, r2 = np.abs(w1).max(axis=0, initial=0), np.abs(w2).max(axis=1, initial=0)
        neighbours = np.spacing(r1).astype(np.float64) + np.spacing(r2)
        r1, r2 = r1.astype(np.float64), r2.astype(np.float64)
        apart = np.abs(r1 - r2) > np.maximum(1e-6 * np.maximum(r1, r2), neighbours)
        if (apart & (r1 > 0) & (r2 > 0)).any():
            return False
    return True


def _chain(weights: Sequence[ArrayLike], biases: Sequence[ArrayLike]) -> tuple[list[Reals], list[Reals]]:
    """Finite arrays of shapes that chain, one layer at least."""
    where = "cross_layer_equalization"
    if not (isinstance(weights, Sequence) and isinstance(biases, Sequence)):
        raise arguments.error(TypeError, where, "`weights` and `biases` must be lists or tuples, an array per layer",
                              f"{type(weights).__name__} and {type(biases).__name__}", "pass net.weights, net.biases")
    w = [arguments.finite(where, a, f"weights[{i}]") for i, a in enumerate(weights)]
    b = [arguments.finite(where, a, f"biases[{i}]") for i, a in enumerate(biases)]
    chained = bool(w) and all(a.ndim == 2 for a in w) and all(a.shape[1] == c.shape[0] for a, c in pairwise(w))
    if not chained or [a.shape[1:] for a in w] != [a.shape for a in b]:
        raise arguments.error(ValueError, where, "`weights` (n_in, n_out) and `biases` (n_out,) must chain",
                              f"shapes {[a.shape for a in w]} and {[a.shape for a in b]}", "pass one of each per layer")
    return w, b
