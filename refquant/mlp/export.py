"""A static network as an ONNX model: in QDQ form, or in integer operators. Only here is onnx needed: the extra `onnx`.

Both forms: input `x` (n, n_in) float32; outputs `codes` (n, n_out) int16, which mean what deploy(qnet).output says, and
`logits` (n, n_out) float32: in QDQ form as they were before they became codes, in integer operators what the codes
mean. Every layer's input codes are a tensor named `codes_0`, `codes_1` and so on.

Weights: 2 to 16 bits in QDQ form, stored in 4, 8 or 16, the fewest that hold them; 2 to 8 in integer operators, stored
in 8, which is what MatMulInteger takes. Inputs: 2 to 8 bits, as deploy; quantized to 4 bits in QDQ form, where the grid
has every code of 4 bits, otherwise to 8, and where these have more codes than the grid, a Clip of codes ends it. Codes
stay the same numbers throughout. Scales are float32.

QDQ form takes float grids too, of weights, inputs or both: E4M3, E5M2, E4M3FNUZ and E5M2FNUZ as ONNX's float8, E2M1 as
its float4 (opset 23). Then `logits` is the only output, and the bias is float32. Codes of weights and of the network's
input are refquant's, bit for bit. A layer adds in float32: given the same input codes, its sums differ from
forward_quantized's by at most (n_in + 8) * 2**-24 * (|x_hat| @ |w_hat| + |bias|). So a code of the next layer differs
only where a real lies that near to a tie. Logits differ by no more than that, unless a code before them differs.

ONNX Runtime 1.32 takes float8. Its optimizer leaves out a Relu before float8, so the model has Max in its place; and it
rounds the bias of a hidden layer to steps of scale_x * scale_w, which adds half such a step to that difference. It does
not take float4; onnx's reference evaluator does.

Integers it takes all, with graph optimizations and without. ONNX's types of 2 bits (opset 25) it takes
without them alone: its optimizer makes a QGemm that there is not.

ONNX Runtime's codes of integers equal refquant's, except where float32 rounds near a tie:

    import onnxruntime
    model = rq.mlp.export.to_integer_operators(qnet)                                              # or to_qdq
    session = onnxruntime.InferenceSession(model.SerializeToString())
    codes, logits = session.run(["codes", "logits"], {"x": x.astype(np.float32)})
    print((codes != rq.mlp.forward_integer(qnet, x)).sum(), "of", codes.size, "codes differ")

`refquant compare --export DIR` writes both forms of seed 0's static networks and runs them in ONNX Runtime on every
digit. It prints what differs, how far from a tie, and whether a named rule explains it. Integer operators round the
multiplier, the accumulator and their product to float32 (R14), as refquant.engines.onnxruntime computes to the last
code. QDQ form adds reals, not codes (R13).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams
from ..grids import E2M1, E4M3, E4M3FNUZ, E5M2, E5M2FNUZ, INT4, INT32, UINT4, Grid, IntGrid
from .integers import deploy
from .quantized import QuantizedNet

OPSET, IR_VERSION = 21, 10  # the first with 4 bits
OPSET_FLOAT4, IR_FLOAT4 = 23, 11
FLOATS: dict[Grid, str] = {E4M3: "FLOAT8E4M3FN", E5M2: "FLOAT8E5M2", E4M3FNUZ: "FLOAT8E4M3FNUZ",
                           E5M2FNUZ: "FLOAT8E5M2FNUZ", E2M1: "FLOAT4E2M1"}


def to_qdq(qnet: QuantizedNet) -> Any:
    """Relu, QuantizeLinear, DequantizeLinear of each layer's input; DequantizeLinear of weights and bias; Gemm.

    Args:
        qnet: as deploy; or with the float grids of FLOATS, static and without blocks.
    Returns:
        an onnx.ModelProto, which onnx has checked.

    As written, a layer adds float32 products of reals: where the exact value lies within their rounding of a tie, its
    code may be another. ONNX Runtime, optimizing, makes layers of 8 bits to a QGemm, which adds products of codes, and
    departs from R14 as integer operators do.

    >>> from refquant.mlp import init, ptq_dynamic
    >>> to_qdq(ptq_dynamic(init(np.random.default_rng(0), (2, 2))))      # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: deploy: every input must be static: ...

    Raises:
        ImportError: onnx is not installed.
        ValueError: as deploy; float grids that ONNX has not, inputs that are dynamic or weights in blocks with them; a
            scale that float32 cannot hold.
        TypeError: as deploy.
    Source: ONNX QuantizeLinear, DequantizeLinear, Gemm.
    """
    floats = _grids("to_qdq", qnet)
    if floats:
        _with_floats(qnet, floats)
    net = None if floats else deploy(qnet)
    graph, y = _Graph("to_qdq"), "x"
    for i, layer in enumerate(qnet.layers):
        at, scale = layer.activation, np.squeeze(layer.weight.scale)
        assert isinstance(at, AffineParams)  # deploy or _with_floats has seen to it
        y = graph.relu(y, at.grid) if i else y
        wide = _wide(at.grid, 4 if at.grid in (INT4, UINT4) else 8)
        x_hat = graph.node("DequantizeLinear", graph.quantize(y, at, wide, at.grid.qmin, f"codes_{i}"))
        w_hat = graph.dequantize(layer.codes, scale, _wide(layer.weight.grid, 4))
        bias = graph.dequantize(layer.bias, at.scale.astype(np.float64) * scale, INT32) if layer.summed_in_codes else (
            graph.constant(layer.bias))
        y = graph.node("Gemm", [x_hat, w_hat, bias], "logits" if i + 1 == len(qnet.layers) else "")
    if net is not None:
        graph.quantize(y, net.output, net.output.grid, net.output.grid.qmin, "codes")
    return graph.model(qnet)


def to_integer_operators(qnet: QuantizedNet) -> Any:
    """Of each layer: MatMulInteger, Add of the bias in int32, Mul by m in float32, QuantizeLinear by 1, Clip for ReLU.

    Args:
        qnet: as deploy, with weights of at most 8 bits.
    Returns:
        an onnx.ModelProto, which onnx has checked.

    Codes and biases are those of deploy(qnet). Departs from R14, where ONNX has no such operator: m, the accumulator
    and their product are each rounded to float32, before the product is rounded to an integer.

    >>> from refquant.mlp import init, ptq_static
    >>> qnet = ptq_static(init(np.random.default_rng(0), (2, 2)), [np.eye(2)], weight_grid=IntGrid(9))
    >>> to_integer_operators(qnet)
    Traceback (most recent call last):
    ValueError: to_integer_operators: `bits of weights` must be an integer from 2 to 8; got 9. Hint: pass 8, say.

    Raises:
        ImportError: onnx is not installed.
        ValueError: as deploy; float grids, weights of more than 8 bits, a scale that float32 cannot hold.
        TypeError: as deploy.
    Source: ONNX MatMulInteger, QuantizeLinear.
    """
    if floats := _grids("to_integer_operators", qnet):
        raise arguments.error(ValueError, "to_integer_operators", "grids must be integers, whose steps are equal",
                              floats[0], "to_qdq exports float grids, too")
    net, bits = deploy(qnet), max(layer.weight.grid.bits for layer in qnet.layers)
    arguments.whole("to_integer_operators", bits, "bits of weights", 2, 8)
    graph = _Graph("to_integer_operators")
    q, *_ = graph.quantize("x", net.input, _wide(net.input.grid, 8), net.input.grid.qmin, "codes_0")
    for i, (layer, weight) in enumerate(zip(net.layers, (la.weight for la in qnet.layers), strict=True), 1):
        acc = graph.node("MatMulInteger", [q, graph.constant(layer.codes, _wide(weight.grid, 8))])
        real = graph.node("Cast", [graph.node("Add", [acc, graph.constant(layer.bias, INT32)])], to=graph.types.FLOAT)
        steps = graph.node("Mul", [real, graph.scale(np.ldexp(layer.mantissa / 2**31, layer.shift))])
        to = AffineParams(scale=np.float32(1), zero_point=layer.zero_point, grid=layer.grid)
        name = "codes" if i == len(net.layers) else f"codes_{i}"
        q, *_ = graph.quantize(steps, to, _wide(to.grid, 8), layer.least, name)
    graph.node("DequantizeLinear", [q, graph.scale(net.output.scale)], "logits")
    return graph.model(qnet)


def onnx_package(where: str) -> Any:
    """The package onnx, or one clear error."""
    try:
        return import_module("onnx")
    except ImportError as cause:
        raise arguments.error(ImportError, where, "the extra `onnx` must be installed", cause,
                              "pip install 'refquant[onnx]'") from cause


def _grids(where: str, qnet: QuantizedNet) -> list[Grid]:
    """The grids without equal steps, which have no integer form."""
    arguments.instance(where, qnet, QuantizedNet, "`qnet` must be a QuantizedNet", "ptq_static or train_qat makes one")
    grids = [grid for layer in qnet.layers for grid in (layer.weight.grid, layer.activation.grid)]
    return [grid for grid in grids if not grid.equal_steps]


def _with_floats(qnet: QuantizedNet, floats: list[Grid]) -> None:
    """A network with float grids, which must be static, without blocks, and on grids that ONNX has."""
    for layer in qnet.layers:
        if not isinstance(layer.activation, AffineParams) or layer.block_size is not None:
            raise arguments.error(ValueError, "to_qdq", "every input must be static, and no weights in blocks",
                                  f"{layer.activation}, block_size={layer.block_size}", "quantize with ptq_static, "
                                  "without weight_block")
    unknown = [grid for grid in floats if grid not in FLOATS]
    if unknown:
        raise arguments.error(ValueError, "to_qdq", "ONNX must have a type for each grid", unknown[0],
                              f"take integers or one of {', '.join(map(str, FLOATS))}")


def _wide(grid: Grid, least: int) -> Grid:
    """The narrowest of ONNX's integers, of `least` bits or more, that hold the grid; a float grid is one of ONNX's."""
    bits = next(bits for bits in (4, 8, 16) if bits >= max(grid.bits, least))
    return grid if grid in FLOATS else IntGrid(bits, signed=grid.qmin < 0)


class _Graph:
    """Nodes and constants, as they are added; each call gives the name of its tensor."""

    def __init__(self, where: str) -> None:
        self.where, self.onnx, self.nodes, self.constants = where, onnx_package(where), list[Any](), list[Any]()
        self.types, self.grids = self.onnx.TensorProto, set[Grid]()

    def model(self, qnet: QuantizedNet) -> Any:
        make, n_out, four = self.onnx.helper, qnet.layers[-1].bias.size, E2M1 in self.grids
        x, *outputs = (make.make_tensor_value_info(name, kind, ["n", width]) for name, kind, width in (
            ("x", self.types.FLOAT, len(qnet.layers[0].codes)), ("codes", self.types.INT16, n_out),
            ("logits", self.types.FLOAT, n_out)))
        made = {name for node in self.nodes for name in node.output}
        graph = make.make_graph(self.nodes, "refquant", [x], [o for o in outputs if o.name in made], self.constants)
        opset, ir_version = (OPSET_FLOAT4, IR_FLOAT4) if four else (OPSET, IR_VERSION)
        model = make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=ir_version)
        self.onnx.checker.check_model(model, full_check=True)
        return model

    def node(self, operator: str, inputs: list[str], name: str = "", **attributes: int) -> str:
        name = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def relu(self, y: str, grid: Grid) -> str:
        """max(y, 0). ONNX Runtime, optimizing, leaves out a Relu before float8 as if no code were negative."""
        return self.node("Max", [y, self.constant(0)]) if grid in FLOATS else self.node("Relu", [y])

    def scale(self, values: ArrayLike) -> str:
        """Scales in float32, which must be normal there."""
        a = arguments.float32(self.where, values, "scale")
        arguments.none(self.where, a < 2.0**-126, a, "`scale` must be normal in float32", "scale x up")
        return self.constant(a)

    def constant(self, values: ArrayLike, grid: Grid | None = None) -> str:
        """Codes of the grid, which is one of ONNX's; without one reals, in float32."""
        kind = FLOATS.get(grid, f"{'' if grid.qmin < 0 else 'U'}INT{grid.bits}") if grid else "FLOAT"
        dtype, a = self.onnx.helper.tensor_dtype_to_np_dtype(getattr(self.types, kind)), np.asarray(values)
        stored = a.astype(np.uint8).view(dtype) if grid in FLOATS else a.astype(dtype)
        self.grids |= {grid} if grid else set()
        self.constants.append(self.onnx.numpy_helper.from_array(stored, f"constant_{len(self.constants)}"))
        return str(self.constants[-1].name)

    def dequantize(self, q: ArrayLike, scale: ArrayLike, grid: Grid) -> str:
        """Constants, a scale for each column or one for all; QGemm wants the zero points too."""
        inputs = [self.constant(q, grid), self.scale(scale), self.constant(np.zeros(np.shape(scale)), grid)]
        return self.node("DequantizeLinear", inputs, axis=-1)

    def quantize(self, y: str, params: AffineParams, wide: Grid, least: int, name: str) -> list[str]:
        """Codes from `least` to the grid's last, in the type `wide`; and the step, which DequantizeLinear takes too."""
        step, most = [self.scale(params.scale), self.constant(params.zero_point, wide)], params.grid.qmax
        if (least, most) == (wide.qmin, wide.qmax):
            return [self.node("QuantizeLinear", [y, *step], name), *step]
        ends = [self.constant(end, wide) for end in (least, most)]
        return [self.node("Clip", [self.node("QuantizeLinear", [y, *step]), *ends], name), *step]
