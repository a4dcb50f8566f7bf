"""Networks as ONNX models: what they hold, and what is refused. ONNX Runtime runs them in conformance/."""

import importlib
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import needs, refused

import refquant as rq
from refquant import mlp
from refquant.mlp import export
from refquant.study import cli
from refquant.study.compare import exported
from refquant.study.compare.tasks import Plan

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6)).astype(np.float32)
NET = mlp.Net(weights=mlp.init(RNG, (6, 5, 3)).weights,
              biases=tuple(RNG.normal(size=n).astype(np.float32) for n in (5, 3)))
FORMS = (export.to_qdq, export.to_integer_operators)
FLOATS = {rq.E4M3: "FLOAT8E4M3FN", rq.E5M2: "FLOAT8E5M2", rq.E4M3FNUZ: "FLOAT8E4M3FNUZ", rq.E5M2FNUZ: "FLOAT8E5M2FNUZ",
          rq.E2M1: "FLOAT4E2M1"}


def quantized(weight: rq.Grid, activation: rq.Grid, axis: Any = None, **more: Any) -> mlp.QuantizedNet:
    return mlp.ptq_static(NET, [X], weight_grid=weight, activation_grid=activation, weight_axis=axis, **more,
                          activation_fit=rq.affine_params if activation.equal_steps else rq.symmetric_params)


def operators(model: Any) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


@pytest.mark.parametrize("form", FORMS)
def test_without_onnx_there_is_one_clear_error(form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with refused(ImportError, form.__name__, "the extra `onnx` must be installed", "pip install 'refquant[onnx]'"):
        form(quantized(rq.INT8, rq.UINT8))


def test_the_command_says_so_before_it_trains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert cli.main(["compare", "--out", str(tmp_path / "out"), "--export", str(tmp_path / "models")]) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and "pip install 'refquant[onnx]'" in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.conformance
def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs("onnx", "conformance")
    (tmp_path / "file").write_text("")
    assert cli.main(["compare", "--out", str(tmp_path / "out"), "--export", str(tmp_path / "file")]) == 2
    assert "`--export` must be a folder" in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMS)
def test_what_has_no_such_form_is_refused(form: Any) -> None:
    with refused(ValueError, "deploy", "static"):
        form(mlp.ptq_dynamic(NET))
    with refused(ValueError, "deploy", "at most 8 bits"):
        form(quantized(rq.INT8, rq.UINT16))
    with refused(TypeError, form.__name__, "QuantizedNet"):
        form(NET)


def test_float_grids_that_have_no_such_form_are_refused() -> None:
    for grid in (rq.E4M3, rq.NF4, rq.E2M3):
        for qnet in (quantized(grid, rq.UINT8), quantized(rq.INT8, grid), quantized(grid, rq.UINT8, weight_block=2)):
            with refused(ValueError, "to_integer_operators: grids must be integers", f"got {grid}. Hint: to_qdq"):
                export.to_integer_operators(qnet)
    for grid in (rq.NF4, rq.E2M3, rq.E3M2):
        with refused(ValueError, "to_qdq: ONNX must have a type for each grid", grid, "E5M2FNUZ, E2M1"):
            export.to_qdq(quantized(rq.E4M3, grid))
    for qnet in (quantized(rq.E4M3, rq.UINT8, weight_block=2), mlp.ptq_dynamic(NET, weight_grid=rq.E4M3)):
        with refused(ValueError, "to_qdq: every input must be static, and no weights in blocks"):
            export.to_qdq(qnet)


@pytest.mark.conformance
@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("grid", FLOATS, ids=repr)
def test_float_grids_in_qdq_form(grid: rq.Grid, axis: int | None) -> None:
    onnx = needs("onnx", "conformance")
    qnet = quantized(grid, grid, axis)
    model = export.to_qdq(qnet)
    assert operators(model) == {"QuantizeLinear": 2, "DequantizeLinear": 4, "Gemm": 2, "Max": 1}
    assert [output.name for output in model.graph.output] == ["logits"]
    assert model.opset_import[0].version == (23 if grid == rq.E2M1 else 21)
    assert all(attribute.name != "saturate" for node in model.graph.node for attribute in node.attribute)  # 1, saturate
    constants = {c.name: c for c in model.graph.initializer}
    for layer, node in zip(qnet.layers, [n for n in model.graph.node if n.op_type == "Gemm"], strict=True):
        made = {n.output[0]: n for n in model.graph.node}
        weights, scale, _ = (constants[name] for name in made[node.input[1]].input)
        assert weights.data_type == getattr(onnx.TensorProto, FLOATS[grid])
        assert (onnx.numpy_helper.to_array(weights).view(np.uint8) == layer.codes).all()
        assert (onnx.numpy_helper.to_array(scale) == layer.weight.scale.squeeze()).all()
        assert (onnx.numpy_helper.to_array(constants[node.input[2]]) == layer.bias).all()


@pytest.mark.conformance
@pytest.mark.parametrize(("weight", "activation"), [(rq.E2M1, rq.E2M1), (rq.E2M1, rq.E4M3), (rq.E2M1, rq.UINT8),
                                                    (rq.E5M2, rq.E5M2), (rq.INT4, rq.E4M3FNUZ)])
def test_the_reference_evaluator_of_onnx_gives_the_same_logits(weight: rq.Grid, activation: rq.Grid) -> None:
    needs("onnx", "conformance")
    evaluator = importlib.import_module("onnx.reference").ReferenceEvaluator
    x = np.concatenate([X, -X, 100 * X])  # the last saturate
    for axis in (None, 0):
        qnet = quantized(weight, activation, axis)
        (logits,) = evaluator(export.to_qdq(qnet)).run(["logits"], {"x": x})
        expected = mlp.forward_quantized(qnet, x)
        assert logits.dtype == np.float32 and np.abs(logits - expected).max() <= 1e-6 * np.abs(expected).max()


@pytest.mark.conformance
@pytest.mark.parametrize("form", FORMS)
def test_scales_that_float32_does_not_hold_are_refused(form: Any) -> None:
    needs("onnx", "conformance")
    small = rq.AffineParams(scale=np.float64(1e-60), zero_point=0, grid=rq.INT8)
    with refused(ValueError, form.__name__, "normal in float32"):
        form(mlp.quantize_net(mlp.Net(weights=(np.eye(2),), biases=(np.zeros(2),)), [small], [small]))


def test_integer_operators_take_weights_of_8_bits() -> None:
    with refused(ValueError, "to_integer_operators", "from 2 to 8", "16"):
        export.to_integer_operators(quantized(rq.INT16, rq.UINT8))


@pytest.mark.conformance
def test_qdq_form() -> None:
    needs("onnx", "conformance")
    model = export.to_qdq(quantized(rq.INT8, rq.UINT8, axis=0))
    assert operators(model) == {"QuantizeLinear": 3, "DequantizeLinear": 6, "Gemm": 2, "Relu": 1}
    assert [(o.name, o.type.tensor_type.elem_type) for o in model.graph.output] == [("codes", 5), ("logits", 1)]
    assert [node.op_type for node in model.graph.node if node.output[0] in ("codes_0", "codes_1", "codes")
            ] == ["QuantizeLinear"] * 3


@pytest.mark.conformance
def test_integer_form() -> None:
    needs("onnx", "conformance")
    model = export.to_integer_operators(quantized(rq.INT8, rq.UINT8))
    assert operators(model) == {"QuantizeLinear": 3, "MatMulInteger": 2, "Add": 2, "Cast": 2, "Mul": 2,
                                "DequantizeLinear": 1}


@pytest.mark.conformance
@pytest.mark.parametrize(("bits", "signed", "kind", "clips"), [
    (8, False, "UINT8", 0), (8, True, "INT8", 0), (4, False, "UINT4", 0), (4, True, "INT4", 0), (3, False, "UINT8", 2),
    (3, True, "INT8", 2), (2, False, "UINT8", 2), (7, True, "INT8", 2)])
def test_codes_stay_the_same_numbers_in_the_types_that_onnx_has(bits: int, signed: bool, kind: str,
                                                                clips: int) -> None:
    onnx = needs("onnx", "conformance")
    qnet = quantized(rq.IntGrid(bits, narrow=True), rq.IntGrid(bits, signed=signed))
    model = export.to_qdq(qnet)
    constants = {c.name: c for c in model.graph.initializer}
    inputs = [node.input for node in model.graph.node if node.op_type == "DequantizeLinear"]
    assert constants[inputs[0][2]].data_type == getattr(onnx.TensorProto, kind) and operators(model)["Clip"] == clips
    weights = constants[inputs[1][0]]
    assert weights.data_type == (onnx.TensorProto.INT8 if bits > 4 else onnx.TensorProto.INT4)
    assert (onnx.numpy_helper.to_array(weights).astype(np.int8) == qnet.layers[0].codes).all()
    if bits <= 4:
        assert len(weights.raw_data or weights.int32_data) <= weights.dims[0] * weights.dims[1] / 2
    biases = onnx.numpy_helper.to_array(constants[inputs[2][0]])
    assert biases.dtype == np.int32 and (biases == qnet.layers[0].bias).all()


@pytest.mark.conformance
def test_the_same_network_gives_the_same_bytes() -> None:
    needs("onnx", "conformance")
    for form in FORMS:
        first, second = (form(quantized(rq.INT4, rq.UINT4)).SerializeToString(deterministic=True) for _ in range(2))
        assert first == second


@pytest.mark.conformance
def test_files_are_written_and_the_table_says_what_compares_them(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    onnx = needs("onnx", "conformance")
    monkeypatch.setattr(exported, "find_spec", lambda _: None)
    plan = Plan(methods=("float-longer", "ptq-static-minmax", "ptq-dynamic-row", "ptq-static-block-16"), bits=(16, 4),
                epochs=1)
    rows = exported.export_networks(plan, tmp_path)
    names = [f"ptq-static-minmax-W4A4-{form}.onnx" for form in ("integer", "qdq")]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    assert all(row.found is None and row.file_bytes == (tmp_path / row.name).stat().st_size
               for row in rows if not row.refused)
    onnx.checker.check_model(onnx.load(tmp_path / names[0]))
    said = " ".join(exported.table(rows).split())
    assert "To compare them with refquant's codes: pip install 'refquant[onnx]'" in said
    for name, why in (("ptq-static-minmax-W16A16", "more than 8 bits"), ("ptq-dynamic-row-W4A4", "dynamic"),
                      ("ptq-static-block-16-W4A4", "deploy: weights must not be in blocks")):
        assert f"{name}: not written ({why}" in said
    assert exported.table([]).startswith("There is nothing to export")
    dynamic = exported.table([row for row in rows if row.refused])
    assert dynamic.startswith("There is no model to write.") and "ptq-dynamic-row-W4A4: not written" in dynamic
