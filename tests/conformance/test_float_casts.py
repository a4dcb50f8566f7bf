"""The float grids against ml_dtypes, torch, ONNX Runtime, onnx's reference and gfloat, bit for bit: every code, every
half, a million decision points each. What the engines do otherwise stands in their records, by name."""

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from helpers import Extra, needs

import refquant as rq
from refquant.engines import choices, mx
from refquant.engines.arrays import values as by_choices
from refquant.engines.conventions import Convention
from refquant.engines.operators import OPERATORS

pytestmark = pytest.mark.conformance
torch, ml_dtypes, gfloat = (Extra(name, "conformance") for name in ("torch", "ml_dtypes", "gfloat"))

GRIDS = {"E4M3": rq.E4M3, "E5M2": rq.E5M2, "E4M3FNUZ": rq.E4M3FNUZ, "E5M2FNUZ": rq.E5M2FNUZ, "E2M3": rq.E2M3,
         "E3M2": rq.E3M2, "E2M1": rq.E2M1}
FP8 = ("E4M3", "E5M2", "E4M3FNUZ", "E5M2FNUZ")
ML = {"E4M3": "float8_e4m3fn", "E5M2": "float8_e5m2", "E4M3FNUZ": "float8_e4m3fnuz", "E5M2FNUZ": "float8_e5m2fnuz",
      "E2M3": "float6_e2m3fn", "E3M2": "float6_e3m2fn", "E2M1": "float4_e2m1fn"}
ONNX = {"E4M3": "FLOAT8E4M3FN", "E5M2": "FLOAT8E5M2", "E4M3FNUZ": "FLOAT8E4M3FNUZ", "E5M2FNUZ": "FLOAT8E5M2FNUZ",
        "E2M1": "FLOAT4E2M1"}
HALVES = np.arange(2**16, dtype=np.uint16)
ONE = np.float32(1)
quiet = np.errstate(all="ignore")


@cache
@quiet
def reals(name: str) -> Any:
    """A million float32: values, ties and the first ties beyond the ends with 6 steps to either side; random bits;
    log-uniform magnitudes; every float16 and bfloat16; zeros and infinities. No NaN."""
    rng, grid = np.random.default_rng(0), GRIDS[name]
    values = grid.values
    gap = values[-1] - values[-2]
    far = values[-1] + gap * np.array([0.5, 1, 1.5, 2])
    points = np.concatenate([values, (values[1:] + values[:-1]) / 2, far, -far]).astype(np.float32)
    beside = (points.view(np.int32)[:, None] + np.arange(-6, 7, dtype=np.int32)).view(np.float32).ravel()
    bits = rng.integers(0, 2**32, 300_000, np.uint32).view(np.float32)
    least = np.log2(values[values > 0][0])
    wide = np.exp2(rng.uniform(least - 3, np.log2(grid.qmax) + 2, 500_000)) * rng.choice([-1, 1], 500_000)
    bfloat16 = (HALVES.astype(np.uint32) << 16).view(np.float32)
    x = np.concatenate([np.resize(beside, 300_000), bits, wide.astype(np.float32), bfloat16,
                        HALVES.view(np.float16).astype(np.float32), np.float32([0, -0.0, np.inf, -np.inf])])
    return x[~np.isnan(x)]


def halves() -> Any:
    return HALVES.view(np.float16)[~np.isnan(HALVES.view(np.float16))]


def double_ties(name: str) -> Any:
    """float64 beside ties, nearer than float32 can tell; within the ends."""
    ties = (GRIDS[name].values[1:] + GRIDS[name].values[:-1]) / 2
    return (ties[:, None] * (1 + np.exp2(-np.arange(30.0, 51)) * [[[1]], [[-1]]])).ravel()


def codes(name: str, x: Any) -> Any:
    return rq.quantize(x, rq.AffineParams(scale=ONE, zero_point=0, grid=GRIDS[name]))


@quiet
def same(a: Any, b: Any) -> None:
    """The same bits; every NaN is the same."""
    a, b = np.asarray(a, np.float32), np.asarray(b, np.float32)
    wrong = (a.view(np.uint32) != b.view(np.uint32)) & ~(np.isnan(a) & np.isnan(b))
    assert a.shape == b.shape and not wrong.any(), (wrong.sum(), a[wrong][0], b[wrong][0])


def record(operator: str, name: str) -> Callable[[Any], Any]:
    """What the record of an operator gives on a grid."""
    params = rq.AffineParams(scale=ONE, zero_point=0, grid=GRIDS[name])
    return lambda x: OPERATORS[operator].function(x, params)


def overflowing(name: str) -> Callable[[Any], Any]:
    """What ml_dtypes gives, without saturation."""
    kind = {"E5M2": "E5M2"}.get(name, "E4M3 and FNUZ" if name in FP8 else "FP6 and FP4")
    return record(f"ml_dtypes astype, {kind}", name)


def rounded_once(name: str) -> Callable[[Any], Any]:
    """Without saturation, float64 rounded once."""
    cast = choices.overflow_to_infinity if name == "E5M2" else choices.overflow_to_nan
    return lambda x: by_choices(Convention(cast=cast, nan=choices.stays), x, x.dtype.type(1), GRIDS[name])


def agree(name: str, x: Any, values: Any, bits: Any = None) -> None:
    """The engine's values are the core's wherever they are finite, by their codes too."""
    q, values = codes(name, x), np.asarray(values, np.float32)
    finite = np.isfinite(values)
    same(GRIDS[name].decode(q)[finite], values[finite])
    assert bits is None or (q == bits)[finite].all()


# ---------------------------------------------------------------------------------------------- NumPy's casts

@pytest.mark.parametrize("name", GRIDS)
def test_every_code_means_what_it_means_in_ml_dtypes_and_gfloat(name: str) -> None:
    grid = GRIDS[name]
    every = np.arange(2**grid.bits, dtype=np.uint8)
    finite = ~np.isnan(grid.table)
    expected = every.view(getattr(ml_dtypes, ML[name])).astype(np.float32)
    assert (finite == np.isfinite(expected)).all()
    same(grid.decode(every)[finite], expected[finite])
    assert (grid.encode(grid.decode(every)) == every)[finite].all()
    if not grid.fnuz:
        same(grid.decode(every)[finite], gfloat.decode_ndarray(gfloat_format(name), every)[finite])


@quiet
@pytest.mark.parametrize("name", GRIDS)
def test_ml_dtypes(name: str) -> None:
    for x in (reals(name), halves()):
        y = x.astype(getattr(ml_dtypes, ML[name]))
        same(overflowing(name)(x), y.astype(np.float32))
        agree(name, x, y.astype(np.float32), y.view(np.uint8))


@quiet
@pytest.mark.parametrize("name", GRIDS)
def test_float64_is_rounded_twice_by_ml_dtypes_and_torch(name: str) -> None:
    x = double_ties(name)
    y = x.astype(getattr(ml_dtypes, ML[name])).astype(np.float32)
    same(overflowing(name)(x), y)
    assert 0.4 < (GRIDS[name].decode(codes(name, x)) != y).mean() < 0.6
    if name in FP8:
        same(torch.from_numpy(x).to(getattr(torch, ML[name])).float().numpy(), y)


@quiet
def test_six_and_four_bits_have_no_nan() -> None:
    x = np.float32([np.nan, 1])
    for name in ("E2M3", "E3M2", "E2M1"):
        same(overflowing(name)(x), x.astype(getattr(ml_dtypes, ML[name])).astype(np.float32))


def gfloat_format(name: str) -> Any:
    return getattr(needs("gfloat.formats", "conformance"), f"format_info_ocp_{name.lower()}")


@quiet
@pytest.mark.parametrize("name", ["E4M3", "E5M2", "E2M3", "E3M2", "E2M1"])
def test_gfloat_is_an_oracle_from_float64_too(name: str) -> None:
    for x in (reals(name), halves(), double_ties(name)):
        expected = gfloat.round_ndarray(gfloat_format(name), x.astype(np.float64), sat=True)
        same(GRIDS[name].decode(codes(name, x)), expected)
    for x in (reals(name), double_ties(name)) if name in FP8 else ():
        same(rounded_once(name)(x), gfloat.round_ndarray(gfloat_format(name), x.astype(np.float64), sat=False))


# ---------------------------------------------------------------------------------------------- torch

@quiet
@pytest.mark.parametrize("name", FP8)
def test_torch_saturates_e4m3_alone(name: str) -> None:
    for x in (reals(name), halves()):
        y = torch.from_numpy(x).to(getattr(torch, ML[name]))
        values, bits = y.float().numpy(), y.view(torch.uint8).numpy()
        kind = name if name in ("E4M3", "E5M2") else "FNUZ"
        same(record(f"torch.Tensor.to, {kind}", name)(x), values)
        if name == "E4M3":
            assert (codes(name, x) == bits).all()
        else:
            same(overflowing(name)(x), values)
            agree(name, x, values, bits)


@pytest.mark.parametrize("name", GRIDS)
def test_a_thread_that_flushes_to_zero_finds_the_same_codes(name: str) -> None:
    x, scale = reals(name), np.float32(0.37)
    kept = np.abs(x) >= 2.0**-100  # beyond any tie; x itself may be flushed below the smallest normal number
    grid = rq.FloatGrid(*(getattr(GRIDS[name], field) for field in ("exponent", "mantissa", "specials", "fnuz")))
    params = [rq.AffineParams(scale=scale, zero_point=0, grid=g) for g in (GRIDS[name], grid)]
    expected, x_hat = rq.quantize(x, params[0]), rq.fake_quantize(x, params[0])
    assert torch.set_flush_denormal(True)
    try:
        assert (np.float32([1e-40]) * ONE == 0).all()
        flushed, fresh = (rq.quantize(x, p) for p in params)  # the second fills its table only now
        same(rq.fake_quantize(x, params[0])[kept], x_hat[kept])
    finally:
        torch.set_flush_denormal(False)
    assert (flushed == expected).all() and (fresh == expected).all()


# ---------------------------------------------------------------------------------------------- ONNX

def onnx_model(name: str, operator: str, saturate: int, back: bool) -> Any:
    """x -> Cast, or QuantizeLinear with a scale -> the format, and back to float32 where `back`."""
    onnx = needs("onnx", "conformance")
    helper, kinds = onnx.helper, onnx.TensorProto
    kind = getattr(kinds, ONNX[name])
    opset = 23 if name == "E2M1" else 21
    sources = [helper.make_tensor_value_info("x", kinds.FLOAT, [None])]
    more = {} if name == "E2M1" else {"saturate": saturate}
    if operator == "Cast":
        nodes = [helper.make_node("Cast", ["x"], ["q"], to=kind, **more)]
    else:
        sources.append(helper.make_tensor_value_info("scale", kinds.FLOAT, []))
        nodes = [helper.make_node("QuantizeLinear", ["x", "scale"], ["q"], output_dtype=kind, **more)]
    if back:
        nodes.append(helper.make_node("Cast", ["q"], ["y"], to=kinds.FLOAT))
    result = helper.make_tensor_value_info(*(("y", kinds.FLOAT) if back else ("q", kind)), [None])
    return helper.make_model(helper.make_graph(nodes, "g", sources, [result]),
                             opset_imports=[helper.make_opsetid("", opset)], ir_version=11 if opset == 23 else 10)


def onnxruntime_values(name: str, operator: str, saturate: int, x: Any, scale: Any) -> Any:
    ort = needs("onnxruntime", "conformance")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(onnx_model(name, operator, saturate, True).SerializeToString(), options,
                                   providers=["CPUExecutionProvider"])
    feeds = {"x": x} | ({"scale": np.asarray(scale)} if operator == "QuantizeLinear" else {})
    return session.run(None, feeds)[0]


def reference_values(name: str, operator: str, saturate: int, x: Any, scale: Any) -> Any:
    needs("onnx", "conformance")
    from onnx.reference import ReferenceEvaluator

    feeds = {"x": x} | ({"scale": np.asarray(scale)} if operator == "QuantizeLinear" else {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its casts overflow
        return ReferenceEvaluator(onnx_model(name, operator, saturate, False)).run(None, feeds)[0].astype(np.float32)


@quiet
@pytest.mark.parametrize("operator", ["Cast", "QuantizeLinear"])
@pytest.mark.parametrize("name", FP8)
def test_onnxruntime(name: str, operator: str) -> None:
    x, scale = reals(name), ONE if operator == "Cast" else np.float32(0.37)
    expected = GRIDS[name].decode(rq.quantize(x, rq.AffineParams(scale=scale, zero_point=0, grid=GRIDS[name])))
    same(onnxruntime_values(name, operator, 1, x, scale), expected)
    same(record("ONNX Runtime QuantizeLinear, float8", name)(x / scale), expected)
    faulty = f"ONNX Runtime QuantizeLinear, {name}, saturate=0"
    theirs = record(faulty, name) if faulty in OPERATORS else overflowing(name)
    same(onnxruntime_values(name, operator, 0, x, scale), theirs(x / scale))


@quiet
@pytest.mark.parametrize("operator", ["Cast", "QuantizeLinear"])
@pytest.mark.parametrize("name", ONNX)
def test_onnx_reference(name: str, operator: str) -> None:
    x, scale = reals(name), ONE if operator == "Cast" else np.float32(0.37)
    expected = GRIDS[name].decode(rq.quantize(x, rq.AffineParams(scale=scale, zero_point=0, grid=GRIDS[name])))
    same(reference_values(name, operator, 1, x, scale), expected)
    if name != "E2M1":
        same(reference_values(name, operator, 0, x, scale), rounded_once(name)(x / scale))


@quiet
def test_nan_of_four_bits_in_onnx_reference() -> None:
    x = np.float32([np.nan, 1])
    for operator in ("Cast", "QuantizeLinear"):
        same(reference_values("E2M1", operator, 1, x, ONE), overflowing("E2M1")(x))


# ---------------------------------------------------------------------------------------------- powers of two

@quiet
def powers() -> Any:
    """Powers of two and their middles with 6 steps to either side, all magnitudes of float32, subnormal ones too."""
    rng = np.random.default_rng(1)
    exact = np.exp2(np.arange(-130.0, 128))
    points = np.concatenate([exact, 1.5 * exact]).astype(np.float32)
    beside = (points.view(np.int32)[:, None] + np.arange(-6, 7, dtype=np.int32)).view(np.float32).ravel()
    bits = rng.integers(0, 0x7F800000, 1_000_000, np.uint32).view(np.float32)
    return np.concatenate([beside[beside >= 0], bits, rng.integers(0, 2**23, 100_000, np.uint32).view(np.float32)])


@quiet
def test_e8m0_ties_up_in_ml_dtypes_and_torch() -> None:
    every = np.arange(255, dtype=np.uint8)
    same(rq.E8M0.decode(every), every.view(ml_dtypes.float8_e8m0fnu).astype(np.float32))
    x = powers()
    y = x.astype(ml_dtypes.float8_e8m0fnu)
    same(mx.e8m0_ties_up(x), y.astype(np.float32))
    same(mx.e8m0_ties_up(-x), (-x).astype(ml_dtypes.float8_e8m0fnu).astype(np.float32))
    taken = torch.from_numpy(x[x > 0]).to(torch.float8_e8m0fnu).float().numpy()
    same(mx.e8m0_ties_up(x[x > 0]), taken)
    same(torch.from_numpy(-x[x > 0]).to(torch.float8_e8m0fnu).float().numpy(), taken)
    assert torch.zeros(1).to(torch.float8_e8m0fnu).view(torch.uint8).item() == 0
    core = rq.E8M0.decode(rq.quantize(x, rq.AffineParams(scale=ONE, zero_point=0, grid=rq.E8M0)))
    fraction, exponent = np.frexp(x)
    named = (x == 0) | (fraction == 0.75) | (x < 2.0**-126) | (x >= 1.5 * 2.0**127)  # ties, subnormals, too large
    same(core[~named], y.astype(np.float32)[~named])
    assert (core[fraction == 0.75] == np.ldexp(0.5, exponent)[fraction == 0.75].clip(2.0**-127)).all()
