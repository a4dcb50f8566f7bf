"""Every operator that quantizes numbers by one scale, as one record: its names, its function, its convention.

The disagreement table, `refquant explain --engine` and `identify` read OPERATORS; a new operator is one function and
one record:

    OPERATORS["mine"] = Operator("mine", "mine", my_function, Convention(rounding=choices.half_away), engine="mine")

Where a convention says it whole, the record has no function of its own: alone().
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import arguments
from ..affine import AffineParams, quantize
from ..arguments import Codes, Reals
from ..grids import E2M1, E2M3, E3M2, E4M3, E4M3FNUZ, E5M2, E5M2FNUZ, INT4, INT8, INT16, UINT8, Grid
from . import arrays, choices, gguf, litert, onnxruntime, pytorch, torchao
from .conventions import Convention
from .exact import fused_multiply_add, show
from .inputs import must
from .steps import Step, sentence

Dtypes: TypeAlias = Mapping[type[Any], type[Any]]
SINGLE: Dtypes = {np.float32: np.float32}
WIDENED: Dtypes = {**SINGLE, np.float16: np.float32}


class Operator(NamedTuple):
    """An engine's operator that quantizes numbers by one scale and one zero point.

    Args:
        name: as `identify` and the JSON of `refquant engines` call it.
        short: as lists and pictures do; no comma.
        function: (x, params) -> codes, for params of one scale and one zero point; of grids without equal steps it
            gives the values that the codes mean, NaN and infinity among them.
        convention: the choices that give these codes, and tell the steps.
        grids: what it takes; () for all.
        dtypes: of the data it takes, and for each the dtype in which it computes.
        engine: what `refquant explain --engine` calls it by; "" where it is no engine's default.
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
        code = self.function(x.reshape(1), params)[0]
        dtype = self.dtypes[x.dtype.type]
        steps = self.convention.steps(dtype(x), dtype(params.scale), int(params.zero_point), params.grid)
        if show(steps[-1].value) != show(code):
            raise RuntimeError(f"{self.name} gives {code}, its steps {steps[-1].value}: {sentence(steps)}")
        return steps


def alone(name: str, short: str, convention: Convention, grids: tuple[Grid, ...] = (INT8, UINT8), engine: str = "",
          **more: Any) -> Operator:
    """The record of an operator that its convention says whole.

    >>> from refquant import INT8
    >>> away = alone("away", "away", Convention(rounding=choices.half_away, nan=choices.zero))
    >>> away.function(np.float32([2.5, np.nan]), AffineParams(scale=np.float32(1), zero_point=3, grid=INT8))
    array([6, 0], dtype=int8)
    """
    @arguments.quiet
    def function(x: Any, p: AffineParams) -> Any:
        must(name, p.grid in grids, f"the grid must be one of {', '.join(map(repr, grids))}", p.grid,
             "other grids have other operators")
        if not p.grid.equal_steps:
            return arrays.values(convention, x, p.scale.astype(x.dtype), p.grid)
        q = arrays.codes(convention, x, p.scale, p.zero_point, p.grid)
        arguments.none(name, np.isnan(q), q, "NaN has no code (R7)", "leave it out")
        return q.astype(p.grid.dtype)
    return Operator(name, short, function, convention, grids, engine=engine, **more)


# ---------------------------------------------------------------------------------------------- called in one way

def _linear(**more: Any) -> Callable[[Any, AffineParams], Codes]:
    return lambda x, p: onnxruntime.quantize_linear(x, p.scale, p.zero_point.astype(p.grid.dtype), grid=p.grid, **more)


def _per_tensor(x: Reals, p: AffineParams) -> Codes:
    return pytorch.quantize_per_tensor(x, float(p.scale), int(p.zero_point), p.grid)


def _channel(f: Callable[..., Any], x: Reals, p: AffineParams) -> Any:
    return f(x[np.newaxis], [float(p.scale)], [int(p.zero_point)], 0, p.grid)


def _per_channel(x: Reals, p: AffineParams) -> Any:
    return _channel(pytorch.quantize_per_channel, x, p)[0]


def _fake_per_tensor(x: Reals, p: AffineParams) -> Codes:
    x_hat, _ = pytorch.fake_quantize_per_tensor_affine(x, float(p.scale), int(p.zero_point), p.grid)
    return _meant(x_hat, p)


def _fake_per_channel(x: Reals, p: AffineParams) -> Codes:
    x_hat, _ = _channel(pytorch.fake_quantize_per_channel_affine, x, p)
    return _meant(x_hat[0], p)


def _meant(x_hat: Reals, p: AffineParams) -> Codes:
    """The codes that fake-quantized reals mean."""
    arguments.none("fake quantization", np.isinf(x_hat), x_hat, "`x_hat` must be finite, to mean a code",
                   "take a smaller scale")
    return np.rint(x_hat.astype(np.float64) / float(p.scale)).astype(np.int64) + p.zero_point


def _torchao(x: Reals, p: AffineParams) -> Codes:
    if not x.size:
        return x.astype(p.grid.dtype)  # torchao has no empty blocks
    return torchao.quantize_affine(x, x.shape, p.scale.reshape(1), p.zero_point.reshape(1), p.grid)


# ---------------------------------------------------------------------------------------------- the records

THREE = (INT8, UINT8, INT16)
FNUZ = (E4M3FNUZ, E5M2FNUZ)
SMALL = (E2M3, E3M2, E2M1)
FLOOR = Convention(zero_point=choices.offset_first, rounding=choices.downward)
EARLY = Convention(zero_point=choices.before_rounding, nan=choices.zero)
NARROWED = Convention(choices.in_float32, nan=choices.stays)
TO_NAN, TO_INFINITY = (NARROWED._replace(cast=cast) for cast in (choices.overflow_to_nan, choices.overflow_to_infinity))
KEPT: Dtypes = {**SINGLE, np.float64: np.float64}
#: The formula itself.
RULE = Operator("refquant", "refquant", quantize, Convention(), THREE, {**WIDENED, np.float64: np.float64})
FLOAT_RULE = RULE._replace(function=lambda x, p: p.grid.decode(quantize(x, p)), grids=())
CODEBOOK_RULE = FLOAT_RULE._replace(convention=Convention(rounding=choices.half_down))


def rule_of(grid: Grid) -> Operator:
    """The formula itself on this grid: of a codebook a tie goes to the lower value, elsewhere to the even code (R4).

    >>> from refquant import NF4
    >>> [rule_of(g).convention.rounding for g in (INT8, E2M1, NF4)]
    [half_even, half_even, half_down]
    """
    return RULE if grid.equal_steps else FLOAT_RULE if len(grid.fields) > 1 else CODEBOOK_RULE


#: Name -> operator. More may be entered.
OPERATORS = {operator.name: operator for operator in (
    Operator("ONNX Runtime QuantizeLinear", "ONNX Runtime", _linear(), Convention(nan=choices.lowest), THREE, WIDENED,
             "onnxruntime"),
    Operator("ONNX Runtime QuantizeLinear, precision=float16", "ONNX Runtime float16", _linear(precision=np.float16),
             Convention(choices.in_float16, nan=choices.lowest), dtypes=WIDENED),
    alone("onnx.reference QuantizeLinear", "onnx.reference", Convention(cast=choices.through_int32), THREE, "onnx"),
    Operator("torch.quantize_per_tensor", "torch tensor", _per_tensor,
             Convention(choices.fused_reciprocal, choices.before_rounding, nan=choices.highest), engine="pytorch"),
    Operator("torch.quantize_per_channel", "torch channel", _per_channel,
             Convention(choices.reciprocal, choices.before_rounding, nan=choices.zero), engine="pytorch"),
    Operator("torch.fake_quantize_per_tensor_affine", "torch fake tensor", _fake_per_tensor,
             Convention(choices.reciprocal, nan=choices.lowest), THREE, WIDENED, "pytorch"),
    Operator("torch.fake_quantize_per_channel_affine", "torch fake channel", _fake_per_channel,
             Convention(choices.reciprocal, cast=choices.sum_through_int64), THREE, WIDENED, "pytorch"),
    alone("torch.export (PT2E) quantize_per_tensor", "torch PT2E", Convention(choices.reciprocal, nan=choices.zero),
          THREE, "pytorch"),
    Operator("torchao quantize_affine", "torchao", _torchao, Convention(choices.reciprocal, nan=choices.zero), THREE,
             {**SINGLE, np.float16: np.float16}, "torchao"),
    Operator("LiteRT QUANTIZE, reference", "LiteRT reference", litert.quantize_reference,
             Convention(rounding=choices.half_away, cast=choices.through_int32), THREE, engine="litert"),
    Operator("LiteRT QUANTIZE, XNNPACK", "LiteRT XNNPACK", litert.quantize_xnnpack,
             Convention(choices.flushed_reciprocal, nan=choices.highest), engine="litert"),
    Operator("gguf Q8_0", "gguf Q8_0", gguf.q8_0_codes, gguf.Q8_0, (INT8,), engine="gguf"),
    Operator("gguf Q4_0", "gguf Q4_0", gguf.q4_0_codes, gguf.Q4_0, (INT8, INT4), engine="gguf"),
    Operator("gguf Q4_0, FMA", "gguf Q4_0 FMA", partial(gguf.q4_0_codes, multiply_add=fused_multiply_add),
             gguf.Q4_0._replace(division=choices.fused_reciprocal), (INT8, INT4), engine="gguf"),
    *(alone(name, name.split()[0], EARLY, (INT8, UINT8, INT4), name.split()[0]) for name in (
        "compressed-tensors quantize", "brevitas IntQuant", "keras quantize_with_zero_point",
        "ai-edge-quantizer uniform_quantize")),
    alone("qwix quantize_with_scale_zero_point", "qwix", EARLY._replace(division=choices.flushed_reciprocal),
          engine="qwix"),
    alone("sentence-transformers quantize_embeddings", "sentence-transformers", FLOOR, engine="sentence-transformers"),
    alone("faiss QT_8bit_uniform", "faiss", FLOOR._replace(division=choices.of_range), (UINT8,), "faiss"),
    alone("torch.Tensor.to, E4M3", "torch E4M3", NARROWED, (E4M3,), "pytorch", dtypes=KEPT),
    alone("torch.Tensor.to, E5M2", "torch E5M2", TO_INFINITY, (E5M2,), "pytorch", dtypes=KEPT),
    alone("torch.Tensor.to, FNUZ", "torch FNUZ", TO_NAN, FNUZ, "pytorch", dtypes=KEPT),
    alone("ml_dtypes astype, E4M3 and FNUZ", "ml_dtypes", TO_NAN, (E4M3, *FNUZ), "ml_dtypes", dtypes=KEPT),
    alone("ml_dtypes astype, E5M2", "ml_dtypes E5M2", TO_INFINITY, (E5M2,), "ml_dtypes", dtypes=KEPT),
    alone("ml_dtypes astype, FP6 and FP4", "ml_dtypes FP6 and FP4", NARROWED._replace(nan=choices.negative_zero),
          SMALL, "ml_dtypes", dtypes=KEPT),
    alone("ONNX Runtime QuantizeLinear, float8", "ONNX Runtime float8", Convention(nan=choices.stays),
          (E4M3, E5M2, *FNUZ), "onnxruntime"),
    alone("ONNX Runtime QuantizeLinear, E4M3, saturate=0", "ONNX Runtime E4M3 saturate=0", Convention(
        choices.cut_from_480, cast=choices.overflow_to_nan, nan=choices.stays), (E4M3,), "onnxruntime"),
    alone("ONNX Runtime QuantizeLinear, E5M2, saturate=0", "ONNX Runtime E5M2 saturate=0", Convention(
        choices.nan_from_61440, cast=choices.overflow_to_infinity, nan=choices.stays), (E5M2,), "onnxruntime"),
    alone("onnx.reference Cast, saturate=0", "onnx.reference saturate=0", TO_NAN._replace(
        division=choices.true_division), (E4M3, *FNUZ), "onnx"),
    alone("torchao NVFP4", "torchao NVFP4", Convention(choices.reciprocal), (E2M1,), "torchao"),
    alone("gguf FP4", "gguf FP4", Convention(rounding=choices.half_toward_zero, cast=choices.no_negative_zero),
          (E2M1,), "gguf"),
    alone("microxcaling", "microxcaling", Convention(rounding=choices.half_away), SMALL, "microxcaling"),
)}


def short(name: str) -> str:
    """A name as it stands in lists and pictures, without a comma.

    >>> short("LiteRT QUANTIZE, reference"), short("LiteRT FULLY_CONNECTED, ruy")
    ('LiteRT reference', 'LiteRT FULLY_CONNECTED ruy')
    """
    return OPERATORS[name].short if name in OPERATORS else name.replace(",", "")
