"""The disagreement table, computed once more with the installed engines in the place of refquant.engines.

The same inputs, the same steps: whatever an engine gives must be what the table says of it, and what identify calls it.
"""

import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import test_gguf
import test_litert
import test_onnxruntime
import test_pytorch
from black_boxes import EXPECTED, named_rightly

import refquant as rq
from refquant.engines import gguf, litert, onnxruntime, operators, pytorch, torchao
from refquant.engines.exact import fused_multiply_add
from refquant.study.engines import sums
from refquant.study.engines.table import staircases, table

pytestmark = [pytest.mark.conformance,
              pytest.mark.filterwarnings("ignore"),  # quantized tensors are deprecated; gguf's casts of NaN warn
              pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="what C++ leaves undefined is "
                                 "x86's in the table")]


def shaped(like: Any, values: Any) -> Any:
    return np.asarray(values).reshape(np.shape(like))


def onnx_operators() -> dict[str, Callable[..., Any]]:
    def run(operator: str, *inputs: Any, grid: Any = None, **attributes: Any) -> Any:
        found = test_onnxruntime.run(test_onnxruntime.Case(operator, inputs, attributes, grid))
        return found if len(found) > 1 else found[0]

    def quantize_linear(x: Any, scale: Any, zero_point: Any, grid: Any = None, **options: Any) -> Any:
        grid = grid or {"int8": rq.INT8, "uint8": rq.UINT8}[zero_point.dtype.name]
        return run("quantize_linear", x, np.asarray(scale), zero_point, grid=grid, **options)

    def qlinear_matmul(a: Any, a_scale: Any, a_zero: int, b: Any, b_scale: Any, b_zero: int, y_scale: Any,
                       y_zero: int) -> Any:
        zeros = [q.dtype.type(z) for q, z in ((a, a_zero), (b, b_zero), (a, y_zero))]
        return run("qlinear_matmul", a, a_scale, zeros[0], b, b_scale, zeros[1], y_scale, zeros[2])

    return {"quantize_linear": quantize_linear, "qlinear_matmul": qlinear_matmul,
            "dequantize_linear": lambda q, scale, zero: run("dequantize_linear", q, scale, zero,
                                                             grid={"int8": rq.INT8, "int32": rq.INT32}[q.dtype.name]),
            "dynamic_quantize_linear": lambda x: run("dynamic_quantize_linear", x),
            "matmul_integer": lambda a, b: run("matmul_integer", a, b)}


def torch_operators() -> dict[str, Callable[..., Any]]:
    engines = {name: call for name, (_, call) in test_pytorch.engines().items()}

    def tensor(name: str) -> Callable[..., Any]:
        return lambda x, *rest: engines[f"pytorch.{name}"](np.asarray(x), *rest)

    def channel(name: str) -> Callable[..., Any]:
        step = np.float64 if "dequantize" in name else np.float32  # where float64 matters, the scales are in it
        return lambda x, scales, zeros, *rest: engines[f"pytorch.{name}"](
            x, np.array(scales, step), np.array(zeros, np.int32), *rest)

    def qparams(name: str) -> Callable[..., Any]:
        return lambda lo, hi, grid: tuple(v[0] for v in engines[f"pytorch.{name}"](
            np.array([lo]), np.array([hi]), grid, pytorch.EPS))

    return {**{name: tensor(name) for name in ("quantize_per_tensor", "fake_quantize_per_tensor_affine",
                                               "dequantize_per_tensor")},
            **{name: channel(name) for name in ("quantize_per_channel", "fake_quantize_per_channel_affine",
                                                "dequantize_per_channel")},
            **{name: qparams(name) for name in ("affine_qparams", "symmetric_qparams")}}


def torchao_operators() -> dict[str, Callable[..., Any]]:
    engines = {name: call for name, (_, call) in test_pytorch.engines().items()}
    return {"quantize_affine": lambda x, block, scale, zeros, grid: engines["torchao.quantize_affine"](
                x, block, scale, np.array(zeros, np.int32), grid),
            "choose_qparams_affine": lambda x, mapping, block, grid: tuple(
                v.reshape(()) for v in engines["torchao.choose_qparams_affine"](x, mapping, block, grid, None))}


def litert_operators() -> dict[str, Callable[..., Any]]:
    def quantize(kernels: Any) -> Callable[..., Any]:
        return lambda x, params: shaped(x, test_litert.quantize(np.atleast_1d(x), params, kernels))

    def layer(kernels: Any) -> Callable[..., Any]:
        return lambda *arguments: test_litert.fully_connected(*arguments, kernels)

    return {"quantize_reference": quantize(test_litert.REFERENCE), "quantize_xnnpack": quantize(test_litert.XNNPACK),
            "fully_connected_reference": layer(test_litert.REFERENCE),
            "fully_connected_ruy": layer(test_litert.OPTIMIZED), "fully_connected_xnnpack": layer(test_litert.XNNPACK)}


def gguf_operators() -> dict[str, Callable[..., Any]]:
    names = ("quantize_q8_0", "quantize_q4_0", "quantize_q4_1", "dequantize_q8_0")
    ours = gguf.quantize_q4_0  # a build with FMA: gguf-py has none

    def engine(data: Any, multiply_add: Any = None, *, name: str) -> Any:
        if multiply_add is fused_multiply_add:
            return ours(data, multiply_add)
        return test_gguf.engine(name[:-5], name[-4:], data)

    return {name: partial(engine, name=name) for name in names}


ENGINES = {onnxruntime: onnx_operators, pytorch: torch_operators, torchao: torchao_operators,
           litert: litert_operators, gguf: gguf_operators}


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The engines take the place of refquant.engines; the operators that were called."""
    names: set[str] = set()

    def counted(name: str, f: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            names.add(name)
            with np.errstate(all="ignore"):
                return f(*arguments, **options)
        return call

    records = {record.function: record for record in operators.OPERATORS.values()}
    for module, replaced in ENGINES.items():
        for name, f in replaced().items():
            call = counted(f"{module.__name__}.{name}", f)
            if getattr(module, name) in records:  # others are looked up when called
                record = records[getattr(module, name)]
                monkeypatch.setitem(operators.OPERATORS, record.name, record._replace(function=call))
            monkeypatch.setattr(module, name, call)
    rescale = test_litert.rescale
    monkeypatch.setattr(sums, "quantize_codes", lambda acc, x_scale, y_scale: rescale(
        np.array([acc], np.int32), "int8", (x_scale, y_scale), (0, 0), test_litert.REFERENCE))
    return names


@pytest.fixture
def expected() -> tuple[Any, Any]:
    """By refquant.engines: requested before `called`."""
    return table(), staircases()


def test_the_table_is_what_the_engines_give(expected: tuple[Any, Any], called: set[str]) -> None:
    found = table()
    for a, b in zip(expected[0], found, strict=True):
        for ours, theirs in zip(a.cases, b.cases, strict=True):
            assert (ours.given, ours.rule, ours.engines) == (theirs.given, theirs.rule, theirs.engines)
    assert called == {f"{module.__name__}.{name}" for module, replaced in ENGINES.items() for name in replaced()}


def test_the_staircases_are_the_engines(expected: tuple[Any, Any], called: set[str]) -> None:
    assert staircases() == expected[1] and len(called) == 10, "each quantizer"


@pytest.mark.parametrize("name", EXPECTED)
def test_identify_names_the_conventions_of_the_installed_engine(name: str, called: set[str]) -> None:
    named_rightly(name)
    assert len(called) == 1


def test_the_multiplier_is_seen_through_a_layer() -> None:
    """QuantizeMultiplier has no operator: the odd mantissa, by the codes that it gives and the even one does not."""
    rng, told_apart = np.random.default_rng(0), 0
    x_scale, w_scale, y_scale = 1 + 2.0**-15, 1 + 2.0**-16, 2.0**24
    mantissa, shift = litert.quantize_multiplier(x_scale * w_scale / y_scale)
    assert (int(mantissa), int(rq.quantize_multiplier(x_scale * w_scale / y_scale)[0])) == (1073790977, 1073790976)
    for _ in range(50):
        acc = test_litert.accumulators(rng, x_scale * w_scale / y_scale, 4096, 127).astype(np.int32)
        params = [rq.AffineParams(scale=s, zero_point=0, grid=rq.INT8) for s in (
            np.float32(x_scale), np.full((4096, 1), w_scale, np.float32), np.float32(y_scale))]
        codes, weights = np.zeros((1, 1), np.int8), np.zeros((4096, 1), np.int8)
        theirs = test_litert.fully_connected(codes, weights, acc, *params, test_litert.OPTIMIZED)[0]
        assert (litert.requantize_ruy(acc, mantissa, shift, 0, rq.INT8) == theirs).all()
        told_apart += int((litert.requantize_ruy(acc, mantissa - 1, shift, 0, rq.INT8) != theirs).sum())
    assert told_apart
