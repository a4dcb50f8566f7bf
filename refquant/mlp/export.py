"""A static network as an ONNX model: in QDQ form, or in integer operators. Only here is onnx needed: the extra `onnx`.

Both forms: input `x` (n, n_in) float32; outputs `codes` (n, n_out) int16, which mean what deploy(qnet).output says, and
`logits` (n, n_out) float32: in QDQ form as they were before they became codes, in integer operators what the codes
mean. Every layer's input codes are a tensor named `codes_0`, `codes_1` and so on.

Widths. Weights are stored packed, in 4, 8 or 16 bits, the fewest that hold them, where they are the same numbers; QDQ
form takes weights of 2 to 16 bits, integer operators 2 to 8. Inputs of 2 to 8 bits, as deploy: those of 4 bits as
ONNX's 4 bits in QDQ form, others quantized to 8 bits, and where these have more codes, ended by a Clip, exactly.

ONNX Runtime 1.32 takes all this, at every level of optimization. Not so: codes of 2 bits as ONNX's (opset 25), which
its optimizer fuses to a QGemm that cannot be; reals clipped before they are quantized to 4 bits, which it refuses.
"""

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from ..affine import AffineParams
from ..grids import INT4, INT32, UINT4, IntGrid
from ..packing import pack
from .deploy import deploy
from .quantized import QuantizedNet

OPSET, IR_VERSION = 21, 10  # the first with 4 bits
WIDTHS = 4, 8, 16, 32


def to_qdq(qnet: QuantizedNet) -> Any:
    """Relu, QuantizeLinear, DequantizeLinear of each layer's input; DequantizeLinear of weights and bias; Gemm.

    Args:
        qnet: as deploy.
    Returns:
        an onnx.ModelProto, which onnx has checked.

    As written, a layer adds float32 products of reals: where the exact value lies within their rounding of a tie, its
    code may be another. ONNX Runtime, optimizing, makes layers of 8 bits to a QGemm, which adds products of codes, and
    departs from R14 as integer operators do.

    >>> from refquant.mlp import init, ptq_dynamic
    >>> to_qdq(ptq_dynamic(init(np.random.default_rng(0), (2, 2))))      # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: deploy: every input must be static, ...

    Raises:
        ImportError: onnx is not installed.
        ValueError: as deploy; a scale that float32 cannot hold.
        TypeError: as deploy.
    Source: ONNX QuantizeLinear, DequantizeLinear, Gemm.
    """
    net, graph, y = deploy(qnet), _Graph("to_qdq"), "x"
    for i, layer in enumerate(qnet.layers):
        at, scale = layer.activation, np.squeeze(layer.weight.scale)
        assert isinstance(at, AffineParams)  # deploy has seen to it
        y = graph.node("Relu", [y]) if i else y
        q = graph.quantize(y, at, 4 if at.grid in (INT4, UINT4) else 8, at.grid.qmin, f"codes_{i}")
        x_hat = graph.node("DequantizeLinear", q)
        w_hat = graph.dequantize(layer.codes, scale, layer.weight.grid)
        bias = graph.dequantize(layer.bias, at.scale.astype(np.float64) * scale, INT32)
        y = graph.node("Gemm", [x_hat, w_hat, bias], "logits" if i + 1 == len(qnet.layers) else "")
    graph.quantize(y, net.output, 16, net.output.grid.qmin, "codes")
    return graph.model(qnet)


def to_integer_operators(qnet: QuantizedNet) -> Any:
    """Of each layer: MatMulInteger, Add of the bias in int32, Mul by m in float32, QuantizeLinear by 1, Clip for ReLU.

    Args:
        qnet: as deploy, with weights of at most 8 bits.
    Returns:
        an onnx.ModelProto, which onnx has checked.

    Codes and biases are those of deploy(qnet). Departs from R14, where ONNX has no such operator: m, the accumulator
    and their product are each rounded to float32, before the product is rounded to an integer. Weights stored in 4 bits
    are widened by a Cast, which ONNX Runtime does once.

    >>> from refquant.mlp import init, ptq_static
    >>> qnet = ptq_static(init(np.random.default_rng(0), (2, 2)), [np.eye(2)], weight_grid=IntGrid(9))
    >>> to_integer_operators(qnet)
    Traceback (most recent call last):
    ValueError: to_integer_operators: `bits of weights` must be an integer from 2 to 8; got 9. Hint: pass 8, say.

    Raises:
        ImportError: onnx is not installed.
        ValueError: as deploy; weights of more than 8 bits, a scale that float32 cannot hold.
        TypeError: as deploy.
    Source: ONNX MatMulInteger, QuantizeLinear.
    """
    net = deploy(qnet)
    _check.whole("to_integer_operators", max(layer.weight.grid.bits for layer in qnet.layers), "bits of weights", 2, 8)
    graph = _Graph("to_integer_operators")
    q, *_ = graph.quantize("x", net.input, 8, net.input.grid.qmin, "codes_0")
    for i, (layer, integer) in enumerate(zip(qnet.layers, net.layers, strict=True), 1):
        to = AffineParams(scale=np.float32(1), zero_point=integer.zero_point, grid=integer.grid)
        m = np.ldexp(integer.mantissa.astype(np.float64), integer.shift - 31)
        w = graph.node("Cast", [graph.codes(layer.codes, layer.weight.grid)], to=graph.type(layer.weight.grid, 8))
        acc = graph.node("Add", [graph.node("MatMulInteger", [q, w]), graph.codes(integer.bias, INT32)])
        steps = graph.node("Mul", [graph.node("Cast", [acc], to=graph.onnx.TensorProto.FLOAT), graph.reals(m)])
        q, *_ = graph.quantize(steps, to, 8, integer.least, "codes" if i == len(net.layers) else f"codes_{i}")
    graph.node("DequantizeLinear", [q, graph.reals(net.output.scale)], "logits")
    return graph.model(qnet)


def onnx_package(where: str) -> Any:
    """The package onnx, or one clear error."""
    try:
        return import_module("onnx")
    except ImportError as cause:
        raise _check.error(ImportError, where, "the extra `onnx` must be installed", cause,
                           "pip install 'refquant[onnx]'") from cause


class _Graph:
    """Nodes and constants, as they are added; each call gives the name of its tensor."""

    def __init__(self, where: str) -> None:
        self.where, self.onnx, self.nodes, self.constants = where, onnx_package(where), list[Any](), list[Any]()

    def model(self, qnet: QuantizedNet) -> Any:
        value, types = self.onnx.helper.make_tensor_value_info, self.onnx.TensorProto
        x = value("x", types.FLOAT, ["n", len(qnet.layers[0].codes)])
        outputs = [value(name, kind, ["n", qnet.layers[-1].bias.size])
                   for name, kind in (("codes", types.INT16), ("logits", types.FLOAT))]
        graph = self.onnx.helper.make_graph(self.nodes, "refquant", [x], outputs, self.constants)
        opset = [self.onnx.helper.make_opsetid("", OPSET)]
        model = self.onnx.helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
        self.onnx.checker.check_model(model, full_check=True)
        return model

    def node(self, operator: str, inputs: list[str], name: str = "", **attributes: int) -> str:
        name = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, kind: int, shape: tuple[int, ...], content: bytes) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.helper.make_tensor(name, kind, shape, content, raw=True))
        return name

    @_check.quiet
    def reals(self, steps: ArrayLike) -> str:
        a = np.asarray(steps, "<f4")
        _check.none(self.where, ~((a > 0) & np.isfinite(a)), a, "steps must be positive in float32", "scale x")
        return self.constant(self.onnx.TensorProto.FLOAT, a.shape, a.tobytes())

    def codes(self, q: ArrayLike, grid: IntGrid, least: int = WIDTHS[0]) -> str:
        """In ONNX's narrowest integers, of `least` bits or more, that hold the grid."""
        return self.constant(self.type(grid, least), np.shape(q), pack(q, _wide(grid, least)).tobytes())

    def type(self, grid: IntGrid, least: int) -> int:
        return int(getattr(self.onnx.TensorProto, f"{'' if grid.signed else 'U'}INT{_wide(grid, least).bits}"))

    def dequantize(self, q: ArrayLike, scale: ArrayLike, grid: IntGrid) -> str:
        """Constants, a scale for each column or one for all; QGemm wants the zero points too."""
        inputs = [self.codes(q, grid), self.reals(scale), self.codes(np.zeros(np.shape(scale), int), grid)]
        return self.node("DequantizeLinear", inputs, axis=-1)

    def quantize(self, y: str, params: AffineParams, bits: int, least: int, name: str) -> list[str]:
        """Codes from `least` to the grid's last, in `bits` at least; and what else DequantizeLinear takes."""
        grid, wide = params.grid, _wide(params.grid, bits)
        step = [self.reals(params.scale), self.codes(params.zero_point, wide, bits)]
        full = (least, grid.qmax) == (wide.qmin, wide.qmax)
        q = self.node("QuantizeLinear", [y, *step], name if full else "")
        ends = [] if full else [self.codes(end, wide, bits) for end in (least, grid.qmax)]
        return [q if full else self.node("Clip", [q, *ends], name), *step]


def _wide(grid: IntGrid, least: int) -> IntGrid:
    return IntGrid(next(bits for bits in WIDTHS if bits >= max(grid.bits, least)), grid.signed)
