"""What lesson 09 compares: engines, choices of parameters, and layers, each called in one way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...affine import AffineParams, quantize
from ...engines import litert, onnxruntime, pytorch, torchao
from ...engines.operators import OPERATORS
from ...grids import INT8, UINT8, Grid
from ...integer import integer_matmul, quantize_multiplier, requantize
from ...mlp import QuantizedNet
from ...ranges import affine_params, symmetric_params

Array: TypeAlias = NDArray[Any]
Engine: TypeAlias = Callable[[Array, AffineParams], Array]
Fit: TypeAlias = Callable[[float, float], AffineParams]


#: engine(x, params) -> codes: one scale and one zero point for all of x, float32 to INT8.
ENGINES: dict[str, Engine] = {"refquant": quantize, **{name: OPERATORS[operator].function for name, operator in {
    "ONNX Runtime": "ONNX Runtime QuantizeLinear",
    "LiteRT, reference": "LiteRT QUANTIZE, reference",
    "LiteRT, XNNPACK": "LiteRT QUANTIZE, XNNPACK",
    "torchao": "torchao quantize_affine",
    "PyTorch, per channel": "torch.quantize_per_channel",
    "PyTorch, per tensor": "torch.quantize_per_tensor",
}.items()}}


def code_of(engine: Engine, x: float, scale: float, zero_point: int) -> int | str:
    """The INT8 code of one float32 number, or "refused".

    >>> [code_of(ENGINES[name], 2.5, 1.0, 0) for name in ("ONNX Runtime", "LiteRT, reference")]
    [2, 3]
    """
    params = AffineParams(scale=np.float32(scale), zero_point=zero_point, grid=INT8)
    try:
        return int(engine(np.array([x], np.float32), params)[0])
    except ValueError:
        return "refused"


def _by_refquant(real: Any) -> tuple[Fit, Fit]:
    return (lambda lo, hi: affine_params(real(lo), real(hi), UINT8),
            lambda lo, hi: symmetric_params(real(lo), real(hi), INT8))


def _by_onnxruntime(lo: float, hi: float) -> AffineParams:
    _, scale, zero_point = onnxruntime.dynamic_quantize_linear(np.array([lo, hi], np.float32))
    return AffineParams(scale=scale, zero_point=zero_point, grid=UINT8)


def _by_pytorch(fit: Any, grid: Grid) -> Fit:
    def params(lo: float, hi: float) -> AffineParams:
        scale, zero_point = fit(lo, hi, grid)
        return AffineParams(scale=scale, zero_point=zero_point, grid=grid)
    return params


def _by_torchao(mapping: Any, grid: Grid) -> Fit:
    def params(lo: float, hi: float) -> AffineParams:
        scale, zero_point = torchao.choose_qparams_affine(np.array([lo, hi], np.float32), mapping, (2,), grid)
        return AffineParams(scale=scale.reshape(()), zero_point=zero_point.reshape(()), grid=grid)
    return params


#: (affine(lo, hi) -> params on UINT8, symmetric(lo, hi) -> params on INT8, if there is such).
FITS: dict[str, tuple[Fit, Fit | None]] = {
    "refquant, float32": _by_refquant(np.float32),
    "refquant, float64": _by_refquant(np.float64),
    "ONNX Runtime": (_by_onnxruntime, None),
    "PyTorch": (_by_pytorch(pytorch.affine_qparams, UINT8), _by_pytorch(pytorch.symmetric_qparams, INT8)),
    "torchao": (_by_torchao(torchao.asymmetric, UINT8), _by_torchao(torchao.symmetric, INT8)),
}


def _accumulate(x: Array, w: Array, bias: Array, x_params: AffineParams, w_params: AffineParams,
                y_params: AffineParams) -> tuple[Array, Any]:
    """acc, and the real multiplier."""
    acc = integer_matmul(x, w.T).astype(np.int64) - x_params.zero_point * w.sum(axis=1, dtype=np.int64) + bias
    return acc, float(x_params.scale) * float(w_params.scale) / float(y_params.scale)


def _r14(*layer: Any) -> Array:
    acc, m = _accumulate(*layer)
    return requantize(acc, *quantize_multiplier(m), layer[-1].zero_point, INT8)


def _gemmlowp(*layer: Any) -> Array:
    acc, m = _accumulate(*layer)
    return litert.requantize_gemmlowp(acc, *litert.quantize_multiplier(m), layer[-1].zero_point, INT8)


#: layer(x, w, bias, x_params, w_params, y_params) -> codes: INT8 all through, w (units, depth), one scale each.
LAYERS: dict[str, Callable[..., Array]] = {
    "refquant (R14)": _r14,
    "LiteRT, reference": litert.fully_connected_reference,
    "LiteRT, XNNPACK": litert.fully_connected_xnnpack,
    "LiteRT, ruy": litert.fully_connected_ruy,
    "gemmlowp": _gemmlowp,
}


def stages(layer: Callable[..., Array], net: QuantizedNet, steps: Sequence[AffineParams], x: ArrayLike) -> list[Array]:
    """The codes that leave each layer, where `layer` computes all of them; steps: the parameters of the input, of what
    goes from layer to layer, and of the logits. A ReLU stands after each layer but the last."""
    q, made = quantize(np.asarray(x, np.float32), steps[0]), []
    for i, at in enumerate(net.layers):
        q = layer(q, at.codes.T, at.bias, steps[i], at.weight, steps[i + 1])
        if i < len(net.layers) - 1:
            q = np.maximum(q, steps[i + 1].zero_point.astype(q.dtype))
        made.append(q)
    return made


def turning_points(predict: Callable[[Array], Array], x: Array, rounds: int = 22) -> Array:
    """Images on the way from each to the one before it, right before predict changes; pairs predicted alike are left
    out.

    >>> turning_points(lambda x: x[:, 0] > 0.25, np.array([[0.0], [1.0]]), rounds=30).round(3).tolist()
    [[0.25], [0.25]]
    """
    start, end = x, np.roll(x, 1, axis=0)
    two = predict(start) != predict(end)
    start, end = start[two], end[two]
    before, after, first = np.zeros((len(start), 1), x.dtype), np.ones((len(start), 1), x.dtype), predict(start)
    for _ in range(rounds):
        t = (before + after) / 2
        same = (predict(start + t * (end - start)) == first)[:, None]
        before, after = np.where(same, t, before), np.where(same, after, t)
    return np.asarray(start + before * (end - start))
