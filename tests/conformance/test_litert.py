"""engines/litert.py against LiteRT itself, run on models of one operator; `python tests/conformance/test_litert.py`
records tests/golden/litert.json from the engine.

QuantizeMultiplier and the requantizations have no operator of their own. gemmlowp's is seen through QUANTIZE from int32
to int16 (any accumulator, any multiplier), ruy's through QUANTIZE of 8-bit codes and through FULLY_CONNECTED, XNNPACK's
through FULLY_CONNECTED, all with the bias as accumulator.
"""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers import Extra, needs

from refquant import AffineParams, IntGrid
from refquant.engines import litert

pytestmark = pytest.mark.conformance
schema = Extra("ai_edge_litert.schema_py_generated", "conformance")
interpreter = Extra("ai_edge_litert.interpreter", "conformance")
flatbuffers = Extra("flatbuffers", "conformance")

REFERENCE, OPTIMIZED, XNNPACK = "BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "AUTO"  # of OpResolverType
INT4, INT8, INT16, INT32, UINT8 = IntGrid(4), IntGrid(8), IntGrid(16), IntGrid(32), IntGrid(8, signed=False)
MILLION = 2**20
x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="what C++ leaves undefined is x86's")


def tensor(shape: tuple[int, ...], dtype: str, buffer: int, scale: Any = None, zero_point: Any = 0,
           axis: int = 0) -> Any:
    t = schema.TensorT(shape=list(shape), type=getattr(schema.TensorType, dtype.upper()), buffer=buffer)
    if scale is not None:
        scales = np.ravel(scale).astype(np.float32)
        zeros = np.broadcast_to(np.ravel(zero_point), scales.shape).astype(np.int64)
        t.quantization = schema.QuantizationParametersT(scale=scales, zeroPoint=zeros, quantizedDimension=axis)
    return t


def model(operator: str, options: Any, tensors: list[Any], inputs: list[int], output: int, constants: dict[int, Any],
          release: int = 1) -> bytes:
    """A flatbuffer of one operator; tensor 0 is the model's input, buffer 0 is empty by convention."""
    buffers = [schema.BufferT(data=np.frombuffer(constants[i].tobytes(), np.uint8) if i in constants else None)
               for i in range(len(tensors) + 1)]
    code = getattr(schema.BuiltinOperator, operator)
    kind = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
    step = schema.OperatorT(inputs=inputs, outputs=[output], builtinOptionsType=kind, builtinOptions=options)
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[output], operators=[step])
    codes = [schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=release)]
    builder = flatbuffers.Builder(1024)
    builder.Finish(schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=buffers).Pack(builder),
                   b"TFL3")
    return bytes(builder.Output())


def run(content: bytes, x: Any, kernels: str) -> Any:
    resolver = getattr(interpreter.OpResolverType, kernels)
    engine = interpreter.Interpreter(model_content=content, experimental_op_resolver_type=resolver, num_threads=1)
    engine.allocate_tensors()
    engine.set_tensor(engine.get_input_details()[0]["index"], x)
    engine.invoke()
    return engine.get_tensor(engine.get_output_details()[0]["index"]).copy()


def quantize(x: Any, params: AffineParams, kernels: str, axis: int = 0) -> Any:
    name = "int4" if params.grid == INT4 else str(params.grid.dtype)
    tensors = [tensor(x.shape, "float32", 1), tensor(x.shape, name, 2, params.scale, params.zero_point, axis)]
    return run(model("QUANTIZE", schema.QuantizeOptionsT(), tensors, [0], 1, {}), x, kernels)


def rescale(q: Any, dtype: str, scales: tuple[Any, Any], zero_points: tuple[int, int], kernels: str) -> Any:
    """QUANTIZE of codes: from scales[0], zero_points[0] to scales[1], zero_points[1]."""
    tensors = [tensor(q.shape, name, i + 1, scales[i], zero_points[i]) for i, name in enumerate((str(q.dtype), dtype))]
    return run(model("QUANTIZE", schema.QuantizeOptionsT(), tensors, [0], 1, {}), q, kernels)


def fully_connected(x: Any, w: Any, bias: Any, x_params: AffineParams, w_params: AffineParams, y_params: AffineParams,
                    kernels: str) -> Any:
    ends = [tensor(shape, "int8", i, p.scale, p.zero_point) for i, shape, p in (
        (1, x.shape, x_params), (2, w.shape, w_params), (3, (len(x), len(w)), y_params))]
    step = np.float32(x_params.scale) * np.float32(np.ravel(w_params.scale))
    tensors = [*ends, *([] if bias is None else [tensor(bias.shape, "int32", 4, step)])]
    constants = {2: w, **({} if bias is None else {4: bias})}
    return run(model("FULLY_CONNECTED", schema.FullyConnectedOptionsT(), tensors, [0, 1, -1 if bias is None else 3], 2,
                     constants, release=4), x, kernels)


def any_scale(rng: np.random.Generator, low: float = -8, high: float = 4, size: Any = None) -> Any:
    """float32 with all bits at random, or powers of two, where most products are ties."""
    if rng.random() < 0.4:
        return np.exp2(rng.integers(int(low), int(high), size)).astype(np.float32)
    return np.exp2(rng.uniform(low, high, size)).astype(np.float32)


def any_params(rng: np.random.Generator, grid: IntGrid, **kind: Any) -> AffineParams:
    zero_point = rng.choice([0, grid.qmin, grid.qmax, rng.integers(grid.qmin, grid.qmax + 1)])
    return AffineParams(scale=any_scale(rng, **kind), zero_point=zero_point, grid=grid)


def beside(x: Any, rng: np.random.Generator) -> Any:
    """x, or one ulp to either side."""
    return np.where(rng.random(x.shape) < 0.4, x, np.nextafter(x, rng.choice(np.float32([np.inf, -np.inf]), x.shape)))


def reals(rng: np.random.Generator, params: AffineParams, shape: tuple[int, ...]) -> Any:
    """Ties and codes and what lies beside them; bit patterns; subnormals; beyond int32; infinities, NaN."""
    grid, scale = params.grid, np.broadcast_to(params.scale, shape).astype(np.float32)
    with np.errstate(all="ignore"):
        halves = rng.integers(2 * grid.qmin - 5, 2 * grid.qmax + 6, shape) - 2 * params.zero_point.astype(np.int64)
        points = beside((halves * (scale * np.float32(0.5)).astype(np.float64)).astype(np.float32), rng)
        bits = rng.integers(0, 2**32, shape, np.uint32).view(np.float32)
        small = rng.integers(0, 2**23, shape, np.uint32).view(np.float32)
        far = beside((scale * rng.choice([2.0**31, -(2.0**31), 2.0**32, 2147483520], shape)).astype(np.float32), rng)
        special = rng.choice(np.float32([np.inf, -np.inf, np.nan, 0, -0.0, 3e9, -1e20, np.finfo("f4").max]), shape)
    return np.choose(rng.choice(5, shape, p=[0.6, 0.2, 0.08, 0.06, 0.06]), [points, bits, small, far, special])


def accumulators(rng: np.random.Generator, m: Any, size: int, span: int = 300, most: int = 2**31 - 1) -> Any:
    """(k + {0, 1/2, 1/4}) / m, and one to either side; the ends of int32; anything."""
    steps = rng.integers(-span, span, size) + rng.choice([0, 0.5, 0.5, 0.25], size)
    near = np.rint(steps / m) + rng.integers(-1, 2, size)
    anything = rng.integers(-most - 1, most + 1, size)
    ends = rng.choice([-most - 1, -most, most, most - 1, 0, 1, -1], size)
    return np.clip(np.choose(rng.choice(3, size, p=[0.8, 0.15, 0.05]), [near, anything, ends]), -most - 1, most).astype(
        np.int64)


def layer(rng: np.random.Generator, n: int, k: int, m: int, per_unit: bool, most: float = 2.0**40) -> tuple[Any, ...]:
    """Codes, weights, biases at decision points, parameters; multipliers at most `most`."""
    x = rng.integers(-128, 128, (n, k)).astype(np.int8)
    w = rng.integers(-128, 128, (m, k)).astype(np.int8) // np.int8(rng.choice([1, 127]))
    x_params, y_params = any_params(rng, INT8, low=-6), any_params(rng, INT8, low=-6)
    scale = any_scale(rng, -9, 3, (m, 1) if per_unit else None)
    over = np.max(np.float64(x_params.scale) * scale / y_params.scale) / most
    scale = scale / np.float32(max(1, np.exp2(np.ceil(np.log2(over)))))
    w_params = AffineParams(scale=scale, zero_point=0, grid=INT8)
    multiplier = np.ravel(x_params.scale.astype(np.float64) * w_params.scale / y_params.scale)
    bias = accumulators(rng, multiplier, m).astype(np.int32) if rng.random() < 0.9 else None
    return x, w, bias, x_params, w_params, y_params


def same(ours: Any, theirs: Any, *arguments: Any) -> int:
    """How many values were compared: all, bit for bit and in their dtype."""
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, (ours.dtype, theirs.dtype)
    wrong = np.argwhere(ours != theirs)
    assert not len(wrong), (len(wrong), wrong[0], ours[tuple(wrong[0])], theirs[tuple(wrong[0])], arguments)
    return int(ours.size)


def test_engine_and_processor(capsys: pytest.CaptureFixture[str]) -> None:
    needs("ai_edge_litert", "conformance")
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = {line.split(": ")[-1] for line in lines if line.startswith("model name")}
    with capsys.disabled():
        print(f"\nai-edge-litert {version('ai-edge-litert')}, {platform.machine()} {' '.join(sorted(names))}")
    assert version("ai-edge-litert") == "2.3.0"


@x86
def test_quantize_reference() -> None:
    rng, compared = np.random.default_rng(1), 0
    while compared < 4 * MILLION:
        grid = (INT8, UINT8, INT16, INT4)[rng.integers(4)]
        shape = [(16384,), (64, 129), (3, 5, 7), (1,)][rng.choice(4, p=[0.6, 0.3, 0.05, 0.05])]
        kind = rng.integers(4)
        params = any_params(rng, grid, **({"low": -148, "high": 127} if kind == 0 else {}))
        axis = 0
        if kind == 1 and grid != INT4 and len(shape) > 1:
            axis = int(rng.integers(len(shape)))
            kept = tuple(n if i == axis else 1 for i, n in enumerate(shape))
            params = AffineParams(scale=any_scale(rng, size=kept), grid=grid,
                                  zero_point=rng.integers(grid.qmin, grid.qmax + 1, kept))
        x = reals(rng, params, shape)
        compared += same(litert.quantize_reference(x, params), quantize(x, params, REFERENCE, axis), params)


@x86
def test_quantize_xnnpack() -> None:
    rng, compared = np.random.default_rng(2), 0
    while compared < 4 * MILLION:
        low, high = [(-8, 4), (-126, 127), (-126, -122), (126, 127.99)][rng.choice(4, p=[0.6, 0.2, 0.1, 0.1])]
        params = any_params(rng, (INT8, UINT8)[rng.integers(2)], low=low, high=high)
        x = reals(rng, params, [(16384,), (64, 129), (3, 5, 7), (1,)][rng.choice(4, p=[0.6, 0.3, 0.05, 0.05])])
        compared += same(litert.quantize_xnnpack(x, params), quantize(x, params, XNNPACK), params)


CODES = [("int32", "int8"), ("int32", "int16"), ("int16", "int8"), ("int8", "int8"), ("int8", "uint8"),
         ("uint8", "int8"), ("uint8", "uint8")]
GRIDS = {"int8": INT8, "uint8": UINT8, "int16": INT16}


def rescaling(rng: np.random.Generator, source: str, target: str, size: int) -> tuple[Any, ...]:
    low, high = np.iinfo(source).min, np.iinfo(source).max
    zeros = (int(rng.integers(max(low, -1000), min(high, 1000) + 1)), int(rng.integers(-128 if target != "uint8" else 0,
                                                                                       128)))
    scales = (any_scale(rng, -12, 6), any_scale(rng, -6, 8))
    if rng.random() < 0.1:  # multipliers about 2**-32, from where on they count as 0
        scales = (np.float32(2.0**-20), any_scale(rng, 8, 15))
    acc = accumulators(rng, float(scales[0]) / float(scales[1]), size, 40_000 if target == "int16" else 300)
    q = np.clip(acc + zeros[0], low, high).astype(source)
    acc = (q.astype(np.int64) - zeros[0]).astype(np.int32)
    return q, acc, scales, zeros


@x86
def test_requantize_gemmlowp() -> None:
    rng, compared = np.random.default_rng(3), 0
    while compared < 4 * MILLION:
        source, target = CODES[rng.choice(len(CODES), p=[0.3, 0.3, 0.1, 0.1, 0.05, 0.05, 0.1])]
        q, acc, scales, zeros = rescaling(rng, source, target, 8192)
        multiplier = litert.quantize_multiplier(float(scales[0]) / float(scales[1]))
        theirs = rescale(q, target, scales, zeros, REFERENCE)
        compared += same(litert.requantize_gemmlowp(acc, *multiplier, zeros[1], GRIDS[target]), theirs, scales, zeros)
        if source in ("int32", "int16"):  # the optimized kernels take gemmlowp's for all but 8 bits to 8 bits
            same(theirs, rescale(q, target, scales, zeros, OPTIMIZED))


def test_requantize_ruy() -> None:
    rng, compared = np.random.default_rng(4), 0
    while compared < 4 * MILLION:
        source, target = CODES[rng.integers(3, 7)]
        q, acc, scales, zeros = rescaling(rng, source, target, 8192)
        multiplier = litert.quantize_multiplier(float(scales[0]) / float(scales[1]))
        theirs = rescale(q, target, scales, zeros, OPTIMIZED)
        compared += same(litert.requantize_ruy(acc, *multiplier, zeros[1], GRIDS[target]), theirs, scales, zeros)


@x86
def test_quantize_multiplier_to_the_last_bit() -> None:
    """The output's zero point, which int16 does not bound in the engine, brings any result into view."""
    rng, compared, told_apart = np.random.default_rng(5), 0, 0
    while compared < 2 * MILLION:
        scales = np.exp2(rng.uniform(-14, 14, 2)).astype(np.float32)
        m = float(scales[0]) / float(scales[1])
        middle = int(rng.integers(-(2**30), 2**30))
        acc = np.clip(np.rint((middle + rng.integers(-32000, 32000, 4096)) / m), -(2**30), 2**30).astype(np.int64)
        mantissa, shift = litert.quantize_multiplier(m)
        if shift > 0:
            acc = acc >> shift
        inner = litert.requantize_gemmlowp(acc, mantissa, shift, 0, INT32).astype(np.int64)
        zero_point = -int(np.median(inner))
        theirs = rescale(acc.astype(np.int32), "int16", tuple(scales), (0, zero_point), REFERENCE)
        compared += same(np.clip(inner + zero_point, -(2**15), 2**15 - 1).astype(np.int16), theirs, scales)
        beside = litert.requantize_gemmlowp(acc, mantissa + 1, shift, 0, INT32).astype(np.int64)
        told_apart += bool((np.clip(beside + zero_point, -(2**15), 2**15 - 1) != theirs).any())
    assert told_apart > 50


def test_ties_of_the_multiplier_go_away_from_zero() -> None:
    """scale_x * scale_w with 32 bits and a half; the rule's even mantissa gives other codes."""
    rng, told_apart = np.random.default_rng(6), 0
    for _ in range(100):
        bits = int(rng.integers(8, 24))
        x_scale, w_scale = np.float32(1 + 2.0**-bits), np.float32(1 + 2.0**(bits - 31))
        m = float(x_scale) * float(w_scale) * 2.0**-24
        acc = accumulators(rng, m, 4096, 127).astype(np.int32)
        params = [AffineParams(scale=s, zero_point=0, grid=INT8) for s in (
            x_scale, np.broadcast_to(w_scale, (4096, 1)), np.float32(2.0**24))]
        x, w = np.zeros((1, 1), np.int8), np.zeros((4096, 1), np.int8)
        theirs = fully_connected(x, w, acc, *params, OPTIMIZED)
        same(litert.fully_connected_ruy(x, w, acc, *params), theirs)
        mantissa, shift = litert.quantize_multiplier(m)
        assert mantissa == np.floor(np.frexp(m)[0] * 2.0**31) + 1, "a tie"
        told_apart += (litert.requantize_ruy(acc, mantissa - 1, shift, 0, INT8) != theirs[0]).any()
    assert told_apart > 50


@x86
@pytest.mark.parametrize("per_unit", [False, True], ids=["per tensor", "per unit"])
@pytest.mark.parametrize(("ours", "kernels", "most"), [
    (litert.fully_connected_reference, REFERENCE, 2.0**40), (litert.fully_connected_ruy, OPTIMIZED, 2.0**29),
    (litert.fully_connected_xnnpack, XNNPACK, 0.75)], ids=["reference", "ruy", "xnnpack"])
def test_fully_connected(ours: Any, kernels: str, most: float, per_unit: bool) -> None:
    rng, compared = np.random.default_rng(7), 0
    while compared < 2 * MILLION:
        n, k, m = ((4, 3, 4096), (1, 1, 4096), (7, 70, 300), (33, 17, 65), (1, 5, 1))[rng.integers(5)]
        arguments = layer(rng, n, k, m, per_unit and m > 1, most)
        compared += same(ours(*arguments), fully_connected(*arguments, kernels), arguments)


def test_xnnpack_with_multipliers_up_to_256() -> None:
    """No product beyond int32, where processors differ."""
    rng, compared = np.random.default_rng(8), 0
    while compared < 2 * MILLION:
        x, w, bias, x_params, w_params, y_params = layer(rng, 4, 3, 4096, bool(rng.integers(2)), 255.0)
        bias = None if bias is None else np.clip(bias, -(2**22), 2**22)
        arguments = x, w, bias, x_params, w_params, y_params
        compared += same(litert.fully_connected_xnnpack(*arguments), fully_connected(*arguments, XNNPACK), arguments)


@x86
def test_accumulators_wrap_at_int32() -> None:
    x, w = np.full((2, 70_000), -128, np.int8), np.full((3, 70_000), 127, np.int8)
    x[1], w[1] = 126, -128
    params = [AffineParams(scale=s, zero_point=z, grid=INT8) for s, z in ((1.0, 127), (2.0**-24, 0), (1.0, 0))]
    for ours, kernels in ((litert.fully_connected_reference, REFERENCE), (litert.fully_connected_ruy, OPTIMIZED),
                          (litert.fully_connected_xnnpack, XNNPACK)):
        same(ours(x, w, np.int32([0, 1, 2]), *params), fully_connected(x, w, np.int32([0, 1, 2]), *params, kernels))


def test_xnnpack_refuses_multipliers_from_256_on() -> None:
    one, many = (AffineParams(scale=np.float32(s), zero_point=0, grid=INT8) for s in (1, 256))
    x = np.int8([[1]])
    with pytest.raises(RuntimeError):
        fully_connected(x, x, None, one, many, one, XNNPACK)
    with pytest.raises(ValueError, match="below 256"):
        litert.fully_connected_xnnpack(x, x, None, one, many, one)


def hexes(values: Any) -> Any:
    return [float(v).hex() for v in np.ravel(values)]


def described(params: AffineParams) -> dict[str, Any]:
    return {"bits": params.grid.bits, "signed": params.grid.signed, "scale": hexes(params.scale),
            "zero_point": np.ravel(params.zero_point).tolist(), "shape": list(params.scale.shape)}


def record() -> dict[str, Any]:
    """The engine's own results, small: what tests/engines/test_engine_litert.py checks without it."""
    rng, cases = np.random.default_rng(9), []
    for name, kernels, grids in (("quantize_reference", REFERENCE, (INT8, UINT8, INT16, INT4)),
                                 ("quantize_xnnpack", XNNPACK, (INT8, UINT8))):
        for grid in grids * (8 // len(grids)):
            params = any_params(rng, grid)
            x = reals(rng, params, (40,))
            cases.append({"function": name, "x": hexes(x), "params": described(params),
                          "q": quantize(x, params, kernels).tolist()})
    for name, kernels, pairs in (("requantize_gemmlowp", REFERENCE, CODES), ("requantize_ruy", OPTIMIZED, CODES[3:])):
        for source, target in pairs * 2:
            q, acc, scales, zeros = rescaling(rng, source, target, 40)
            cases.append({"function": name, "acc": acc.tolist(), "m": (float(scales[0]) / float(scales[1])).hex(),
                          "zero_point": zeros[1], "bits": GRIDS[target].bits, "signed": GRIDS[target].signed,
                          "q": rescale(q, target, scales, zeros, kernels).tolist()})
    for name, kernels, most in (("fully_connected_reference", REFERENCE, 2.0**40),
                                ("fully_connected_ruy", OPTIMIZED, 2.0**29),
                                ("fully_connected_xnnpack", XNNPACK, 0.75)):
        for i in range(8):
            x, w, bias, *params = layer(rng, 2, 3, 16, i % 2 == 0, most)
            cases.append({"function": name, "x": x.tolist(), "w": w.tolist(),
                          "bias": None if bias is None else bias.tolist(), "params": [described(p) for p in params],
                          "q": fully_connected(x, w, bias, *params, kernels).tolist()})
    return {"engine": "ai-edge-litert", "version": version("ai-edge-litert"), "machine": platform.machine(),
            "cases": cases}


if __name__ == "__main__":
    path = Path(__file__).parents[1] / "golden" / "litert.json"
    text = json.dumps(record(), separators=(",", ":")).replace('{"function"', '\n{"function"')
    path.write_text(text + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size:,} bytes")
