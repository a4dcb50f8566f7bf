"""Exported networks in ONNX Runtime itself, on every digit: PTQ and QAT, at each width, per tensor and per channel."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import needs

import refquant as rq
from refquant import mlp
from refquant.mlp import export
from refquant.study import cli
from refquant.study.compare import exported
from refquant.study.datasets import digits

pytestmark = pytest.mark.conformance
X, LABELS = digits()
BITS = (8, 4, 3, 2)
COMPARED = {"qdq": exported.compare_qdq, "integer": exported.compare_integer_operators}


@pytest.fixture(autouse=True)
def _engine() -> None:
    needs("onnx", "conformance")
    needs("onnxruntime", "conformance")


@cache
def trained() -> mlp.Net:
    return mlp.train(mlp.init(np.random.default_rng(0), (64, 32, 32, 10)), X, LABELS, rng=np.random.default_rng(1),
                     epochs=10)


@cache
def ptq(weights: rq.IntGrid, inputs: rq.IntGrid, axis: int | None = None) -> mlp.QuantizedNet:
    return mlp.ptq_static(trained(), [X[:256]], weight_grid=weights, activation_grid=inputs, weight_axis=axis)


@cache
def qat(method: str, bits: int, signed: bool) -> mlp.QuantizedNet:
    train = {"train_qat": mlp.train_qat, "train_lsq": mlp.train_lsq}[method]
    return train(trained(), X, LABELS, rng=np.random.default_rng(2), epochs=3,
                 weight_grid=rq.IntGrid(bits, narrow=True), activation_grid=rq.IntGrid(bits, signed=signed))


NETWORKS: dict[str, Any] = {
    **{f"ptq-W{bits}A{bits}-{'signed' if signed else 'unsigned'}-{'tensor' if axis is None else 'channel'}":
       lambda bits=bits, signed=signed, axis=axis: ptq(rq.IntGrid(bits, narrow=True), rq.IntGrid(bits, signed=signed),
                                                       axis)
       for bits in BITS for signed in (False, True) for axis in (None, 0)},
    **{f"{method}-W{bits}A{bits}-{'signed' if signed else 'unsigned'}":
       lambda method=method, bits=bits, signed=signed: qat(method, bits, signed)
       for method in ("train_qat", "train_lsq") for bits in BITS for signed in (False, True)},
    "full weights": lambda: ptq(rq.INT8, rq.UINT8), "W4A8": lambda: ptq(rq.INT4, rq.UINT8, 0),
    "W8A4": lambda: ptq(rq.INT8, rq.UINT4), "W5A7": lambda: ptq(rq.IntGrid(5), rq.IntGrid(7), 0),
    "narrow inputs": lambda: ptq(rq.INT8, rq.IntGrid(8, narrow=True)),
    "narrow inputs of 4 bits": lambda: ptq(rq.INT4, rq.IntGrid(4, narrow=True)),
}


@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("form", COMPARED)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_code_that_differs_has_its_reason(name: str, form: str, optimized: bool, record_property: Any) -> None:
    found = COMPARED[form](NETWORKS[name](), X, optimized)
    record_property("found", repr(found))
    assert found.codes == len(X) * (64 + 32 + 32 + 10)
    assert (found.unexplained, found.unexplained_predictions) == (0, 0), found
    if form == "integer":
        assert found.predictions <= 1 + found.logits


@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_integer_operators_are_the_engines_functions_composed(name: str, optimized: bool) -> None:
    qnet = NETWORKS[name]()
    outputs = exported.run_onnx(exported.with_hidden_codes(export.to_integer_operators(qnet)), X, optimized)
    foretold = exported.composed(qnet, X)
    for i, codes in enumerate(foretold[:-1]):
        assert (outputs[f"int32_codes_{i}"] == codes).all(), i
    assert (outputs["codes"] == foretold[-1]).all()
    net = mlp.deploy(qnet)
    assert (outputs["logits"] == rq.dequantize(foretold[-1], net.output)).all()


# ---------------------------------------------------------------------------------------------- float grids

FLOATS: dict[str, tuple[rq.Grid, rq.Grid]] = {
    **{f"{grid}": (grid, grid) for grid in (rq.E4M3, rq.E5M2, rq.E4M3FNUZ, rq.E5M2FNUZ)},
    "E4M3 weights, E5M2 inputs": (rq.E4M3, rq.E5M2), "E4M3 weights, int8 inputs": (rq.E4M3, rq.INT8),
    "E4M3 weights, uint4 inputs": (rq.E4M3, rq.UINT4), "int4 weights, E4M3 inputs": (rq.INT4, rq.E4M3)}
REALS = np.concatenate([X, -X[:100], np.random.default_rng(3).normal(size=(500, 64), scale=30)]).astype(np.float32)


@cache
def floats(name: str, axis: int | None) -> mlp.QuantizedNet:
    weight, inputs = FLOATS[name]
    return mlp.ptq_static(trained(), [X[:256]], weight_grid=weight, activation_grid=inputs, weight_axis=axis,
                          activation_fit=rq.affine_params if inputs.equal_steps else rq.symmetric_params)


def with_hidden_values(model: Any) -> Any:
    """The model, with what every layer's input codes mean in steps of its scale as outputs, too."""
    onnx = needs("onnx", "conformance")
    for name in [o for node in model.graph.node for o in node.output if o.startswith("codes_")]:
        model.graph.node.append(onnx.helper.make_node("Cast", [name], [f"value_{name}"], to=onnx.TensorProto.FLOAT))
        model.graph.output.append(onnx.helper.make_tensor_value_info(f"value_{name}", onnx.TensorProto.FLOAT, None))
    return model


@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("name", FLOATS)
def test_float_codes_differ_only_where_sums_in_float32_do(name: str, axis: int | None, optimized: bool,
                                                          record_property: Any) -> None:
    """Layer by layer, on the codes that the runtime gave the layer before. The optimizer rounds hidden biases to steps
    of scale_x * scale_w."""
    qnet = floats(name, axis)
    outputs = exported.run_onnx(with_hidden_values(export.to_qdq(qnet)), REALS, optimized)
    exact, most = REALS.astype(np.float64), np.zeros(REALS.shape)
    for i, layer in enumerate(qnet.layers):
        at = layer.activation
        assert isinstance(at, rq.AffineParams)
        values = outputs[f"value_codes_{i}"].astype(np.float64)
        low, here, high = (at.grid.decode(rq.quantize((np.maximum(y, 0) if i else y).astype(np.float32), at))
                           for y in (exact - most, exact, exact + most))
        assert (low <= values).all() and (values <= high).all(), (i, (values < low).sum(), (values > high).sum())
        record_property(f"other codes in layer {i}", f"{(values != here).sum()} of {here.size}")
        assert (values != here).mean() <= (5e-4 if i else 0)
        x_hat, w_hat = (values - at.zero_point) * float(at.scale), layer.reals.astype(np.float64)
        exact = x_hat @ w_hat + layer.real_bias
        most = (len(w_hat) + 8) * 2.0**-24 * (np.abs(x_hat) @ np.abs(w_hat) + np.abs(layer.real_bias))
        if optimized and i + 1 < len(qnet.layers):
            most = most + float(at.scale) * layer.weight.scale.astype(np.float64).reshape(-1) / 2
    assert (np.abs(outputs["logits"] - exact) <= most).all()
    there = mlp.forward_quantized(qnet, REALS)
    near = np.abs(outputs["logits"] - there).max(axis=1) <= 1e-5 * np.abs(there).max()
    assert near.mean() > 0.95 and (outputs["logits"].argmax(axis=1) == there.argmax(axis=1))[near].mean() > 0.999


def test_the_optimizer_leaves_out_a_relu_before_float8(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the model has Max in its place."""
    qnet = floats("E4M3", None)
    monkeypatch.setattr(export._Graph, "relu", lambda graph, y, _: graph.node("Relu", [y]))
    model, there = export.to_qdq(qnet), mlp.forward_quantized(qnet, X)
    assert np.abs(exported.run_onnx(model, X, optimized=False)["logits"] - there).max() < 1e-4
    assert np.abs(exported.run_onnx(model, X)["logits"] - there).max() > 1


def test_the_engine_does_not_take_float4() -> None:
    engine = needs("onnxruntime", "conformance")
    qnet = mlp.ptq_static(trained(), [X[:256]], weight_grid=rq.E2M1, activation_grid=rq.E2M1,
                          activation_fit=rq.symmetric_params)
    with pytest.raises(engine.capi.onnxruntime_pybind11_state.NotImplemented, match="QuantizeLinear"):
        exported.run_onnx(export.to_qdq(qnet), X)


# ---------------------------------------------------------------------------------------------- integers

def test_16_bit_weights_in_qdq_form() -> None:
    qnet = ptq(rq.IntGrid(12), rq.UINT8)
    for optimized in (True, False):
        found = exported.compare_qdq(qnet, X, optimized)
        assert (found.unexplained, found.unexplained_predictions) == (0, 0), found


def test_hidden_codes_are_shown_and_nothing_else_changes() -> None:
    for name in ("ptq-W8A8-unsigned-channel", "ptq-W3A3-signed-tensor"):
        for form in (export.to_qdq, export.to_integer_operators):
            model = form(NETWORKS[name]())
            alone, shown = (exported.run_onnx(m, X) for m in (model, exported.with_hidden_codes(model)))
            assert all((shown[output] == alone[output]).all() for output in ("codes", "logits"))


@pytest.mark.parametrize("form", COMPARED)
def test_a_wrong_code_is_found(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bias 500 steps larger than the network's is no rounding."""
    def moved(qnet: mlp.QuantizedNet) -> mlp.QuantizedNet:
        first, *rest = qnet.layers
        bias = first.bias.copy()
        bias[0] += 500
        return mlp.QuantizedNet((mlp.QuantizedLayer(codes=first.codes, weight=first.weight, bias=bias,
                                                    activation=first.activation), *rest))

    name = {"qdq": "to_qdq", "integer": "to_integer_operators"}[form]
    monkeypatch.setattr(exported, name, lambda qnet: getattr(export, name)(moved(qnet)))
    found = COMPARED[form](NETWORKS["ptq-W8A8-unsigned-tensor"](), X)
    assert found.unexplained > 100


def test_the_optimizer_makes_qgemm_of_8_bits_and_leaves_narrower_ones(tmp_path: Path) -> None:
    onnx, engine = needs("onnx", "conformance"), needs("onnxruntime", "conformance")

    def optimized(bits: int) -> list[str]:
        options = engine.SessionOptions()
        options.optimized_model_filepath, options.log_severity_level = str(tmp_path / f"{bits}.onnx"), 4
        model = export.to_qdq(ptq(rq.IntGrid(bits, narrow=True), rq.IntGrid(bits, signed=False)))
        engine.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return [node.op_type for node in onnx.load(tmp_path / f"{bits}.onnx").graph.node]

    assert optimized(8).count("QGemm") == 2
    assert all("QGemm" not in optimized(bits) for bits in (4, 3, 2))


def test_the_engine_does_not_take_onnx_types_of_2_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """As written they run; the optimizer makes a QGemm of them. So they are stored in 4 bits, and quantized to 8."""
    engine, wide = needs("onnxruntime", "conformance"), export._wide
    monkeypatch.setattr(export, "_wide", lambda grid, least: rq.IntGrid(2, grid.signed) if grid.bits == 2
                        else wide(grid, least))
    monkeypatch.setattr(export, "OPSET", 25)
    monkeypatch.setattr(export, "IR_VERSION", 13)
    model = export.to_qdq(ptq(rq.IntGrid(2, narrow=True), rq.UINT2))
    assert exported.run_onnx(model, X, optimized=False)["codes"].shape == (len(X), 10)
    with pytest.raises(engine.capi.onnxruntime_pybind11_state.InvalidGraph, match="QGemm"):
        exported.run_onnx(model, X)


def test_the_command_exports_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = tmp_path / "models"
    assert cli.main(["compare", "--quick", "--seeds", "1", "--jobs", "1", "--bits", "4", "--methods",
                     "ptq-static-minmax,ptq-dynamic-row", "--out", str(tmp_path / "out"), "--export", str(models)]) == 0
    said = capsys.readouterr().out
    lines = {line.split()[0]: line.split() for line in said.splitlines() if ".onnx  " in line}
    assert sorted(lines) == sorted(p.name for p in models.iterdir()) == [
        f"ptq-static-minmax-W4A4-{form}.onnx" for form in ("integer", "qdq")]
    for name, cells in lines.items():
        assert cells[1] == f"{(models / name).stat().st_size:,}" and "247,986" in cells and cells[-1] == "0"
    assert "ptq-dynamic-row-W4A4: not written (dynamic" in said and f"Written: 2 models, in {models}" in said
