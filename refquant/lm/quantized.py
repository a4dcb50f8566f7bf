"""The quantized model: matrices, their inputs, keys and values on grids. PTQ and QAT both return it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from .. import arguments
from ..affine import AffineParams, dequantize, quantize
from ..arguments import Codes, Reals
from ..blocks import bits_per_value, join_blocks, split_blocks
from ..gradients import straight_through
from ..methods import hadamard, smoothquant
from ..mlp.model import Pullback, Through
from ..mlp.ptq import WeightRule
from ..mlp.quantized import Dynamic
from .model import LM, flat, float_model, named, windows
from .network import WEIGHTS, Quantizers, chain, network


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedLM(LM):
    """A model whose matrices hold reals that have codes, and whose other values are rounded on their way.

    Args:
        symbols, sizes, theta: as LM. Embedding, positions and gains stay float32.
        params: pairs of a name and parameters. "0.qkv" is the matrix's input, AffineParams where its range is static,
            Dynamic where not; "0.qkv weights" the matrix itself; "0.keys" and "0.values" what attention keeps. What has
            no pair is not quantized.
        block: how many inputs of an output share a scale; None where all do.
        rotated: the matrices whose inputs are rotated before they are quantized; they hold H @ w.

    >>> from refquant import INT4
    >>> from refquant.lm import Sizes, forward, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> quantized = ptq(model, np.arange(9) % 2, weights=WeightRule(INT4, axis=0))
    >>> quantized.codes["head"].dtype, forward(quantized, [[0, 1]]).shape, model.nbytes, quantized.nbytes
    (dtype('int8'), (1, 2, 2), 1008, 460)

    ptq, train_qat and train_lsq make such models. Raises: as LM.
    """

    params: tuple[tuple[str, Any], ...]
    block: int | None = None
    rotated: tuple[str, ...] = ()

    @property
    def codes(self) -> dict[str, Codes]:
        """The codes of each quantized matrix, (n_in, n_out)."""
        return {name: _rounded(self.arrays[name], at, self.block)[0] for name, at in _of_matrices(self.params)}

    @property
    def quantizers(self) -> Quantizers:
        """What rounds inputs, keys and values."""
        return {name: self.placed(name, partial(rounded, at)) for name, at in self.params if not name.endswith(WEIGHTS)}

    def placed(self, name: str, quantizer: Through) -> Through:
        """The quantizer as it stands in the network: behind a rotation, or on blocks of weights."""
        if name.endswith(WEIGHTS):
            return partial(_in_blocks, quantizer, self.block)
        rotation = (lambda x: (hadamard(x), hadamard),) if name in self.rotated else ()  # H is its own transpose
        return partial(chain, (*rotation, quantizer))

    @property
    def nbytes(self) -> int:
        """Payload in bytes: packed codes, scales and zero points; four for each number that stays float32."""
        bits = 32.0 * self.theta.size
        for name, at in self.params:
            size = self.arrays[name.removesuffix(WEIGHTS)].size if name.endswith(WEIGHTS) else 0
            if isinstance(at, AffineParams):  # of what is not kept, scale and zero point alone
                bits += size * (bits_per_value(at, size) - 32) if size else bits_per_value(at, 1) - at.grid.bits
        return -int(-bits // 8)


def kept(model: LM) -> list[str]:
    """The names of what attention keeps."""
    return [f"{i}.{name}" for i in range(model.sizes.layers) for name in ("keys", "values")]


def nearest(w: Reals, h: Reals, params: AffineParams) -> Codes:  # noqa: ARG001
    """quantize(w, params), whatever h is: the rounding beside methods.gptq, which takes the same arguments.

    >>> from refquant import INT4, symmetric_params
    >>> nearest(np.float32([[0.5], [7.0]]), np.eye(2), symmetric_params(-7.0, 7.0, INT4)).ravel()
    array([0, 7], dtype=int8)
    """
    return quantize(w, params)


@arguments.quiet
def ptq(model: LM, codes: Codes, *, weights: WeightRule | None = None,
        inputs: Dynamic | Callable[[Iterable[Reals]], AffineParams] | None = None, cache: Dynamic | None = None,
        rounding: Callable[..., Codes] = nearest, rotate: Collection[str] = ()) -> QuantizedLM:
    """Every matrix on the grid of its rule, every input, key and value on its own; what is None stays float.

    Args:
        model: a float model; it stays as it was.
        codes: (n,) calibration text, more characters than the context; the float model's inputs on it are looked at.
        weights: the grid, and the axes reduced over: WeightRule(grid) is per tensor, (grid, axis=0) per output,
            (grid, block=32) per group of inputs; clip= and fit= as in mlp.
        inputs: of every matrix. Dynamic(grid, axis=-1) is per token, Dynamic(grid) per batch. A function of batches is
            static: partial(rq.static_params, grid=grid), with observer= and fit= as there.
        cache: keys and values. Dynamic(grid, axis=-1) is per token and head.
        rounding: (w, h, params) -> codes, h = x.T @ x of the inputs: nearest, or methods.gptq.
        rotate: the matrices whose inputs are rotated: ("0.down",), or model.matrices. Sizes must be powers of two.

    >>> from refquant import NF4, UINT8, static_params
    >>> from refquant.methods import gptq
    >>> from refquant.lm import Sizes, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> text = np.arange(9) % 2
    >>> ptq(model, text, weights=WeightRule(NF4, block=2), rounding=gptq).codes["head"].dtype
    dtype('uint8')
    >>> [name for name, at in ptq(model, text, inputs=partial(static_params, grid=UINT8)).params]
    ['0.qkv', '0.out', '0.up', '0.down', 'head']

    Raises:
        ValueError: a text that is too short or has other codes; what a grid, a fit or a rounding refuses.
        TypeError: no float model.
    """
    seen, arrays, params = matrix_inputs("ptq", model, codes), rotated(model, rotate).arrays, dict[str, Any]()
    for name, x in seen.items():
        x = hadamard(x) if name in rotate else x
        if inputs is not None:
            params[name] = inputs if isinstance(inputs, Dynamic) else arguments.called(
                "ptq", "inputs", "of batches, or Dynamic", "partial(rq.static_params, grid=grid)", inputs, [x])
        if weights is not None:
            params[name + WEIGHTS] = at = weights.params(arrays[name])
            arrays[name] = _rounded(arrays[name], at, weights.block, rounding, x.T.astype(np.float64) @ x)[1]
    if cache is not None:
        params |= dict.fromkeys(kept(model), cache)
    return QuantizedLM(symbols=model.symbols, sizes=model.sizes, theta=flat(arrays), params=tuple(params.items()),
                       block=None if weights is None else weights.block, rotated=tuple(rotate))


def on_grids(start: QuantizedLM, theta: Reals, params: Mapping[str, Any]) -> QuantizedLM:
    """The model of these numbers and parameters, its matrices rounded to the nearest, otherwise like start."""
    arrays = named(theta, start)
    arrays |= {name: _rounded(arrays[name], at, start.block)[1] for name, at in _of_matrices(params.items())}
    return replace(start, theta=flat(arrays), params=tuple(params.items()))


def rotated(model: LM, names: Collection[str]) -> LM:
    """The float model with H @ w for every matrix w whose input is rotated."""
    if isinstance(names, str) or not {*names} <= {*model.matrices}:
        raise arguments.error(ValueError, "ptq", "`rotate` must hold some of model.matrices", names, "('head',), say")
    return replace(model, theta=flat(model.arrays | {name: hadamard(model.arrays[name], axis=0) for name in names}))


def matrix_inputs(where: str, model: LM, codes: Codes) -> dict[str, Reals]:
    """The inputs (rows, n_in) of every matrix of a float model on a text."""
    float_model(where, model)
    seen: dict[str, Reals] = {}

    def looked_at(name: str) -> Through:
        return lambda x: (seen.setdefault(name, x), lambda g: g)

    rows, _ = windows(where, model, codes)
    network(model.arrays, rows, model.sizes.heads, {name: looked_at(name) for name in model.matrices})
    return seen


def rounded(at: Any, x: Reals) -> tuple[Reals, Pullback]:
    """Fake quantization whose gradient passes straight through."""
    params = at.params(x) if isinstance(at, Dynamic) else at
    return straight_through(x, params.scale, params.zero_point, params.grid)


def _of_matrices(params: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name.removesuffix(WEIGHTS), at) for name, at in params if name.endswith(WEIGHTS)]


def _cut(w: Reals, block: int | None) -> Reals:
    """A matrix in blocks of inputs, (blocks, size, n_out); all inputs are one block for None."""
    return split_blocks(w, min(block or len(w), len(w)), 0)


def _rounded(w: Reals, at: AffineParams, block: int | None, rounding: Any = nearest, h: Any = None) -> Any:
    """A matrix as codes and as the reals that they mean, both (n_in, n_out)."""
    codes = rounding(_cut(w, block), h, at)
    return join_blocks(codes, 0, len(w)), join_blocks(dequantize(codes, at), 0, len(w))


def _in_blocks(quantizer: Through, block: int | None, w: Reals) -> tuple[Reals, Pullback]:
    w_hat, back = quantizer(_cut(w, block))
    return join_blocks(w_hat, 0, len(w)), lambda g: join_blocks(back(_cut(g, block)), 0, len(w))


def channel_maxima(model: LM, codes: Codes) -> dict[str, Reals]:
    """The largest |x| of each channel of every matrix's input on a text, (n_in,).

    >>> from refquant.lm import Sizes, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> channel_maxima(model, np.arange(9) % 2)["0.down"].shape
    (16,)

    Raises: as ptq.
    """
    return {name: np.abs(x).max(axis=0) for name, x in matrix_inputs("channel_maxima", model, codes).items()}


def with_outliers(model: LM, factor: float, channels: Sequence[int] = (3, 42)) -> LM:
    """Gains of the channels * factor, and rows of the next matrix / factor, at every norm: the function stays.

    This is SmoothQuant run backwards, so smoothed undoes it by construction.

    >>> from refquant.lm import Sizes, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> with_outliers(model, 100, [1]).arrays["head gains"]
    array([  1., 100.,   1.,   1.], dtype=float32)

    Raises:
        ValueError: a factor that is not positive, channels that the model does not have.
        TypeError: no float model.
    """
    float_model("with_outliers", model)
    factor = arguments.real("with_outliers", factor, "factor", "above 0", lambda v: 0 < v < np.inf, "100")
    s = np.ones(model.sizes.width, np.float32)
    s[arguments.within("with_outliers", channels, 0, len(s) - 1, "channels", "of the width", "(3, 42)")] = 1 / factor
    return _rescaled(model, dict.fromkeys(model.matrices, s))


def smoothed(model: LM, codes: Codes, alpha: float = 0.5) -> LM:
    """Gains / s, and rows of the next matrix * s, with s of smoothquant on a text's inputs: the function stays.

    >>> from refquant.lm import Sizes, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> outliers, text = with_outliers(model, 100, [1]), np.arange(9) % 2
    >>> [bool(channel_maxima(m, text)["head"].max() > 20) for m in (outliers, smoothed(outliers, text))]
    [True, False]

    Raises: as ptq and smoothquant.
    """
    return _rescaled(model, {name: smoothquant(x, model.arrays[name], alpha)
                             for name, x in matrix_inputs("smoothed", model, codes).items()})


def _rescaled(model: LM, scales: Mapping[str, Reals]) -> LM:
    """Every norm's gains / s, the rows of the next matrix * s."""
    arrays = model.arrays
    for name, s in scales.items():
        if (gains := f"{name} gains") in arrays:
            arrays[gains], arrays[name] = arrays[gains] / s, arrays[name] * s[:, None]
    return replace(model, theta=flat(arrays))
