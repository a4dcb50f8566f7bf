"""PyTorch's and torchao's operators against what the engines gave: tests/golden/pytorch.json, recorded by
tests/conformance/test_pytorch.py. No engine is needed."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from helpers import refused
from recorded import GOLDEN, decoded, differing, named, outputs

import refquant as rq
from refquant.engines import pytorch, torchao
from refquant.engines.exact import exact, nearest

RECORDED: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {"operators": {}}


@pytest.mark.parametrize("name", RECORDED["operators"])
def test_bits_are_the_engine_s(name: str) -> None:
    for case in RECORDED["operators"][name]:
        ours, theirs = outputs(named(name)(*decoded(case["arguments"]))), decoded(case["results"])
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            wrong = differing(a, b)
            assert not wrong.any(), (case["arguments"], a[wrong], b[wrong])


def test_every_operator_is_recorded() -> None:
    assert GOLDEN.stat().st_size < 60_000
    operators = {f"{m.__name__.split('.')[-1]}.{name}" for m in (pytorch, torchao) for name, f in vars(m).items()
                 if callable(f) and getattr(f, "__module__", "").startswith(m.__name__) and not name.startswith("_")}
    helpers = {"pytorch.quantized_linear", "pytorch.reduce_range", "torchao.asymmetric", "torchao.symmetric",
               "torchao.asymmetric_dont_preserve_zero", "torchao.symmetric_no_clipping_err"}
    assert set(RECORDED["operators"]) == operators - helpers


def test_a_fused_product_is_rounded_once() -> None:
    rng = np.random.default_rng(0)
    odd = 2 * rng.integers(2**22, 2**23, (2, 400)) + 1
    a, b = (odd * 2.0 ** rng.integers(-28, -18, odd.shape)).astype(np.float32)
    a, b = np.append(a, np.float32(0.720255)), np.append(b, 1 / np.float32(1.4404881))
    for c in (*rng.integers(-255, 256, 12).tolist(), 0, 128, 130):
        expected = [nearest(exact(u) * exact(v) + Fraction(c), np.float32) for u, v in zip(a, b, strict=True)]
        assert (pytorch.fused_multiply_add(a, b, np.float32(c)) == np.array(expected)).all()


def test_rounding_to_float64_first_is_not_enough() -> None:
    x, scale = np.float32(0.720255), np.float32(1.4404881)
    twice = np.float32(np.float64(x) * np.float64(1 / scale) + 128)
    assert int(np.rint(twice)) == 128 and int(pytorch.quantize_per_tensor(x, float(scale), 128, rq.UINT8)) == 129


def test_numbers_and_lists_are_float32() -> None:
    assert pytorch.quantize_per_tensor([0.5, 1.5], 1.0, 0, rq.INT8).tolist() == [0, 2]
    assert pytorch.fake_quantize_per_tensor_affine([0.1], 0.1, 0, rq.INT8)[0].dtype == np.float32
    assert torchao.quantize_affine([1.0], (1,), [0.5], [0], rq.INT8).tolist() == [2]


X = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(("call", "kind", "parts"), [
    (lambda: pytorch.quantize_per_tensor(X.astype("d"), 1.0, 0, rq.INT8), TypeError, ("must be float32", "float64")),
    (lambda: pytorch.quantize_per_tensor(X, 1.0, 0, rq.INT4), ValueError, ("`grid` must be INT8, UINT8 or INT32",)),
    (lambda: pytorch.quantize_per_tensor(X, 1.0, 128, rq.INT8), ValueError, ("`zero_point`", "from -128 to 127")),
    (lambda: pytorch.quantize_per_channel(X, [1.0], [0], 1, rq.INT8), ValueError, ("one number a channel", "(1,)")),
    (lambda: pytorch.quantize_per_channel(X, [1.0] * 3, [0] * 3, -1, rq.INT8), ValueError, ("`axis`", "-1")),
    (lambda: pytorch.dequantize_per_tensor([128], 1.0, 0, rq.INT8), ValueError, ("`q`", "128")),
    (lambda: pytorch.fake_quantize_per_tensor_affine(X, 1.0, 0, rq.IntGrid(17)), ValueError, ("at most 16 bits",)),
    (lambda: pytorch.fake_quantize_per_channel_affine(np.int32([1]), [1.0], [0], 0, rq.INT8), TypeError,
     ("float16 or float32 or float64", "int32")),
    (lambda: pytorch.affine_qparams(1.0, -1.0, rq.INT8), ValueError, ("`lo` must be at most `hi`",)),
    (lambda: pytorch.min_max_observer(X, rq.INT8), TypeError, ("iterable of arrays",)),
    (lambda: pytorch.per_channel_min_max_observer([X[0]], rq.INT8), ValueError, ("two axes",)),
    (lambda: pytorch.per_channel_min_max_observer([X], rq.INT8, ch_axis=2), ValueError, ("`axis`", "2 axes")),
    (lambda: torchao.quantize_affine(X, (1, 2), [1.0], [0], rq.INT8), ValueError, ("`block_size`", "(1, 2)", "(2, 3)")),
    (lambda: torchao.quantize_affine(X, (1, 3), [1.0], [0], rq.INT8), ValueError, ("one number a block", "2 blocks")),
    (lambda: torchao.quantize_affine(X.astype("d"), (1, 3), [1.0], [0], rq.INT8), TypeError, ("float16 or float32",)),
    (lambda: torchao.quantize_affine(X.astype("e"), (1, 3), [1.0], [0], rq.INT16), ValueError, ("8 for float16",)),
    (lambda: torchao.dequantize_affine([[9]], (1, 1), [1.0], [0], rq.INT4), ValueError, ("`q`", "9")),
    (lambda: torchao.choose_qparams_affine(X[:0], torchao.symmetric, (1, 3), rq.INT8), ValueError, ("needs data",)),
])
def test_what_the_engine_refuses(call: Any, kind: type[Exception], parts: tuple[str, ...]) -> None:
    function = call.__code__.co_names[1]
    with refused(kind, function if "observer" not in function else "", *parts):
        call()


def test_no_data() -> None:
    assert [int(v) for v in pytorch.min_max_observer([], rq.UINT8)] == [1, 0]
    assert pytorch.per_channel_min_max_observer([X[:0]], rq.INT8)[0].tolist() == [1]
