"""GPTQ: least squares with rounding. Each row of weights corrects what rounding the rows before it did."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams, dequantize, parameters, quantize
from ..arguments import Codes, Reals

BLOCK = 32  # rows whose corrections by all rows before them are one matrix product; it changes the speed alone
LARGEST = np.finfo(np.float64).max


@arguments.quiet
def gptq(w: ArrayLike, h: ArrayLike, params: AffineParams, damp: float = 0.01, *, act_order: bool = False) -> Codes:
    """q_j = quantize(aim_j), aim_j = w_j - sum(r_ij / r_jj * d_i for i < j), one row of w after the other.

    d = w_hat - w is how far each weight was moved, and r is upper triangular with r @ r.T = h + damp * mean(diag(h)) *
    identity, the damped h. mean counts the inputs with h_jj > 0.

    Args:
        w: (n_in, n_out) finite reals; or blocks of inputs, (blocks, size, n_out), from split_blocks(w, size, axis=0).
        h: (n_in, n_in) finite reals, x.T @ x of calibration inputs x, a row per sample. A positive multiple of it gives
            the same codes.
        params: on any grid, of a shape that broadcasts to w's: () per tensor, (1, n_out) per output, (n_in, 1) or
            (n_in, n_out); where w is in blocks (blocks, 1, n_out), per group of inputs. They are given: the scale of a
            group does not follow the corrections of its weights (static groups).
        damp: what is added to the diagonal of h, in units of its mean.
        act_order: take the inputs in the order of h_jj, the largest first, not as they come. It need not help.
    Returns:
        Codes of w's shape in the grid's dtype. w is not written to.

    What is minimized: w_hat instead of w changes the output x @ w by x @ d, whose sum of squares is tr(d.T @ h @ d).
    Damping adds to h what noise in x would add. With this damped h = r @ r.T, tr(d.T @ h @ d) is the sum of squares of
    e = r.T @ d. Since r is upper triangular, row j of e depends on rows 0 to j of d alone:

        e_j = r_jj * d_j + sum(r_ij * d_i for i < j) = r_jj * (w_hat_j - aim_j)

    So the rows are rounded in turn. When row j is, the differences d_i of the rows before it are known, and the value
    nearest to aim_j makes |e_j| as small as it can be: at most r_jj * scale / 2, unless aim_j lies beyond the grid. No
    later row changes e_j. But a larger |e_j| might have made later ones smaller, and nobody asks that. So the sum of
    squares need not be the least.

    What r says, in words of least squares: regress x_j on the inputs after it. r_jj**2 is the residual sum of squares:
    the part of row j's error that no later row can correct. And r_ij / r_jj is how much of d_i row j takes back: the
    coefficient of x_i on x_j, after what the inputs after j explain has been removed from both. (The rows after j take
    back that part.)

    The paper corrects forward instead. As soon as row i is rounded, every row j after it moves to where the output is
    best again, by u_ij / u_ii * (w_hat_i - aim_i), and aim_i is w_i after the moves before. This is least squares in
    the rows after i, and u is the upper triangular factor of the inverse, u.T @ u = inverse of h. Both forms give the
    same codes: u is the inverse of r, so u_ii = 1 / r_ii, and the move is u_ij * e_i. And d = u.T @ e, so the moves of
    row j, summed over i < j, are d_j - u_jj * e_j = aim_j - w_j. The form here needs no inverse.

    Rounding each weight to the nearest does not give the best matrix. These two inputs are always equal, so that only
    the sum of the weights counts, 0.8:

    >>> from refquant import INT4, INT8
    >>> step, x = AffineParams(scale=1.0, zero_point=0, grid=INT4), np.array([[1.0, 1.0], [2.0, 2.0]])
    >>> quantize([[0.4], [0.4]], step).ravel(), gptq([[0.4], [0.4]], x.T @ x, step).ravel()
    (array([0, 0], dtype=int8), array([0, 1], dtype=int8))

    With two inputs GPTQ is never worse than nearest rounding, measured by the damped h: both round the first row alike,
    and GPTQ then rounds the second in the best way. With three it can be worse. Here nearest rounding has the larger
    |e_1|, and a much smaller |e_2|:

    >>> w = np.array([[-0.5], [0.3], [-0.1]])
    >>> h = np.array([[1.0, -0.3, 0.4], [-0.3, 1.0, 0.3], [0.4, 0.3, 1.0]])
    >>> for q in (quantize(w, step), gptq(w, h, step, damp=0)):
    ...     q.ravel().tolist(), round(float(np.sum((q - w) * (h @ (q - w)))), 3)
    ([0, 0, 0], 0.462)
    ([0, 1, -1], 0.602)

    Groups of 2 inputs:

    >>> from refquant import dynamic_params, join_blocks, split_blocks, symmetric_params
    >>> rng = np.random.default_rng(0)
    >>> x, w = rng.normal(size=(20, 4)), rng.normal(size=(4, 3))
    >>> blocks = split_blocks(w, 2, axis=0)
    >>> groups = dynamic_params(blocks, INT8, axis=1, fit=symmetric_params)
    >>> q = gptq(blocks, x.T @ x, groups)
    >>> groups.scale.shape, q.shape, join_blocks(dequantize(q, groups), axis=0).shape
    ((2, 1, 3), (2, 2, 3), (4, 3))

    A dead input, h_jj = 0, keeps its nearest codes and moves no other row, and so does padding of the last block. (The
    authors' code sets such weights to 0 and counts h_jj as 1.) Sums are float64. An aim is rounded in the dtype in
    which quantize rounds w. Where h is diagonal, aim_j is w_j, and the codes are those of quantize(w, params), bit for
    bit.

    Raises:
        ValueError: shapes that do not fit, NaN or infinities, an h that is no x.T @ x (not symmetric, or indefinite) or
            of no data (all 0), one that is singular after damping, a damp below 0; as quantize.
        TypeError: as quantize.
    Source: Frantar et al. 2022 (arXiv:2210.17323), section 4, algorithm 1; the forward move is eq. 2. Chen et al. 2025
    (arXiv:2507.18553) show that it is Babai's nearest plane algorithm for lattices. The bound on the sum of squares is
    the sum of (r_jj * scale / 2)**2.
    """
    w, h = arguments.finite("gptq", w, "w"), arguments.finite("gptq", h, "h")
    damp = arguments.real("gptq", damp, "damp", "from 0", lambda v: 0 <= v < np.inf, "0.01")
    _fitting(w, h, parameters("gptq", params))
    q = quantize(w, params)
    if not q.size:
        return q
    rows, q = w.reshape(-1, w.shape[-1]), q.reshape(-1, w.shape[-1])
    order = np.flatnonzero(np.diag(h))
    if act_order:
        order = order[np.argsort(-np.diag(h)[order], kind="stable")]
    r = _factor(h[np.ix_(order, order)], damp)
    each = _each_row(params, w.shape)
    q[order] = _rounded(rows[order], r / np.diag(r), [each[j] for j in order])
    return q.reshape(w.shape)


def _rounded(w: Reals, share: Reals, params: list[AffineParams]) -> Codes:
    """The codes of w's rows, each quantized after share[i, j] * d_i of every row i before it has been subtracted."""
    exact, d = w.astype(np.float64), np.zeros(w.shape)
    q = np.empty(w.shape, params[0].grid.dtype)
    dtype = params[0].grid.arithmetic(w.dtype)
    for first in range(0, len(w), BLOCK):
        after = slice(first, first + BLOCK)
        for j, correction in enumerate(share[:first, after].T @ d[:first], first):
            correction += share[first:j, j] @ d[first:j]
            aim = exact[j] - (correction + 0.0)  # never -0.0: subtracting it would take the sign from zeros of w
            q[j] = quantize(aim.astype(dtype), params[j])
            np.clip(dequantize(q[j], params[j]) - exact[j], -LARGEST, LARGEST, out=d[j])  # no infinity (R11)
    return q


def _factor(h: Reals, damp: float) -> Reals:
    """r, upper triangular, r @ r.T = h / mean(diag(h)) + damp * identity: Cholesky's factor, from the last input on."""
    noise = 8 * np.finfo(h.dtype).eps
    h = h.astype(np.float64)
    h /= np.mean(np.diag(h))
    h[np.diag_indices_from(h)] += damp
    try:
        r = np.linalg.cholesky(h[::-1, ::-1])[::-1, ::-1]
    except np.linalg.LinAlgError:
        r = np.zeros_like(h)
    if not (np.diag(r) ** 2 > noise * np.diag(h)).all():
        raise arguments.error(ValueError, "gptq", "`h` must be positive definite after `damp` times the mean of its "
                              "diagonal is added to it", f"damp={damp} and inputs that others explain fully",
                              "raise damp, 0.01 is usual; or take more calibration rows than there are inputs")
    return r


def _each_row(params: AffineParams, shape: tuple[int, ...]) -> list[AffineParams]:
    """The parameters of each row of weights, which blocks count through."""
    shared, last = params.scale.shape[:-1], params.scale.shape[-1:]
    distinct = [AffineParams(scale=scale, zero_point=zero, grid=params.grid) for scale, zero in zip(
        params.scale.reshape(-1, *last), params.zero_point.reshape(-1, *last), strict=True)]
    which = np.broadcast_to(np.arange(len(distinct)).reshape(shared), shape[:-1])
    return [distinct[i] for i in which.flat]


def _fitting(w: Reals, h: Reals, params: AffineParams) -> None:
    """h is x.T @ x of the inputs of w; of the last block some may be padding."""
    n = h.shape[0] if h.ndim else 0
    padded = int(np.prod(w.shape[:-1])) - n
    if w.ndim not in (2, 3) or h.shape != (n, n) or not 0 <= padded < (w.shape[1] if w.ndim == 3 else 1):
        raise arguments.error(ValueError, "gptq", "`w` must be (n_in, n_out) or (blocks, size, n_out), and `h` (n_in, "
                              "n_in)", f"shapes {w.shape} and {h.shape}", "give h = x.T @ x of the layer's inputs x")
    if params.scale.ndim > w.ndim == 2:
        raise arguments.error(ValueError, "gptq", "parameters must broadcast to the shape of the data (R12)",
                              f"parameters of shape {params.scale.shape} for w of shape {w.shape}",
                              "of groups, give w in blocks, too: split_blocks(w, size, axis=0)")
    if not h.any():
        raise arguments.error(ValueError, "gptq", "`h` must be x.T @ x of at least one calibration row that is not 0",
                              f"zeros alone of shape {h.shape}", "give the layer's inputs on calibration data")
    norm, tol = np.sqrt(np.maximum(np.diag(h), 0)), max(1e-4, 4 * float(np.finfo(h.dtype).eps))
    most = norm[:, None] * norm
    arguments.none("gptq", (np.abs(h - h.T) > tol * most) | (np.abs(h) > (1 + tol) * most), h, "`h` must be x.T @ x: "
                   "symmetric, and |h_ij| at most sqrt(h_ii * h_jj)", "give h = x.T @ x of the layer's inputs x")
