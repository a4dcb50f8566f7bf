"""What inspect says of ONNX Runtime, asked of ONNX Runtime: which weights it takes, and when it multiplies integers."""

import re
from typing import Any

import numpy as np
import pytest
from helpers import Extra

from refquant.study.formats import FORMATS
from refquant.study.inspect.recommend import OPSETS, engines, takers
from refquant.study.inspect.schemes import Scheme, names

onnx: Any = Extra("onnx", "onnx")
ort: Any = Extra("onnxruntime", "onnxruntime")
r = np.random.default_rng(0)
PLACES = [(None, None), (0, None), (1, None), (0, 16), (1, 16)]


def model(s: Scheme, shape: tuple[int, ...], inputs: str) -> tuple[bytes, np.ndarray]:
    """x -> Conv, or MatMul with w or with w transposed, w = DequantizeLinear(codes); and the real w."""
    h, t = onnx.helper, onnx.TensorProto
    kind = s.format.removesuffix(" affine")
    code = {"E4M3": t.FLOAT8E4M3FN, "E5M2": t.FLOAT8E5M2}.get(kind) or getattr(t, kind.upper())
    of_scales = [] if s.axis is None else [n if k == s.axis else 1 for k, n in enumerate(shape)] if not s.block else [
        n // s.block if k == s.axis else n for k, n in enumerate(shape)]
    top = {"int2": 1, "int16": 300}.get(kind, 7)
    q, scale = r.integers(-top, top + 1, shape), r.uniform(0.5, 1, of_scales).astype(np.float32)
    zero = r.integers(-1, 2, of_scales) if s.affine else np.zeros(of_scales, int)
    wide = [np.repeat(v, s.block, s.axis) if s.block else v for v in (scale, zero)]
    flat = [*scale.shape] if s.block else [scale.size] * (s.axis is not None)
    held = [("q", code, shape, q), ("s", t.FLOAT, flat, scale), ("z", code, flat, zero), ("xs", t.FLOAT, [], [0.02]),
            ("xz", t.UINT8, [], [128]), ("ys", t.FLOAT, [], [1.0])]
    where = {} if s.axis is None else {"axis": s.axis} | ({"block_size": s.block} if s.block else {})
    nodes = [h.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], **where)]
    around = ["x", "y"]
    if inputs == "quantized":
        around = ["xf", "yf"]
        nodes += [h.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
                  h.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xf"])]
    nodes += [h.make_node("Conv" if len(shape) > 2 else "MatMul", [around[0], "w"], [around[1]])]
    if inputs == "quantized":
        nodes += [h.make_node("QuantizeLinear", ["yf", "ys", "xz"], ["yq"]),
                  h.make_node("DequantizeLinear", ["yq", "ys", "xz"], ["y"])]
    graph = h.make_graph(nodes, "g", [h.make_tensor_value_info("x", 1, None)], [h.make_tensor_value_info("y", 1, None)],
                         [h.make_tensor(n, c, v, np.ravel(np.asarray(a, float)).tolist()) for n, c, v, a in held])
    opset = takers(s, shape)["ONNX Runtime"]
    made = h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=12 if opset > 21 else 10)
    return made.SerializeToString(), (q - wide[1]) * wide[0]


def run(s: Scheme, shape: tuple[int, ...], inputs: str, path: str) -> tuple[float, set[str]]:
    """The error by the largest output, and the operators that are left after optimization."""
    content, w = model(s, shape, inputs)
    options = ort.SessionOptions()
    options.log_severity_level, options.optimized_model_filepath = 4, path
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    x = (r.integers(-50, 50, (1, shape[1], 5, 5) if len(shape) > 2 else (4, shape[0])) * 0.02).astype(np.float32)
    y = ort.InferenceSession(content, options).run(None, {"x": x})[0]
    want = np.einsum("ncij,oc->noij", x, w[:, :, 0, 0]) if len(shape) > 2 else x @ w
    return float(np.abs(y - want.clip(-128, 127) if inputs == "quantized" else y - want).max() / np.abs(want).max()), {
        node.op_type for node in onnx.load(path).graph.node}


@pytest.mark.conformance
@pytest.mark.parametrize("shape", [(64, 32), (64, 32, 1, 1)], ids=["MatMul", "Conv"])
@pytest.mark.parametrize("kind", [name for name in names(2) + names(4) + names(8) + names(16)
                                  if name.removesuffix(" affine") in OPSETS and not name.startswith("int16 ")])
def test_onnx_runtime_takes_what_is_said(kind: str, shape: tuple[int, ...], tmp_path: Any) -> None:
    for axis, block in PLACES:
        grid = FORMATS[kind].grid if kind in FORMATS else FORMATS["int8"].grid
        s = Scheme(kind, grid, FORMATS["int8"].fit, axis, block)
        error, _ = run(s, shape, "floats", str(tmp_path / "o.onnx"))
        assert error < 1e-5, s.name
        said = engines([(s, shape)])
        if not kind.startswith(("int8", "int4", "int2")):
            continue
        try:
            error, operators = run(s, shape, "quantized", str(tmp_path / "o.onnx"))
        except Exception as failure:  # a kind of its own for each status
            assert "where inputs are floats" in said, f"{s.name}: {failure}"
            continue
        integers = any(name.startswith("QLinear") for name in operators)
        right = error < 0.1
        if "makes floats of" in said:
            assert right and not integers, s.name
        elif "multiplies integers where" in said:
            assert re.search(rf"where axis {axis} is the outputs' \(1 of MatMul", said)
            assert right and integers == (axis == 1), s.name
        elif "where inputs are floats" not in said:
            assert right and integers, s.name
