"""refquant.engines.onnxruntime gives what ONNX Runtime gave when tests/golden/onnxruntime.json was recorded."""

import inspect
import json
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.engines import onnxruntime as engine

PATH = Path(__file__).parents[1] / "golden" / "onnxruntime.json"
RECORD = json.loads(PATH.read_text(encoding="utf-8"))
OPERATORS = ("quantize_linear", "dequantize_linear", "dynamic_quantize_linear", "matmul_integer", "qlinear_matmul",
             "dynamic_linear")


def array(stored: Any) -> Any:
    """[dtype, shape, values], floats in hexadecimal."""
    if stored is None:
        return None
    dtype, shape, values = stored
    return np.array([float.fromhex(v) if isinstance(v, str) else v for v in values], dtype).reshape(shape)


CASES = [{**case, "inputs": list(map(array, case["inputs"])), "outputs": list(map(array, case["outputs"]))}
         for case in RECORD["cases"]]


def bits(a: Any) -> tuple[Any, ...]:
    """All that must agree: the type, the shape and every bit, but for NaN, which is one value here."""
    return type(a), a.dtype, a.shape, np.where(np.isnan(a), np.nan, a).tobytes()


def agrees(module: Any, case: dict[str, Any]) -> bool:
    """Whether the module gives what the engine gave."""
    grid = {"grid": rq.IntGrid(*case["grid"])} if case["operator"] == "quantize_linear" else {}
    outputs = getattr(module, case["operator"])(*case["inputs"], **case["attributes"], **grid)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return all(bits(ours) == bits(theirs) for ours, theirs in zip(outputs, case["outputs"], strict=True))


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_engines_record_is_met(operator: str) -> None:
    assert RECORD["engine"] == "onnxruntime" and RECORD["version"] == "1.32.0" and PATH.stat().st_size < 60_000
    cases = [case for case in CASES if case["operator"] == operator]
    assert len(cases) >= 8 and sum(a.size for case in cases for a in case["outputs"]) >= 60
    assert all(agrees(engine, case) for case in cases)


QUOTIENT = "np.rint(x.astype(precision) / scale.astype(precision)) + zero_point"
PRODUCT = "np.rint(acc.astype(np.float32) * m) + zero_point"
MUTANTS = [
    ("a zero point before rounding", QUOTIENT, "np.rint(x.astype(precision) / scale.astype(precision) + zero_point)"),
    ("a reciprocal", QUOTIENT, "np.rint(x.astype(precision) * (1 / scale.astype(precision))) + zero_point"),
    ("float64", QUOTIENT, "np.rint(x.astype(float) / scale.astype(float)) + zero_point"),
    ("ties up", QUOTIENT, "np.floor(x.astype(precision) / scale.astype(precision) + np.float32(0.5)) + zero_point"),
    ("float32 throughout", QUOTIENT, "np.rint(x.astype(np.float32) / scale.astype(np.float32)) + zero_point"),
    ("NaN saturates above", "np.fmin(np.fmax(q, grid.qmin), grid.qmax)", "np.fmax(np.fmin(q, grid.qmax), grid.qmin)"),
    ("float64 products of steps", "steps.astype(np.float32) * scale.astype(np.float32)", "steps * scale"),
    ("steps that do not wrap", "np.subtract(q, zero_point, dtype=np.int32)", "(q.astype(np.int64) - zero_point)"),
    ("a range without 0", "x.min(initial=0), x.max(initial=0)", "x.min(initial=x.max()), x.max()"),
    ("another degenerate scale", "else np.float32(1)\n", "else np.float32(1) / np.float32(255)\n"),
    ("a zero point rounded first", "np.rint(np.fmax(np.fmin(0 - lo / scale, 255), 0))",
     "np.fmax(np.fmin(-np.rint(lo / scale + 0.5), 255), 0)"),
    ("NaN as zero point 0", "np.fmax(np.fmin(0 - lo / scale, 255), 0)", "np.fmin(np.fmax(0 - lo / scale, 0), 255)"),
    ("no zero point of b", "np.subtract(b, b_zero, dtype=np.int16)", "b.astype(np.int16)"),
    ("another order of scales", "a_step * b_step / y_step", "a_step * (b_step / y_step)"),
    ("a float64 product", PRODUCT, "np.rint(acc * np.float64(m)) + zero_point"),
    ("y's zero point before rounding", PRODUCT, "np.rint(acc.astype(np.float32) * m + zero_point)"),
    ("two products", "acc.astype(np.float32) * (x_scale * step)", "acc.astype(np.float32) * x_scale * step"),
    ("a bias added in float64", "return y + offset",
     "return np.float32(acc * np.float64(x_scale * step) + offset)"),
]


@pytest.mark.parametrize(("old", "new"), [mutant[1:] for mutant in MUTANTS], ids=[mutant[0] for mutant in MUTANTS])
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_the_record_tells_other_formulas(old: str, new: str) -> None:
    source = inspect.getsource(engine)
    assert source.count(old) == 1
    mutant = types.ModuleType(engine.__name__)
    mutant.__package__ = engine.__package__
    exec(compile(source.replace(old, new), "mutant", "exec"), mutant.__dict__)
    assert not all(agrees(mutant, case) for case in CASES)


def test_arguments_are_taken_as_the_operators_take_them() -> None:
    x, q = np.float32([[0.5, 1.5, 2.5]]), np.int8([[1, 2, 3]])
    assert engine.quantize_linear(x.tolist(), [1.0]).dtype == np.uint8  # uint8 without a zero point
    assert engine.quantize_linear(x, 1.0, np.int16([7])).tolist() == [[7, 9, 9]]
    assert engine.quantize_linear(x, 1.0, 7, grid=rq.INT4).tolist() == [[7, 7, 7]]
    assert engine.quantize_linear(x, [1.0, 1.0, 0.5], np.uint8([0, 1, 2])).tolist() == [[0, 3, 7]]
    assert engine.quantize_linear(x, [[1.0, 0.5]], block_size=2).tolist() == [[0, 2, 5]]
    assert engine.quantize_linear(np.float32(2.5), 1.0).shape == () == engine.dequantize_linear(q[0, 0], 1.0).shape
    assert engine.dequantize_linear(q, np.float16(0.1)).dtype == np.float16
    assert [a.shape for a in engine.dynamic_quantize_linear(np.float32([]))] == [(0,), (), ()]
    assert engine.matmul_integer(q, q.T, 1, np.int8([1])).tolist() == [[5]]
    assert engine.dynamic_linear(x, q.T, 1.0, None, [0.5]).shape == (1, 1)
    assert np.signbit(engine.dynamic_linear(0 * x, q.T, -1.0)).all()  # no bias, no change


def test_blocks_and_axes_are_slices_of_their_own() -> None:
    rng = np.random.default_rng(0)
    x, scale = rng.normal(0, 40, (3, 7, 2)).astype(np.float32), (rng.random((3, 3, 2)) + 0.5).astype(np.float32)
    zero_point = rng.integers(-128, 128, scale.shape).astype(np.int8)
    blocks = engine.quantize_linear(x, scale, zero_point, axis=-2, block_size=3)
    for i, j, k in np.ndindex(scale.shape):
        place = i, slice(3 * j, 3 * j + 3), k
        assert (blocks[place] == engine.quantize_linear(x[place], scale[i, j, k], zero_point[i, j, k])).all()
    columns = engine.quantize_linear(x, scale[0, 0], zero_point[0, 0], axis=2)
    assert (columns[..., 1] == engine.quantize_linear(x[..., 1], scale[0, 0, 1], zero_point[0, 0, 1])).all()


X, A, B = np.ones((2, 4), np.float32), np.ones((2, 4), np.uint8), np.ones((4, 3), np.int8)


@pytest.mark.parametrize(("call", "kind", "parts"), [
    (lambda: engine.quantize_linear(X.astype(float), 1.0), TypeError, ["`x`", "float32 or float16", "float64"]),
    (lambda: engine.quantize_linear(X, np.float64(1)), TypeError, ["`y_scale`", "float64"]),
    (lambda: engine.quantize_linear(A, 1.0), TypeError, ["`x`", "uint8"]),
    (lambda: engine.quantize_linear(X, 1.0, 0), TypeError, ["`y_zero_point`", "int8 or uint8", "int64", "grid"]),
    (lambda: engine.quantize_linear(X, 1.0, 8, grid=rq.INT4), ValueError, ["`y_zero_point`", "-8 to 7", "8"]),
    (lambda: engine.quantize_linear(X, 1.0, 0, grid=rq.IntGrid(3)), ValueError, ["`grid`", "2, 4, 8 or 16"]),
    (lambda: engine.quantize_linear(X, 1.0, 0, grid=rq.IntGrid(8, narrow=True)), ValueError, ["`grid`", "narrow"]),
    (lambda: engine.quantize_linear(X, 1.0, precision=float), TypeError, ["`precision`"]),
    (lambda: engine.quantize_linear(X, np.ones((1, 1), np.float32)), ValueError, ["shape (4,)", "(1, 1)", "`axis`"]),
    (lambda: engine.quantize_linear(X, [1.0] * 4, np.int8(0)), ValueError, ["shape (4,)", "(4,) and ()"]),
    (lambda: engine.quantize_linear(X, [1.0] * 4, axis=2), ValueError, ["`axis`", "2"]),
    (lambda: engine.quantize_linear(X, [1.0] * 2, block_size=2), ValueError, ["shape (2, 2)", "(2,)"]),
    (lambda: engine.quantize_linear(X, 1.0, block_size=-1), ValueError, ["`block_size`", "-1"]),
    (lambda: engine.dequantize_linear([[1]], 1.0), TypeError, ["dequantize_linear", "`x`", "int32", "int64"]),
    (lambda: engine.dequantize_linear(A, 1.0, 256), ValueError, ["`x_zero_point`", "0 to 255", "256"]),
    (lambda: engine.dynamic_quantize_linear(X.astype(np.float16)), TypeError, ["`x`", "float32", "float16"]),
    (lambda: engine.dynamic_quantize_linear([1.0, np.nan]), ValueError, ["NaN at index (1,)"]),
    (lambda: engine.matmul_integer(A, B, [1, 2]), ValueError, ["`a_zero_point`", "one number;", "(2,)"]),
    (lambda: engine.matmul_integer(A, B, 0, [1, 2]), ValueError, ["`b_zero_point`", "(1, 3)", "(3,)", "(2,)"]),
    (lambda: engine.matmul_integer(A, B, 300), ValueError, ["`a_zero_point`", "0 to 255", "300"]),
    (lambda: engine.matmul_integer(A.astype(int), B), TypeError, ["`a`", "int8 or uint8", "int64"]),
    (lambda: engine.matmul_integer(A[:, :0], B[:0]), ValueError, ["`a`", "(2, 0)"]),
    (lambda: engine.matmul_integer(A, B.T), ValueError, ["share S and K"]),
    (lambda: engine.matmul_integer(A[0], B), ValueError, ["share S and K"]),
    (lambda: engine.qlinear_matmul(A, [1.0, 1.0], 0, B, 1.0, 0, 1.0, 0), ValueError, ["`a_scale`", "(2,)"]),
    (lambda: engine.qlinear_matmul(A, 1.0, 0, B, 1.0, 0, 1.0, [0, 0, 0]), ValueError, ["`y_zero_point`", "(3,)"]),
    (lambda: engine.qlinear_matmul(A.view(np.int8), 1.0, 0, B.view(np.uint8), 1.0, 0, 1.0, 0), TypeError, ["`b`"]),
    (lambda: engine.dynamic_linear(X, B, [1.0, 1.0]), ValueError, ["dynamic_linear", "(2,)", "(2, 3)"]),
    (lambda: engine.dynamic_linear(X, B, 1.0, None, [1.0, 1.0]), ValueError, ["dynamic_linear", "(2,)"]),
])
def test_errors(call: Any, kind: type[Exception], parts: list[str]) -> None:
    with refused(kind, *parts):
        call()
