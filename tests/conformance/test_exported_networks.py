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
