"""The quantized model: matrices, their inputs, keys and values on grids. PTQ and QAT both return it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import arguments
from ..affine import AffineParams, dequantize, quantize
from ..arguments import Codes, Reals
from ..blocks import bits_per_value, join_blocks, scale_bits, split_blocks
from ..calibration import static_params
from ..gradients import straight_through
from ..grids import Grid
from ..methods import gptq, hadamard
from ..mlp.model import Pullback, Through
from ..mlp.ptq import WeightRule
from ..mlp.quantized import Dynamic
from ..observers import Observer, minmax_observer
from ..ranges import Fit, affine_params
from .model import LM, Sizes, flat, float_model, known_codes, named, windows
from .network import WEIGHTS, chain, network

At: TypeAlias = AffineParams | Dynamic
Rounding: TypeAlias = Callable[[Reals, Reals, AffineParams], Codes]


class Static(NamedTuple):
    """One range for a matrix's input, from calibration data; Dynamic, as in mlp, takes it from each input instead.

    >>> from refquant import UINT4
    >>> float(Static(UINT4).params(np.float32([[0.0, 15.0]])).scale)
    1.0
    """

    grid: Grid
    observer: Observer = minmax_observer
    fit: Fit = affine_params

    def params(self, x: Reals) -> AffineParams:
        """The parameters for inputs like x."""
        return static_params([x], self.grid, observer=self.observer, fit=self.fit)


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

    >>> from refquant import INT4, UINT8
    >>> from refquant.lm import Sizes, forward, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> quantized = ptq(model, np.arange(9) % 2, weights=WeightRule(INT4, axis=0), inputs=Static(UINT8))
    >>> quantized.codes["head"].dtype, forward(quantized, [[0, 1]]).shape, model.nbytes, quantized.nbytes
    (dtype('int8'), (1, 2, 2), 1008, 485)

    Raises:
        ValueError: as LM; a matrix that is not on its grid; parameters of other names.
    """

    params: tuple[tuple[str, At], ...]
    block: int | None = None
    rotated: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        named = {name.removesuffix(WEIGHTS) for name, _ in self.params} | {*self.rotated}
        if unknown := named - {*self.matrices, *kept(self.sizes)}:
            raise arguments.error(ValueError, "QuantizedLM", "`params` and `rotated` must name matrices, keys, values",
                                  sorted(unknown), f"{', '.join(self.matrices[:3])} and so on are matrices")
        for name, at in self._matrix_params.items():
            if (_reals(self.codes[name], at, self.block) != self.arrays[name]).any():
                raise arguments.error(ValueError, "QuantizedLM", "a quantized matrix must lie on its grid", name,
                                      "ptq and train_qat make such models")

    @property
    def codes(self) -> dict[str, Codes]:
        """The codes of each quantized matrix, (n_in, n_out)."""
        return {name: _codes(nearest, self.arrays[name], self.theta, at, self.block)
                for name, at in self._matrix_params.items()}

    @property
    def _matrix_params(self) -> dict[str, AffineParams]:
        return {name.removesuffix(WEIGHTS): at for name, at in self.params
                if name.endswith(WEIGHTS) and isinstance(at, AffineParams)}

    @property
    def quantizers(self) -> dict[str, Through]:
        """What rounds inputs, keys and values."""
        return {name: self.placed(name, rounded(at)) for name, at in self.params if not name.endswith(WEIGHTS)}

    def placed(self, name: str, quantizer: Through) -> Through:
        """The quantizer as it stands in the network: behind a rotation, or on blocks of weights."""
        if name.endswith(WEIGHTS) and self.block is not None:
            return partial(_in_blocks, quantizer, self.block)
        return chain(_rotation, quantizer) if name in self.rotated else quantizer

    @property
    def nbytes(self) -> int:
        """Payload in bytes: packed codes, scales and zero points; four for each number that stays float32."""
        bits = 32.0 * self.theta.size
        for name, at in self.params:
            if name.endswith(WEIGHTS) and isinstance(at, AffineParams):
                size = self.arrays[name.removesuffix(WEIGHTS)].size
                bits += size * (bits_per_value(at, size) - 32)
            elif isinstance(at, AffineParams):
                bits += scale_bits(at) + at.grid.bits * at.grid.equal_steps
        return -int(-bits // 8)


def kept(sizes: Sizes) -> list[str]:
    """The names of what attention keeps."""
    return [f"{i}.{name}" for i in range(sizes.layers) for name in ("keys", "values")]


def nearest(w: Reals, x: Reals, params: AffineParams) -> Codes:  # noqa: ARG001
    """quantize(w, params)."""
    return quantize(w, params)


def by_gptq(w: Reals, x: Reals, params: AffineParams) -> Codes:
    """gptq(w, x.T @ x, params)."""
    return gptq(w, x.T.astype(np.float64) @ x, params)


@arguments.quiet
def ptq(model: LM, codes: Codes, *, weights: WeightRule | None = None, inputs: Static | Dynamic | None = None,
        cache: Dynamic | None = None, rounding: Rounding = nearest, rotate: Collection[str] = ()) -> QuantizedLM:
    """Every matrix on the grid of its rule, every input, key and value on its own; what is None stays float.

    Args:
        model: a float model; it stays as it was.
        codes: (n,) calibration text, more characters than the context; the float model's inputs on it are looked at.
        weights: the grid, and the axes reduced over: WeightRule(grid) is per tensor, (grid, axis=0) per output,
            (grid, block=32) per group of inputs; clip= and fit= as in mlp.
        inputs: of every matrix. Dynamic(grid, axis=-1) is per token, Dynamic(grid) per batch.
        cache: keys and values. Dynamic(grid, axis=-1) is per token and head.
        rounding: (w, x, params) -> codes of w for inputs x: nearest or by_gptq.
        rotate: the matrices whose inputs are rotated: ("0.down",), or model.matrices. Sizes must be powers of two.

    >>> from refquant import INT4, NF4, UINT8
    >>> from refquant.lm import Sizes, init
    >>> model = init(np.random.default_rng(0), "ab", Sizes(width=4, heads=2, context=8, layers=1))
    >>> text = np.arange(9) % 2
    >>> ptq(model, text, weights=WeightRule(NF4, block=2), rounding=by_gptq).codes["head"].dtype
    dtype('uint8')
    >>> kept = ptq(model, text, cache=Dynamic(UINT8, axis=-1))
    >>> [name for name, at in kept.params], bool((kept.theta == model.theta).all())
    (['0.keys', '0.values'], True)

    Raises:
        ValueError: as forward and windows; what a grid, a fit or a rounding refuses.
        TypeError: no float model.
    """
    turned, params = rotated("ptq", model, rotate), dict[str, At]()
    arrays = dict(turned.arrays)
    for name, x in matrix_inputs(model, codes).items():
        x = hadamard(x) if name in rotate else x
        if inputs is not None:
            params[name] = inputs.params(x) if isinstance(inputs, Static) else inputs
        if weights is not None:
            params[name + WEIGHTS] = at = weights.params(arrays[name])
            arrays[name] = _reals(_codes(rounding, arrays[name], x, at, weights.block), at, weights.block)
    if cache is not None:
        params |= dict.fromkeys(kept(model.sizes), cache)
    return QuantizedLM(symbols=model.symbols, sizes=model.sizes, theta=flat(arrays), params=tuple(params.items()),
                       block=None if weights is None else weights.block, rotated=tuple(rotate))


def quantized(start: QuantizedLM, theta: Reals, params: dict[str, At]) -> QuantizedLM:
    """The model of these numbers and parameters, its matrices rounded to the nearest, otherwise like start."""
    arrays = {name: _reals(_codes(nearest, w, w, at, start.block), at, start.block)
              if isinstance(at := params.get(name + WEIGHTS), AffineParams) else w
              for name, w in named(theta, len(start.symbols), start.sizes).items()}
    return replace(start, theta=flat(arrays), params=tuple(params.items()))


def rotated(where: str, model: LM, names: Collection[str]) -> LM:
    """The float model with H @ w for every matrix w whose input is rotated."""
    float_model(where, model)
    return replace(model, theta=flat({name: hadamard(a, axis=0) if name in names else a
                                      for name, a in model.arrays.items()}))


def _cut(w: Any, block: int | None) -> Any:
    return w if block is None else split_blocks(w, min(block, len(w)), 0)


def _joined(w: Any, block: int | None, length: int) -> Any:
    return w if block is None else join_blocks(w, 0, length)


def _codes(rounding: Rounding, w: Reals, x: Reals, at: AffineParams, block: int | None) -> Codes:
    """The codes (n_in, n_out) of a matrix for inputs x."""
    codes: Codes = _joined(rounding(_cut(w, block), x, at), block, len(w))
    return codes


def _reals(codes: Codes, at: AffineParams, block: int | None) -> Reals:
    """What the codes (n_in, n_out) of a matrix mean."""
    reals: Reals = _joined(dequantize(_cut(codes, block), at), block, len(codes))
    return reals


def _in_blocks(quantizer: Through, block: int, w: Reals) -> tuple[Reals, Pullback]:
    w_hat, back = quantizer(_cut(w, block))
    return _joined(w_hat, block, len(w)), lambda g: _joined(back(_cut(g, block)), block, len(w))


def _rotation(x: Reals) -> tuple[Reals, Pullback]:
    return hadamard(x), hadamard


def matrix_inputs(model: LM, codes: Codes) -> dict[str, Reals]:
    """The inputs (rows, n_in) of every matrix on a text."""
    rows, _ = windows(known_codes("ptq", model, codes), model.sizes.context)
    seen: dict[str, Reals] = {}

    def looked_at(name: str) -> Through:
        return lambda x: (seen.setdefault(name, x), lambda g: g)

    network(model.arrays, rows, model.sizes.heads, {name: looked_at(name) for name in model.matrices})
    return seen


def rounded(at: At) -> Through:
    """Fake quantization whose gradient passes straight through."""
    def through(x: Reals) -> tuple[Reals, Pullback]:
        params = at if isinstance(at, AffineParams) else at.params(x)
        return straight_through(x, params.scale, params.zero_point, params.grid)
    return through
