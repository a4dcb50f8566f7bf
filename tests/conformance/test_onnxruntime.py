"""refquant.engines.onnxruntime against ONNX Runtime itself, bit for bit, on at least a million values an operator.

    python tests/conformance/test_onnxruntime.py          records tests/golden/onnxruntime.json
"""

import json
import platform
import re
import sys
import warnings
from collections import Counter
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))  # for helpers, when run as a script

from helpers import needs

import refquant as rq
from refquant.engines import onnxruntime as reference
from refquant.testing.strategies import far_outside

pytestmark = pytest.mark.conformance
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "onnxruntime.json"
OPERATORS = ("quantize_linear", "dequantize_linear", "dynamic_quantize_linear", "matmul_integer", "qlinear_matmul",
             "dynamic_linear")
EACH = 3_000_000
GRIDS = (rq.INT2, rq.UINT2, rq.INT4, rq.UINT4, rq.INT8, rq.UINT8, rq.INT16, rq.UINT16)
FAR = far_outside(np.dtype(np.float32))
quiet = np.errstate(all="ignore")


class Case(NamedTuple):
    """A call: the function of this name in refquant and the operator in the engine, inputs and attributes alike."""

    operator: str
    inputs: tuple[Any, ...]  # arrays, and None for inputs left out
    attributes: dict[str, Any]
    grid: rq.IntGrid | None = None  # of the codes that are quantized or dequantized


def computed(case: Case) -> tuple[Any, ...]:
    """What refquant computes."""
    grid = {"grid": case.grid} if case.operator == "quantize_linear" else {}
    outputs = getattr(reference, case.operator)(*case.inputs, **case.attributes, **grid)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def differ(a: Any, b: Any) -> Any:
    """Where the bits differ; every NaN is the same."""
    assert (a.dtype, a.shape) == (b.dtype, b.shape), (a.dtype, a.shape, b.dtype, b.shape)
    bits = f"u{a.itemsize}"
    different = np.ascontiguousarray(a).view(bits) != np.ascontiguousarray(b).view(bits)
    return different & ~(np.isnan(a) & np.isnan(b)) if a.dtype.kind == "f" else different


# ------------------------------------------------------------------------------------------------------ the engine

def has_vnni() -> bool:
    """Whether the processor sums products of uint8 x int8 without saturating at int16."""
    info = Path("/proc/cpuinfo")
    return info.exists() and "vnni" in info.read_text(encoding="utf-8")


def graph(case: Case) -> tuple[list[Any], list[str], int]:
    """The nodes, the names of their outputs, and the opset."""
    onnx = needs("onnx", "conformance")
    node, types = onnx.helper.make_node, onnx.TensorProto
    names = [f"i{k}" if given is not None else "" for k, given in enumerate(case.inputs)]
    if case.operator == "dynamic_linear":
        zero, bias = names[3], names[4]
        return [node("DynamicQuantizeLinear", ["i0"], ["q", "s", "z"]),
                node("MatMulInteger", ["q", "i1", "z", *([zero] if zero else [])], ["acc"]),
                node("Cast", ["acc"], ["real"], to=types.FLOAT), node("Mul", ["s", "i2"], ["step"]),
                node("Mul", ["real", "step"], ["product" if bias else "o0"]),
                *([node("Add", ["product", bias], ["o0"])] if bias else [])], ["o0"], 21
    name = {"qlinear_matmul": "QLinearMatMul", "matmul_integer": "MatMulInteger"}.get(
        case.operator, case.operator.title().replace("_", ""))
    attributes, grid, opset, before, after = dict(case.attributes), case.grid, 21, [], []
    small = getattr(types, f"{'' if grid.signed else 'U'}INT{grid.bits}") if grid and grid.bits < 8 else None
    if case.operator == "quantize_linear":
        opset = 25 if grid.bits == 2 else 23 if "precision" in attributes else 21
        precision, step = np.dtype(attributes.pop("precision", np.float32)), case.inputs[1].dtype
        if opset > 21 and precision != step:  # the step's dtype is its default
            attributes["precision"] = onnx.helper.np_dtype_to_tensor_dtype(precision)
        if not names[2]:
            attributes["output_dtype"] = small or onnx.helper.np_dtype_to_tensor_dtype(grid.dtype)
        after = [node("Cast", ["small"], ["o0"], to=types.INT8 if grid.signed else types.UINT8)] if small else []
    elif case.operator == "dequantize_linear":
        opset = 25 if grid.bits == 2 else 21
        before = [node("Cast", ["i0"], ["small0"], to=small)] if small else []
        names[0] = "small0" if small else "i0"
    if small and names[2]:
        before, names[2] = [*before, node("Cast", ["i2"], ["small2"], to=small)], "small2"
    outputs = ["o0", "o1", "o2"] if name == "DynamicQuantizeLinear" else ["o0"]
    return [*before, node(name, names, ["small"] if after else outputs, **attributes), *after], outputs, opset


@quiet
def run(case: Case, constant: bool = False, optimized: bool = True) -> tuple[Any, ...]:
    """What the engine computes. `constant`: only the first input is one, the others are the graph's constants."""
    onnx = needs("onnx", "conformance")
    given = {f"i{k}": np.asarray(a) for k, a in enumerate(case.inputs) if a is not None}
    unfoldable = case.grid in (rq.INT2, rq.UINT2)  # folding a Cast of some 500 constants to 2 bits fails in 1.32
    fed = {"i0": given["i0"]} if constant and not unfoldable else given
    nodes, outputs, opset = graph(case)
    value, dtype = onnx.helper.make_tensor_value_info, onnx.helper.np_dtype_to_tensor_dtype
    model = onnx.helper.make_model(onnx.helper.make_graph(
        nodes, case.operator, [value(name, dtype(a.dtype), [None] * a.ndim) for name, a in fed.items()],
        [onnx.helper.make_empty_tensor_value_info(name) for name in outputs],
        [onnx.numpy_helper.from_array(a, name) for name, a in given.items() if name not in fed]),
        opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=13 if opset == 25 else 10)
    return tuple(session(model.SerializeToString(), optimized).run(None, fed))


@lru_cache(maxsize=16)
def session(model: bytes, optimized: bool) -> Any:
    """Deterministic: one thread."""
    engine = needs("onnxruntime", "conformance")
    options, level = engine.SessionOptions(), engine.GraphOptimizationLevel
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
    return engine.InferenceSession(model, options, providers=["CPUExecutionProvider"])


# ------------------------------------------------------------------------------------------- data at decision points

def scales(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    """Decimals and extremes, any mantissa, powers of two."""
    kinds = (rng.choice([0.1, 0.0235, 1.0, 1e-3, 1 / 3, 3e37, 1e-38, 7.7e-41], shape), rng.random(shape) + 0.5,
             np.exp2(rng.integers(-12, 4, shape)))
    return np.asarray(kinds[rng.integers(3)]).astype(dtype)


def odd(rng: np.random.Generator, scale: Any) -> Any:
    """Now and then a scale that no quantizer would choose."""
    return np.where(rng.random(scale.shape) < 0.03, rng.choice([0.0, -0.1, np.inf, np.nan], scale.shape), scale
                    ).astype(scale.dtype)


def decision_points(rng: np.random.Generator, shape: tuple[int, ...], scale: Any, zero_point: Any, grid: rq.IntGrid,
                    dtype: Any) -> Any:
    """Codes, ties and what lies between, half of them one ulp aside; a fifth random bits; some far outside, or NaN."""
    steps = rng.integers(grid.qmin - 2, grid.qmax + 3, shape) + rng.choice([0, 0.5, 0.5, -0.5, 0.25], shape)
    x = np.asarray((steps - zero_point) * np.asarray(scale, np.float64)).astype(dtype)
    x = np.where(rng.random(shape) < 0.5, x, np.nextafter(x, rng.choice([-np.inf, np.inf], shape).astype(dtype)))
    size, far = np.dtype(dtype).itemsize, np.append(far_outside(np.dtype(dtype)), np.nan)
    x = np.where(rng.random(shape) < 0.2, rng.integers(0, 2 ** (8 * size), shape, f"u{size}").view(dtype), x)
    return np.where(rng.random(shape) < 0.03, rng.choice(far, shape), x).astype(dtype)


def dynamic_data(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Decision points of a range whose zero point is a tie, or beside one; or a strange range. Never NaN."""
    kind, step = rng.random(), scales(rng, (), np.float32)
    if kind < 0.1:
        return rng.choice(rng.choice(FAR, 3), shape)
    if kind < 0.2:
        lo, hi = np.sort(rng.integers(-300, 300, 2))
        return (rng.integers(lo, hi + 1, shape) * np.float64(2.0**-149)).astype(np.float32)
    if kind < 0.25:
        return np.full(shape, rng.choice([0.0, -0.0, step, -step]), np.float32)
    below = float(rng.integers(0, 255) + rng.choice([0.0, 0.5, 0.5, rng.random()]))
    lo, hi = np.float32(-below * step), np.float32((255 - below) * step)
    x = np.clip(np.nan_to_num(decision_points(rng, shape, step, np.rint(below), rq.UINT8, np.float32)), lo, hi)
    x.flat[rng.integers(x.size)] = lo
    x.flat[rng.integers(x.size)] = hi
    return x


def shapes(rng: np.random.Generator, size: float) -> tuple[int, ...]:
    """One to four axes, about `size` values together."""
    ndim = int(rng.integers(1, 5))
    return tuple(int(n) for n in np.ceil(size ** (1 / ndim) * (0.3 + rng.random(ndim))))


def layout(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[dict[str, int], tuple[int, ...], Any]:
    """A scale per tensor, per index of an axis or per block: attributes, its shape, and how it lies along the data."""
    axis = int(rng.integers(-len(shape), len(shape)))
    k, n, block = axis % len(shape), shape[axis], int(rng.integers(1, shape[axis] + 2))
    blocks = (*shape[:k], -(-n // block), *shape[k + 1:])
    return [
        ({}, ((), (1,))[rng.integers(2)], lambda p: p),
        ({"axis": axis}, (n,), lambda p: p.reshape(n, *(1,) * (len(shape) - k - 1))),
        ({"axis": axis, "block_size": block}, blocks, lambda p: p.take(np.arange(n) // block, axis=k)),
    ][rng.integers(3 if blocks != (1,) else 2)]  # the engine takes (1,) for a scale per tensor, without blocks


def codes(rng: np.random.Generator, grid: rq.IntGrid, shape: tuple[int, ...]) -> Any:
    return rng.integers(grid.qmin, grid.qmax + 1, shape).astype(grid.dtype)


def real(rng: np.random.Generator) -> Any:
    return (np.float32, np.float32, np.float16)[rng.integers(3)]


def quantize_linear(rng: np.random.Generator, size: int) -> Case:
    shape, grid, mixed, dtype = shapes(rng, size), GRIDS[rng.integers(8)], rng.random() < 0.3, real(rng)
    attributes, at, along = layout(rng, shape)
    step_dtype, precision = (real(rng), {"precision": real(rng)}) if mixed else (dtype, {})
    scale, zero_point = odd(rng, scales(rng, at, step_dtype)), codes(rng, grid, at)
    zero_point = None if rng.random() < 0.1 else zero_point
    x = decision_points(rng, shape, along(scale), 0 if zero_point is None else along(zero_point), grid, dtype)
    return Case("quantize_linear", (x, scale, zero_point), {**attributes, **precision}, grid)


def dequantize_linear(rng: np.random.Generator, size: int) -> Case:
    shape, grid = shapes(rng, size), (*GRIDS, rq.INT32, rq.INT32, rq.INT32)[rng.integers(11)]
    attributes, at, _ = layout(rng, shape)
    scale = odd(rng, scales(rng, at, real(rng)))
    zero_point = None if rng.random() < 0.1 else codes(rng, grid, at)
    return Case("dequantize_linear", (codes(rng, grid, shape), scale, zero_point), attributes, grid)


def dynamic_quantize_linear(rng: np.random.Generator, size: int) -> Case:
    return Case("dynamic_quantize_linear", (dynamic_data(rng, shapes(rng, size / 4 ** rng.integers(6))),), {})


def weights(rng: np.random.Generator, dtype: Any, shape: tuple[int, ...]) -> Any:
    """Codes, often at the ends; int8 within [-64, 63] where a processor may saturate."""
    info = np.iinfo(dtype)
    lo, hi = (-64, 63) if dtype == np.int8 and not has_vnni() else (info.min, info.max)
    ends = rng.random(shape) < (0.0, 0.1, 1.0)[rng.integers(3)]
    return np.where(ends, rng.choice([lo, hi], shape), rng.integers(lo, hi + 1, shape)).astype(dtype)


def products(rng: np.random.Generator, size: int, *types: Any) -> tuple[Any, Any, list[tuple[int, ...]]]:
    """a and b, now and then in batches, and the shapes that parameters of b may have."""
    (m, n), k = rng.integers(1, int(2 * size**0.5), 2), rng.choice([1, 2, 3, *rng.integers(1, size**0.5 * 2 + 2, 5)])
    one, other = [((), ()), ((), ()), ((2,), (2,)), ((3,), (1,)), ((2, 1), (1, 2)), ((2,), ()), ((), (2,))][
        rng.integers(7)]
    a, b = weights(rng, types[0], (*one, m, k)), weights(rng, types[1], (*other, k, n))
    return a, b, [(), (1,), (*other, 1, n), (*other, 1, n) if other else (n,)]


def types(rng: np.random.Generator) -> tuple[Any, Any]:
    return ((np.uint8, np.int8), (np.uint8, np.uint8), (np.int8, np.int8))[rng.integers(3)]


def matmul_integer(rng: np.random.Generator, size: int) -> Case:
    a, b, at = products(rng, size, *((np.int8, np.uint8) if rng.random() < 0.25 else types(rng)))
    zeros = weights(rng, a.dtype, at[rng.integers(2)]), weights(rng, b.dtype, at[rng.integers(4)])
    return Case("matmul_integer", (a, b, *zeros[:rng.choice([0, 1, 2, 2, 2])]), {})


def qlinear_matmul(rng: np.random.Generator, size: int) -> Case:
    """Multipliers that spread the sums over the codes: powers of two, or with a tie in every column, or any."""
    a, b, at = products(rng, size, *types(rng))
    zeros = [weights(rng, q.dtype, at[rng.integers(kinds)]) for q, kinds in ((a, 2), (b, 4), (a, 2))]
    acc = reference.matmul_integer(a, b, *zeros[:2])
    kind, scale_at, spread = rng.random(), at[rng.integers(4)], max(1.0, float(np.abs(acc).max())) / 150
    a_scale, b_scale, y_scale = rng.random() + 0.5, rng.random(scale_at) + 0.5, spread * (rng.random() + 0.5)
    if kind < 0.4:
        a_scale, b_scale, y_scale = 0.25, np.exp2(rng.integers(-2, 3, scale_at)), np.exp2(np.rint(np.log2(spread)))
    elif kind < 0.7:
        row = rng.choice(acc.reshape(-1, acc.shape[-1]))
        ties = np.maximum(1, np.abs(row if scale_at[-1:] == row.shape else row[:1])) * np.ones(scale_at)
        b_scale = y_scale / a_scale * (rng.integers(0, 99, scale_at) + 0.5) / ties
    dtype = real(rng)
    steps = [odd(rng, np.asarray(scale).astype(dtype)) for scale in (a_scale, b_scale, y_scale)]
    return Case("qlinear_matmul", (a, steps[0], zeros[0], b, steps[1], zeros[1], steps[2], zeros[2]), {})


def dynamic_linear(rng: np.random.Generator, size: int) -> Case:
    a, w, at = products(rng, size, *types(rng))
    x = dynamic_data(rng, a.shape) if rng.random() < 0.5 else rng.normal(0, scales(rng, (), np.float32), a.shape)
    zero_point = None if rng.random() < 0.5 else weights(rng, w.dtype, at[rng.integers(4)])
    bias = None if rng.random() < 0.3 else rng.normal(0, 1, w.shape[-1]).astype(np.float32)
    return Case("dynamic_linear", (x.astype(np.float32), w, scales(rng, at[rng.integers(4)], np.float32), zero_point,
                                   bias), {})


@quiet
def draw(operator: str, rng: np.random.Generator, size: int) -> Case:
    return globals()[operator](rng, size)


# --------------------------------------------------------------------------------------------------------- the tests

@pytest.fixture(scope="module", autouse=True)
def _engine(request: pytest.FixtureRequest) -> None:
    engine = needs("onnxruntime", "conformance")
    needs("onnx", "conformance")
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\nonnxruntime {engine.__version__} on {processor()}, VNNI: {has_vnni()}")


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())


def agrees(case: Case, **how: bool) -> int:
    """How many values were compared; all are the same."""
    outputs, expected = computed(case), run(case, **how)
    for ours, theirs in zip(outputs, expected, strict=True):
        wrong = differ(ours, theirs)
        assert not wrong.any(), (f"{wrong.sum()} of {wrong.size} differ, first at {np.argwhere(wrong)[0]}: "
                                 f"{ours[wrong][0]!r}, the engine {theirs[wrong][0]!r}; {case}, {how}")
    return sum(a.size for a in outputs)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_million_values_are_the_engines(operator: str, capsys: pytest.CaptureFixture[str]) -> None:
    rng, values = np.random.default_rng(8), 0
    for number in count():
        if values >= EACH:
            break
        values += agrees(draw(operator, rng, 12_000), constant=number % 3 == 1, optimized=number % 4 != 3)
    with capsys.disabled():
        print(f"\n{operator}: {values:,} values in {number} calls, all the same")


@pytest.mark.parametrize("operator", OPERATORS)
def test_small_calls_are_the_engines(operator: str) -> None:
    """Every place in a vector register and its tail; many zero points for dynamic_quantize_linear."""
    rng, times = np.random.default_rng(9), 2000 if operator == "dynamic_quantize_linear" else 40
    assert sum(agrees(draw(operator, rng, size)) > 0 for size in (1, 2, 3, 5, 9, 17) * times) == 6 * times


@pytest.mark.parametrize("precision", [np.float32, np.float16])
def test_every_float16_is_quantized_like_the_engine(precision: Any) -> None:
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    for scale, zero_point in ((0.1, np.int16(12345)), (1, np.uint8(255)), (6e-8, np.int8(17)), (1e-3, np.uint16(40001)),
                              (60000, np.int8(-128)), (-0.3, np.int16(0)), (0, np.uint8(1)), (np.nan, np.int8(1))):
        grid = next(grid for grid in GRIDS if grid.dtype == zero_point.dtype and grid.bits >= 8)
        case = Case("quantize_linear", (x, np.float16(scale), zero_point), {"precision": precision}, grid)
        assert agrees(case) == 2**16


@pytest.mark.parametrize("signed", [(False, True), (False, False), (True, True)])
def test_long_sums_wrap_like_the_engine(signed: tuple[bool, bool]) -> None:
    """Beyond 2**24 they are rounded to float32 too, and beyond 2**31 they wrap."""
    dtypes = [np.int8 if s else np.uint8 for s in signed]
    for k in (1000, 5000, 40000, 80000):
        a, b = (np.full(shape, -64 if s else 255, dtype) for shape, s, dtype in
                zip(((3, k), (k, 4)), signed, dtypes, strict=True))
        a[1, ::2], a[2, ::3], b[::5, 1], b[:, 2] = 1, 2, 3, 1
        zeros = [np.asarray(zero, dtype) for zero, dtype in zip((0, 0, 5), (*dtypes, dtypes[0]), strict=True)]
        one, step = np.float32(1), np.float32(k * 100)
        x = a.astype(np.float32) + np.float32(0.25)
        assert agrees(Case("matmul_integer", (a, b, *zeros[:2]), {})) == 12
        assert agrees(Case("qlinear_matmul", (a, one, zeros[0], b, one, zeros[1], step, zeros[2]), {})) == 12
        for optimized in (True, False):
            assert agrees(Case("dynamic_linear", (x, b, one, None, None), {}), optimized=optimized) == 12


X, S, Z = np.ones((2, 4), np.float32), np.ones(4, np.float32), np.zeros(4, np.int8)
A, B = np.ones((3, 2, 4), np.uint8), np.ones((3, 4, 5), np.int8)
ONE, ZERO = np.ones((), np.float32), np.zeros((), np.int8)
REFUSED = [
    Case("quantize_linear", (X.astype(np.float64), np.ones(()), ZERO), {}, rq.INT8),
    Case("quantize_linear", (X, S[None, :1], ZERO.reshape(1, 1)), {}, rq.INT8),
    Case("quantize_linear", (X, S, ZERO), {}, rq.INT8),
    Case("quantize_linear", (X, ONE, Z), {}, rq.INT8),
    Case("quantize_linear", (X, S, Z), {"axis": 0}, rq.INT8),
    Case("quantize_linear", (X, S, Z), {"axis": 2}, rq.INT8),
    Case("quantize_linear", (X, S[None], Z[None]), {"axis": 0, "block_size": 1}, rq.INT8),
    Case("quantize_linear", (X, ONE, ZERO), {"axis": 0, "block_size": 2}, rq.INT8),
    Case("quantize_linear", (X, S[None], Z[None]), {"axis": 0, "block_size": -1}, rq.INT8),
    Case("dequantize_linear", (X, S, None), {}, rq.INT8),
    Case("dequantize_linear", (A[0], S[:2], None), {}, rq.UINT8),
    Case("dynamic_quantize_linear", (X.astype(np.float16),), {}),
    Case("matmul_integer", (A[0], B[0], np.zeros(2, np.uint8)), {}),
    Case("matmul_integer", (A, B, np.uint8(0), np.zeros(5, np.int8)), {}),
    Case("matmul_integer", (A[0], B[0].T), {}),
    Case("matmul_integer", (A[0].astype(np.int16), B[0]), {}),
    Case("qlinear_matmul", (A[0], S[:2], np.uint8(0), B[0], ONE, ZERO, ONE, np.uint8(0)), {}),
    Case("qlinear_matmul", (A[0], ONE, np.uint8(0), B[0], ONE, ZERO, np.ones(5, np.float32), np.uint8(0)), {}),
    Case("qlinear_matmul", (A[0], ONE, np.uint8(0), B[0], ONE, ZERO, ONE, np.zeros(5, np.uint8)), {}),
    Case("qlinear_matmul", (A[0].view(np.int8), ONE, ZERO, B[0].view(np.uint8), ONE, np.uint8(0), ONE, ZERO), {}),
    Case("qlinear_matmul", (A[0], np.ones(()), np.uint8(0), B[0], np.ones(()), ZERO, np.ones(()), np.uint8(0)), {}),
]


@pytest.mark.parametrize("case", REFUSED, ids=[f"{case.operator}-{i}" for i, case in enumerate(REFUSED)])
def test_what_the_engine_rejects_is_refused(case: Case) -> None:
    state = needs("onnxruntime.capi.onnxruntime_pybind11_state", "conformance")
    with pytest.raises((state.Fail, state.InvalidGraph, state.InvalidArgument, state.NotImplemented)):
        run(case)
    with pytest.raises((ValueError, TypeError), match=r"; got .+ Hint: "):
        computed(case)


# ------------------------------------------------------------------------------------------------ ONNX's own vectors

NODES = {"QuantizeLinear": 10, "DequantizeLinear": 9, "DynamicQuantizeLinear": 3, "MatMulInteger": 1,
         "QLinearMatMul": 8}  # in the order of OPERATORS
LEFT_OUT = {"QuantizeLinear": 3, "DequantizeLinear": 5}  # codes in float8 and float4


def array(value: Any) -> Any:
    """A vector as NumPy has it; codes of 2 and 4 bits, which only ml_dtypes has, in 8."""
    from_proto = needs("onnx", "conformance").numpy_helper.to_array
    a = np.asarray(value if isinstance(value, np.ndarray | np.generic) else from_proto(value))
    small = {"int2": np.int8, "int4": np.int8, "uint2": np.uint8, "uint4": np.uint8}
    return a.astype(small.get(a.dtype.name, a.dtype))


def test_onnx_node_tests_are_met_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    names = needs("onnx", "conformance").TensorProto.DataType
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = needs("onnx.backend.test.case.node", "conformance").collect_testcases(None)
    compared, left_out = Counter[str](), Counter[str]()
    for test in tests:
        (node, *others), (inputs, outputs) = test.model.graph.node, test.data_sets[0]
        types = {names.Name(v.type.tensor_type.elem_type) for v in [*test.model.graph.input, *test.model.graph.output]}
        if others or node.op_type not in NODES:
            continue
        if any(name.startswith(("FLOAT8", "FLOAT4")) for name in types):
            left_out[node.op_type] += 1
            continue
        attributes = {a.name: a.i for a in node.attribute if a.name in ("axis", "block_size")}
        grid = next((getattr(rq, name) for name in types if node.op_type == "QuantizeLinear" and "INT" in name), None)
        case = Case(OPERATORS[list(NODES).index(node.op_type)], tuple(map(array, inputs)), attributes, grid)
        for ours, theirs in zip(computed(case), map(array, outputs), strict=True):
            assert not differ(ours, theirs).any(), test.name
        compared[node.op_type] += 1
    assert compared == NODES and left_out == LEFT_OUT
    with capsys.disabled():
        print(f"\nONNX node tests: {compared.total()} met exactly, {left_out.total()} with float8 or float4 left out")


# --------------------------------------------------------------------------------------------------------- the record

def stored(a: Any) -> Any:
    """An array for JSON: dtype, shape, values; floats in hexadecimal, so that every bit is kept."""
    if a is None:
        return None
    a = np.asarray(a)
    values = [re.sub(r"\.?0*p", "p", float(v).hex()) for v in a.flat] if a.dtype.kind == "f" else a.ravel().tolist()
    return [a.dtype.name, a.shape, values]


def record() -> None:
    """Small calls of every operator, as the engine answers them."""
    rng, cases = np.random.default_rng(9), []  # 9: every mutant in test_engine_onnxruntime.py dies of it
    for operator, calls in zip(OPERATORS, (52, 26, 32, 10, 28, 8), strict=True):
        for number in range(calls):
            case = draw(operator, rng, (4, 8, 12)[number % 3])
            agrees(case)
            attributes = {k: np.dtype(v).name if k == "precision" else v for k, v in case.attributes.items()}
            cases.append({"operator": operator, "inputs": [stored(a) for a in case.inputs], "attributes": attributes,
                          "grid": case.grid and [case.grid.bits, case.grid.signed],
                          "outputs": [stored(a) for a in run(case)]})
    head = {"engine": "onnxruntime", "version": needs("onnxruntime", "conformance").__version__,
            "processor": processor(), "recorded_by": "python tests/conformance/test_onnxruntime.py"}
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    GOLDEN.write_text(json.dumps(head, indent=1)[:-2] + f',\n "cases": [\n{lines}\n]}}\n', encoding="utf-8")
    print(f"{GOLDEN}: {len(cases)} calls, {GOLDEN.stat().st_size:,} bytes")


if __name__ == "__main__":
    record()
