"""Networks exported to ONNX, run by ONNX Runtime on all the data, and compared with refquant code for code.

Where a code differs, a rule differs, and it is named: integer operators round the multiplier, the accumulator and
their product to float32, where R14 has a multiplier of 31 bits and one rounding; QDQ form adds float32 products of
reals, where R13 adds codes exactly. Either can move a code only where the exact value lies as near to a tie as these
roundings reach; a code that differs elsewhere is counted apart, as unexplained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ... import mlp
from ...affine import AffineParams, quantize
from ...arguments import Codes, Reals
from ...engines.onnxruntime import matmul_integer, quantize_linear
from ...files import write
from ...mlp.export import onnx_package, to_integer_operators, to_qdq
from ...mlp.model import rows
from ..aligned import paragraph, ruled
from .methods import networks
from .network import Network
from .tasks import Plan, prepare

ULP = 2.0**-24  # how much rounding to float32 may change a value, relative to it


class Comparison(NamedTuple):
    """Layer by layer, on the codes that the runtime gave the layer: how many codes (those of the input, made of reals,
    too), how many of them differ from refquant's, how far from a tie, in steps, the exact value of such a code is at
    most, and how many lie further than the form's roundings reach. End to end: how many logit codes differ, by how many
    steps at most, of how many rows the prediction, and how many of these no named rule explains."""

    codes: int
    differ: int
    from_tie: float
    unexplained: int
    logits: int
    furthest: int
    predictions: int
    unexplained_predictions: int


def compare_qdq(qnet: mlp.QuantizedNet, x: ArrayLike, optimized: bool = True) -> Comparison:
    """to_qdq in ONNX Runtime; its predictions, from float32 logits, beside forward_quantized's.

    They may differ where the exact logits lie as near to each other as the sums' roundings reach (equal ones do), and
    behind a hidden code that differs.
    """
    x, seen = _run(qnet, to_qdq, x, optimized)
    here, there = seen["logits"].argmax(axis=1), mlp.forward_quantized(qnet, x).argmax(axis=1)
    y, behind = x, np.zeros(len(x), bool)
    for layer, q in zip(qnet.layers, seen["inputs"], strict=True):
        assert isinstance(layer.activation, AffineParams)  # to_qdq has seen to it
        behind |= (quantize(y, layer.activation) != q).any(axis=1)
        y = np.maximum(mlp.linear(layer, y), 0)
    exact, row = _exact(qnet, len(qnet.layers) - 1, seen["inputs"][-1]), np.arange(len(x))
    gap = np.abs(exact.value[row, here] - exact.value[row, there])
    near = gap <= exact.summed[row, here] + exact.summed[row, there]
    return _compared(qnet, x, seen, [_exact(qnet, i, q).summed for i, q in enumerate(seen["inputs"])],
                     here != there, near | behind)


def compare_integer_operators(qnet: mlp.QuantizedNet, x: ArrayLike, optimized: bool = True) -> Comparison:
    """to_integer_operators in ONNX Runtime; its predictions beside forward_integer's: they differ with logit codes.

    A code is unexplained, too, where it differs from what `composed` computes.
    """
    x, seen = _run(qnet, to_integer_operators, x, optimized)
    codes = mlp.forward_integer(qnet, x)
    found = _compared(qnet, x, seen, [_exact(qnet, i, q).scaled for i, q in enumerate(seen["inputs"])],
                      seen["logits"].argmax(axis=1) != codes.argmax(axis=1), (seen["codes"] != codes).any(axis=1))
    unforeseen = sum(int((a != b).sum()) for a, b in zip([*seen["inputs"], seen["codes"]], composed(qnet, x),
                                                         strict=True))
    return found._replace(unexplained=found.unexplained + unforeseen)


def composed(qnet: mlp.QuantizedNet, x: ArrayLike) -> list[Codes]:
    """What to_integer_operators computes, by the functions of refquant.engines.onnxruntime: every layer's input codes,
    then the logits'. ONNX Runtime gives the same, bit for bit.

    >>> from refquant.mlp import init, ptq_static
    >>> x = np.random.default_rng(0).normal(size=(50, 4))
    >>> qnet = ptq_static(init(np.random.default_rng(1), (4, 8, 3)), [x])
    >>> bool((composed(qnet, x)[-1] == mlp.forward_integer(qnet, x)).all())
    True
    """
    net = mlp.deploy(qnet)
    x, at = rows("composed", x, len(net.layers[0].codes)), net.input
    q = quantize_linear(x, at.scale.astype(np.float32), at.zero_point.astype(at.grid.dtype))
    made = [np.clip(q, at.grid.qmin, at.grid.qmax)]
    for layer in net.layers:
        acc = matmul_integer(made[-1], layer.codes) + layer.bias
        m = np.ldexp(layer.mantissa.astype(np.float64), layer.shift - 31).astype(np.float32)
        q = quantize_linear(acc.astype(np.float32) * m, 1.0, layer.grid.dtype.type(layer.zero_point))
        made.append(np.clip(q, layer.least, layer.grid.qmax))
    return made


def run_onnx(model: Any, x: Reals, optimized: bool = True) -> dict[str, Any]:
    """The model's outputs in ONNX Runtime, on one thread of the CPU, with all graph optimizations or none."""
    engine = import_module("onnxruntime")
    options, level = engine.SessionOptions(), engine.GraphOptimizationLevel
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
    session = engine.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, {"x": x}), strict=True))


def with_hidden_codes(model: Any) -> Any:
    """The model, with every layer's input codes as outputs too, in int32."""
    onnx, shown = onnx_package("with_hidden_codes"), type(model)()
    shown.CopyFrom(model)
    for name in [o for node in model.graph.node for o in node.output if o.startswith("codes_")]:
        kind = onnx.TensorProto.INT32
        shown.graph.node.append(onnx.helper.make_node("Cast", [name], [f"int32_{name}"], to=kind))
        shown.graph.output.append(onnx.helper.make_tensor_value_info(f"int32_{name}", kind, None))
    return shown


class _Exact(NamedTuple):
    """Of a layer on given codes: the exact values in steps of the codes that leave, and how far from it each form's
    roundings may go: of the sum of reals, of the scaled accumulator."""

    value: Reals
    summed: Reals
    scaled: Reals


def _exact(qnet: mlp.QuantizedNet, i: int, q: Codes) -> _Exact:
    layer, at = qnet.layers[i], qnet.layers[i].activation
    to = qnet.layers[i + 1].activation if i + 1 < len(qnet.layers) else mlp.deploy(qnet).output
    assert isinstance(at, AffineParams) and isinstance(to, AffineParams)
    m = at.scale.astype(np.float64) * layer.weight.scale.reshape(-1) / to.scale
    steps, codes = q.astype(np.float64) - at.zero_point, layer.codes.astype(np.float64)  # sums below 2**53: exact
    value = (steps @ codes + layer.bias) * m
    # one product's roundings: of two scales and two codes, the product, each addition, the bias, the division
    summed = (len(codes) + 8) * ULP * (np.abs(steps) @ np.abs(codes) + np.abs(layer.bias.astype(np.float64))) * m
    return _Exact(value, summed, 4 * ULP * np.abs(value))  # of the accumulator, m, the product; one to spare


def _run(qnet: mlp.QuantizedNet, form: Callable[[mlp.QuantizedNet], Any], x: ArrayLike,
         optimized: bool) -> tuple[Reals, dict[str, Any]]:
    """The outputs of the model itself; and, of its twin that shows them, every layer's input codes."""
    model, x = form(qnet), rows("run", x, len(qnet.layers[0].codes))
    shown = run_onnx(with_hidden_codes(model), x, optimized)
    inputs = [shown[f"int32_codes_{i}"].astype(layer.activation.grid.dtype) for i, layer in enumerate(qnet.layers)]
    return x, {**run_onnx(model, x, optimized), "inputs": inputs}


def _compared(qnet: mlp.QuantizedNet, x: Reals, seen: dict[str, Any], reach: list[Reals], predictions: Any,
              explained: Any) -> Comparison:
    net, q = mlp.deploy(qnet), [*seen["inputs"], seen["codes"]]
    differ = unexplained = int((q[0] != quantize(x, net.input)).sum())  # of the input, nothing rounds differently
    from_tie = 0.0
    for i, layer in enumerate(net.layers):
        steps = np.abs(mlp.integer_linear(layer, q[i]).astype(int) - q[i + 1])
        value = _exact(qnet, i, q[i]).value
        to_tie = np.abs(value - (np.floor(value) + 0.5))
        differ, from_tie = differ + int((steps > 0).sum()), max(from_tie, float(to_tie[steps > 0].max(initial=0)))
        unexplained += int(((steps > 1) | (steps > 0) & (to_tie > reach[i])).sum())
    logits = np.abs(q[-1].astype(int) - mlp.forward_integer(qnet, x))
    return Comparison(sum(codes.size for codes in q), differ, from_tie, unexplained, int((logits > 0).sum()),
                      int(logits.max(initial=0)), int(predictions.sum()), int((predictions & ~explained).sum()))


# ---------------------------------------------------------------------------------------------- the command line

class Form(NamedTuple):
    """How a network becomes a model, and how that is compared."""

    make: Callable[[mlp.QuantizedNet], Any]
    compare: Callable[[mlp.QuantizedNet, ArrayLike], Comparison]


FORMS = {"qdq": Form(to_qdq, compare_qdq), "integer": Form(to_integer_operators, compare_integer_operators)}


class Exported(NamedTuple):
    """One form of one network: the file's name and size, what the comparison found; or why there is no such form."""

    name: str
    file_bytes: int = 0
    found: Comparison | None = None
    refused: str = ""


def export_networks(plan: Plan, folder: Path) -> list[Exported]:
    """Every network of integer codes of seed 0, in each form, as METHOD-WbAb-FORM.onnx; run on all of the data."""
    task, _ = prepare(plan, 0)
    x = np.concatenate([task.data.train.x, task.data.test.x])
    return [each for run in networks(task) if run.grids
            for each in _exported(run.network, run.name, folder, x)]


def _exported(network: Network, name: str, folder: Path, x: Reals) -> Iterator[Exported]:
    if why := _without_form(network):
        yield Exported(name, refused=why)
        return
    assert isinstance(network, mlp.QuantizedNet)
    for suffix, form in FORMS.items():
        try:
            content = form.make(network).SerializeToString(deterministic=True)
        except ValueError as why:  # weights or scales that this form does not take
            yield Exported(f"{name}-{suffix}.onnx", refused=str(why).split("; got")[0])
            continue
        write(folder / f"{name}-{suffix}.onnx", content)
        yield Exported(f"{name}-{suffix}.onnx", len(content),
                       form.compare(network, x) if find_spec("onnxruntime") else None)


def _without_form(network: Network) -> str:
    """Why the network has neither form, in few words; empty if it has both."""
    if not isinstance(network, mlp.QuantizedNet):
        return "blocks, which cut the sums of a product: simulated"
    if any(isinstance(layer.activation, mlp.Dynamic) for layer in network.layers):
        return "dynamic, a range of each input"
    try:
        mlp.deploy(network)
    except ValueError as why:
        return "more than 8 bits" if network.layers[0].activation.grid.bits > 8 else str(why).split("; got")[0]
    return ""


HEAD = ("model", "file, bytes", "other codes", "from a tie, steps", "other logits (steps)", "other predictions",
        "unexplained")


def table(exported: list[Exported]) -> str:
    """The rows as text."""
    if not exported:
        return "There is nothing to export: these methods make no network of integer codes."
    refused = [f"{e.name}: not written ({e.refused})." for e in exported if e.refused]
    written = [e for e in exported if not e.refused]
    if not written:
        return "\n".join(["There is no model to write.", "", *refused])
    return "\n".join([*ruled([HEAD, *map(_line, written)]), *([""] if refused else []), *refused, "",
                      paragraph(COMPARED if any(e.found for e in written) else NOT_COMPARED)])


NOT_COMPARED = "To compare them with refquant's codes: pip install 'refquant[onnx]', which brings ONNX Runtime."
COMPARED = (
    "Seed 0; all of the data, in ONNX Runtime, beside refquant. other codes: given the same input codes, a layer's "
    "codes differ from refquant's integers only near a tie, no further from it than float32 rounds: in integer "
    "operators, the multiplier, the accumulator and their product (R14: 31 bits, one rounding); in QDQ form, sums of "
    "reals (R13: of codes) or, where the optimizer makes a QGemm, as in integer operators. other logits: INT16 codes "
    "end to end; one different hidden code moves all logits after it. other predictions: beside forward_quantized in "
    "QDQ form, forward_integer in integer operators; the logits are equal except for such rounding, or a code before "
    "them differs. unexplained: codes and predictions that differ without this reason. On x86 processors without VNNI "
    "there may be some: sums of two products of 8 bits saturate there, unless weights lie within [-64, 63].")


def _line(e: Exported) -> tuple[str, ...]:
    c = e.found
    found = ("–",) * 5 if c is None else (
        f"{c.differ} of {c.codes:,}", f"{c.from_tie:.1e}" if c.differ else "–", f"{c.logits} ({c.furthest})",
        str(c.predictions), str(c.unexplained + c.unexplained_predictions))
    return e.name, f"{e.file_bytes:,}", *found
