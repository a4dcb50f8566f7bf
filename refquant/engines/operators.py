"""Every operator that quantizes numbers by one scale, as one record: its names, its function, its convention.

The disagreement table, `refquant explain --engine` and `identify` read OPERATORS; a new operator is one function and
one record:

    OPERATORS["mine"] = Operator("mine", "mine", my_function, Convention(rounding=choices.half_away), engine="mine")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import arguments
from ..affine import AffineParams, quantize
from ..arguments import Codes, Reals
from ..grids import INT8, INT16, UINT8, Grid
from . import blocks, choices, litert, onnxruntime, pytorch, torchao
from .conventions import Convention
from .steps import Step, sentence

Dtypes: TypeAlias = Mapping[type[Any], type[Any]]
SINGLE: Dtypes = {np.float32: np.float32}
WIDENED: Dtypes = {**SINGLE, np.float16: np.float32}


class Operator(NamedTuple):
    """An engine's operator that quantizes numbers by one scale and one zero point.

    Args:
        name: as `identify` and the JSON of `refquant engines` call it.
        short: as lists and pictures do; no comma.
        function: (x, params) -> codes, for params of one scale and one zero point.
        convention: the choices that give these codes, and tell the steps.
        grids: what it takes.
        dtypes: of the data it takes, and for each the dtype in which it computes.
        engine: what `refquant explain --engine` calls it by; "" where a code does not mean scale * (q - zero_point),
            or where it is no engine's default.
    """

    name: str
    short: str
    function: Callable[[Any, AffineParams], Any]
    convention: Convention
    grids: tuple[Grid, ...] = (INT8, UINT8)
    dtypes: Dtypes = SINGLE
    engine: str = ""

    def steps(self, x: Any, params: AffineParams) -> list[Step]:
        """The steps of one number to its code, which must be the function's.

        >>> from refquant import INT8
        >>> params = AffineParams(scale=np.float32(1), zero_point=0, grid=INT8)
        >>> OPERATORS["LiteRT QUANTIZE, reference"].steps(np.float32(2.5), params)[-1].value
        3

        Raises:
            ValueError: a number or parameters that the operator does not take.
            RuntimeError: a convention that is not the function's.
        """
        code = int(self.function(x.reshape(1), params)[0])
        dtype = self.dtypes[x.dtype.type]
        steps = self.convention.steps(dtype(x), dtype(params.scale), int(params.zero_point), params.grid)
        if steps[-1].value != code:
            raise RuntimeError(f"{self.name} gives {code}, its steps {steps[-1].value}: {sentence(steps)}")
        return steps


# ---------------------------------------------------------------------------------------------- called in one way

def _linear(**options: Any) -> Callable[[Any, AffineParams], Codes]:
    return lambda x, params: onnxruntime.quantize_linear(x, params.scale, params.zero_point.astype(params.grid.dtype),
                                                         grid=params.grid, **options)


def _per_tensor(x: Reals, params: AffineParams) -> Codes:
    return pytorch.quantize_per_tensor(x, float(params.scale), int(params.zero_point), params.grid)


def _channel(f: Callable[..., Any], x: Reals, params: AffineParams) -> Any:
    return f(x.reshape(1, -1), [float(params.scale)], [int(params.zero_point)], 0, params.grid)


def _per_channel(x: Reals, params: AffineParams) -> Codes:
    return np.reshape(_channel(pytorch.quantize_per_channel, x, params), x.shape)


def _fake_per_tensor(x: Reals, params: AffineParams) -> Codes:
    f = pytorch.fake_quantize_per_tensor_affine
    return _meant(f(x, float(params.scale), int(params.zero_point), params.grid)[0], params)


def _fake_per_channel(x: Reals, params: AffineParams) -> Codes:
    return _meant(_channel(pytorch.fake_quantize_per_channel_affine, x, params)[0].reshape(x.shape), params)


def _meant(x_hat: Reals, params: AffineParams) -> Codes:
    """The codes that fake-quantized reals mean."""
    if np.isinf(x_hat).any():
        raise arguments.error(ValueError, "fake quantization", "`x_hat` must be finite, to mean a code",
                              x_hat[np.isinf(x_hat)][0], "take a smaller scale")
    return np.rint(x_hat.astype(np.float64) / float(params.scale)).astype(np.int64) + params.zero_point


def _torchao(x: Reals, params: AffineParams) -> Codes:
    if not x.size:
        return x.astype(params.grid.dtype)  # torchao has no empty blocks
    return torchao.quantize_affine(x, x.shape, params.scale.reshape(1), params.zero_point.reshape(1), params.grid)


# ---------------------------------------------------------------------------------------------- the records

THREE = (INT8, UINT8, INT16)
#: The formula itself.
RULE = Operator("refquant", "refquant", quantize, Convention(), THREE, {**WIDENED, np.float64: np.float64})
#: Name -> operator. More may be entered.
OPERATORS = {operator.name: operator for operator in (
    Operator("ONNX Runtime QuantizeLinear", "ONNX Runtime", _linear(), Convention(nan=choices.lowest), THREE, WIDENED,
             "onnxruntime"),
    Operator("ONNX Runtime QuantizeLinear, precision=float16", "ONNX Runtime float16", _linear(precision=np.float16),
             Convention(choices.in_float16, nan=choices.lowest), dtypes=WIDENED),
    Operator("torch.quantize_per_tensor", "torch tensor", _per_tensor,
             Convention(choices.fused_reciprocal, choices.before_rounding, nan=choices.highest), engine="pytorch"),
    Operator("torch.quantize_per_channel", "torch channel", _per_channel,
             Convention(choices.reciprocal, choices.before_rounding, nan=choices.zero), engine="pytorch"),
    Operator("torch.fake_quantize_per_tensor_affine", "torch fake tensor", _fake_per_tensor,
             Convention(choices.reciprocal, nan=choices.lowest), THREE, WIDENED, "pytorch"),
    Operator("torch.fake_quantize_per_channel_affine", "torch fake channel", _fake_per_channel,
             Convention(choices.reciprocal, cast=choices.sum_through_int64), THREE, WIDENED, "pytorch"),
    Operator("torchao quantize_affine", "torchao", _torchao, Convention(choices.reciprocal, nan=choices.zero), THREE,
             {**SINGLE, np.float16: np.float16}, "torchao"),
    Operator("LiteRT QUANTIZE, reference", "LiteRT reference", litert.quantize_reference,
             Convention(rounding=choices.half_away, cast=choices.through_int32), THREE, engine="litert"),
    Operator("LiteRT QUANTIZE, XNNPACK", "LiteRT XNNPACK", litert.quantize_xnnpack,
             Convention(choices.flushed_reciprocal, nan=choices.highest), engine="litert"),
    Operator("gguf Q8_0", "gguf Q8_0", blocks.q8_0, blocks.Q8_0, (INT8,)),
    Operator("gguf Q4_0", "gguf Q4_0", blocks.q4_0, blocks.Q4_0, (INT8,)),
    Operator("gguf Q4_1", "gguf Q4_1", blocks.q4_1, blocks.Q4_1, (INT8,)),
)}


def short(name: str) -> str:
    """A name as it stands in lists and pictures, without a comma.

    >>> short("LiteRT QUANTIZE, reference"), short("LiteRT FULLY_CONNECTED, ruy")
    ('LiteRT reference', 'LiteRT FULLY_CONNECTED ruy')
    """
    return OPERATORS[name].short if name in OPERATORS else name.replace(",", "")
