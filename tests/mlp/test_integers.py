import copy
import pickle
import sys
from fractions import Fraction
from itertools import pairwise
from types import FrameType
from typing import Any

import numpy as np
import pytest
from helpers import other_predictions, refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq
from refquant import mlp
from refquant.study.datasets import digits
from refquant.testing import oracle

RNG = np.random.default_rng(0)
NET = mlp.Net(weights=(RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))),
              biases=(RNG.normal(size=4), RNG.normal(size=2)))
X = RNG.normal(size=(9, 3)).astype(np.float32)
DATA = digits()


@pytest.fixture(scope="module")
def trained() -> mlp.Net:
    return mlp.train(mlp.init(np.random.default_rng(0), (64, 32, 32, 10)), DATA.x, DATA.labels,
                     rng=np.random.default_rng(1), epochs=10)


def quantized(net: mlp.Net, x: Any, bits: int, axis: Any = None, signed: bool = False) -> mlp.QuantizedNet:
    return mlp.ptq_static(net, [x], weight_grid=rq.IntGrid(bits, narrow=True), weight_axis=axis,
                          activation_grid=rq.IntGrid(bits, signed=signed))


def near_ties(qnet: mlp.QuantizedNet, x: Any) -> tuple[int, int]:
    """How many codes a layer made otherwise than its simulation, of how many; each must lie within float rounding of
    a tie, by exact rationals."""
    net, differ, total = mlp.deploy(qnet), 0, 0
    params = [layer.activation for layer in qnet.layers] + [net.output]
    q = rq.quantize(np.asarray(x, np.float32), net.input)
    for i, (layer, integer) in enumerate(zip(qnet.layers, net.layers, strict=True)):
        at, to = params[i], params[i + 1]
        assert isinstance(at, rq.AffineParams) and isinstance(to, rq.AffineParams)
        y = mlp.linear(layer, rq.dequantize(q, at).astype(np.float32))
        simulated = rq.quantize(np.maximum(y, 0) if i + 1 < len(qnet.layers) else y, to)
        codes = mlp.integer_linear(integer, q)
        assert codes.dtype == simulated.dtype == to.grid.dtype
        acc = q.astype(int) @ integer.codes.astype(int) + integer.bias
        step = np.broadcast_to(layer.weight.scale.reshape(-1), acc.shape[1:])
        for row, column in zip(*np.nonzero(codes != simulated), strict=True):
            v = (Fraction(int(acc[row, column])) * Fraction(float(at.scale)) * Fraction(float(step[column]))
                 / Fraction(float(to.scale)))
            to_tie = abs(v - (v.__floor__() + Fraction(1, 2)))
            assert to_tie <= abs(v) * Fraction(2) ** -22, f"{float(v)} is no tie"
        differ, total, q = differ + int((codes != simulated).sum()), total + codes.size, codes
    return differ, total


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("bits", [8, 5, 4, 3, 2])
def test_integers_are_the_simulation_but_at_ties(trained: mlp.Net, bits: int, axis: Any, signed: bool,
                                                 record_property: Any) -> None:
    qnet = quantized(trained, DATA.x[:256], bits, axis, signed)
    differ, total = near_ties(qnet, DATA.x)
    record_property("codes that differ", f"{differ} of {total}")
    assert differ <= total / 100
    if bits == 8:
        assert other_predictions(qnet, DATA.x) <= 2
        assert mlp.accuracy(mlp.forward_integer(qnet, DATA.x), DATA.labels) > 0.9


@st.composite
def networks(draw: st.DrawFn) -> tuple[mlp.QuantizedNet, Any]:
    """Small networks whose weights, scales and inputs are drawn: powers of two bring exact ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    steps = st.sampled_from([0.25, 0.5, 1.0, 0.1, 0.0123, 3.3])
    layers = []
    for n_in, n_out in pairwise(sizes):
        weight, grid = rq.IntGrid(draw(st.integers(2, 8)), narrow=True), draw(st.sampled_from(
            [rq.UINT8, rq.INT8, rq.UINT4, rq.IntGrid(3), rq.INT2]))
        shape = draw(st.sampled_from([(), (1, n_out)]))
        layers.append(mlp.QuantizedLayer(
            codes=rng.integers(weight.qmin, weight.qmax + 1, (n_in, n_out)),
            weight=rq.AffineParams(scale=np.full(shape, draw(steps), np.float32), zero_point=0, grid=weight),
            bias=rng.integers(-500, 500, n_out).astype(np.int32),
            activation=rq.AffineParams(scale=np.float32(draw(steps)), grid=grid,
                                       zero_point=draw(st.integers(grid.qmin, grid.qmax)))))
    x = rng.normal(size=(7, sizes[0])) * 10 ** rng.uniform(-2, 3)
    return mlp.QuantizedNet(tuple(layers)), x


@given(networks())
def test_any_network_in_integers_is_its_simulation_but_at_ties(case: tuple[mlp.QuantizedNet, Any]) -> None:
    near_ties(*case)


@given(networks())
def test_layers_are_the_scalar_oracle(case: tuple[mlp.QuantizedNet, Any]) -> None:
    """Python's integers and fractions, one output at a time."""
    qnet, x = case
    net = mlp.deploy(qnet)
    q = rq.quantize(x.astype(np.float32), net.input)
    expected = q.astype(int).tolist()
    for i, (layer, at) in enumerate(zip(net.layers, qnet.layers, strict=True)):
        last, n = i + 1 == len(net.layers), layer.codes.shape[1]
        mantissa, shift = (np.broadcast_to(a, n).tolist() for a in (layer.mantissa, layer.shift))
        assert isinstance(at.activation, rq.AffineParams)
        zero_point = int(at.activation.zero_point)
        rows = []
        for row in expected:
            acc = [sum((code - zero_point) * int(w) for code, w in zip(row, at.codes[:, j], strict=True))
                   + int(at.bias[j]) for j in range(n)]
            codes = [oracle.requantize(a, m, s, layer.zero_point, layer.grid)
                     for a, m, s in zip(acc, mantissa, shift, strict=True)]
            rows.append(codes if last else [max(code, layer.zero_point) for code in codes])
        expected = rows
    assert mlp.forward_codes(net, q).tolist() == expected
    assert mlp.forward_integer(qnet, x).tolist() == expected


def test_not_one_floating_point_value() -> None:
    """Every array and number in every frame between the input's codes and the logits'. Inside integer_matmul, and
    nowhere else, exact integers pass through float BLAS (R13); its arguments and its result are looked at."""
    net = mlp.deploy(quantized(NET, X, 8, axis=0))
    q = rq.quantize(X, net.input)
    seen: set[str] = set()

    def look(frame: FrameType, event: str, result: Any) -> None:
        if event != "return" or "refquant" not in frame.f_code.co_filename:
            return
        name = frame.f_code.co_name
        values = {"result": result, **{k: v for k, v in frame.f_locals.items()
                                       if name != "integer_matmul" or k in ("a", "b")}}
        for local, value in values.items():
            if isinstance(value, (np.ndarray, np.generic, float)):
                assert np.asarray(value).dtype.kind in "iub", f"{name}: {local} is {np.asarray(value).dtype}"
                seen.add(name)

    sys.setprofile(look)
    try:
        codes = mlp.forward_codes(net, q)
    finally:
        sys.setprofile(None)
    assert {"forward_codes", "integer_linear", "requantize", "integer_matmul"} <= seen
    assert codes.dtype == np.int16
    for layer in net.layers:
        assert [a.dtype for a in (layer.codes, layer.bias, layer.mantissa, layer.shift)] == [np.int8, *[np.int32] * 3]
        assert {type(v) for v in (layer.zero_point, layer.least)} == {int}


def test_the_scale_of_the_logits_is_that_of_the_largest_possible() -> None:
    for axis in (None, 0):
        qnet = quantized(NET, X, 4, axis)
        net = mlp.deploy(qnet)
        every = np.array(np.meshgrid(*[np.arange(16)] * 4)).reshape(4, -1).T.astype(np.uint8)  # all inputs of layer 2
        codes = mlp.integer_linear(net.layers[1], every)
        assert np.abs(codes.astype(int)).max() in (32766, 32767)
        np.testing.assert_allclose(rq.dequantize(mlp.forward_integer(qnet, X), net.output),
                                   mlp.forward_quantized(qnet, X), atol=float(net.output.scale))


def test_inputs_sought_for_it_reach_a_quarter_of_the_logits_range(trained: mlp.Net) -> None:
    """So a finer scale gains little unless it looks at data, or saturates."""
    net = mlp.deploy(quantized(trained, DATA.x[:256], 8))
    q, best = np.zeros((10, 64), np.uint8), np.full(10, -32768)
    for pixel in [*range(64)] * 4:  # each row black or white, for the sake of its own logit
        other = q.copy()
        other[:, pixel] = 255 - other[:, pixel]
        made = np.diagonal(mlp.forward_codes(net, other)).astype(int)
        q[made > best], best = other[made > best], np.maximum(made, best)
    assert best.max() > 32767 / 4


def test_of_nothing_and_of_zeros() -> None:
    assert mlp.forward_integer(quantized(NET, X, 8), X[:0]).shape == (0, 2)
    flat = mlp.Net(weights=(np.zeros((2, 2)),), biases=(np.zeros(2),))
    assert mlp.forward_integer(mlp.ptq_static(flat, [np.ones((1, 2))]), np.ones((1, 2))).tolist() == [[0, 0]]


def test_trained_networks_deploy_too() -> None:
    labels = (X[:, 0] > 0).astype(int)
    for train in (mlp.train_qat, mlp.train_lsq):
        qnet = train(NET, X, labels, rng=np.random.default_rng(0), epochs=3)
        near_ties(qnet, X)


@pytest.mark.parametrize(("make", "kind", "parts"), [
    (lambda: mlp.ptq_dynamic(NET), ValueError, ["deploy", "static", "Dynamic"]),
    (lambda: NET, TypeError, ["deploy", "`qnet`", "Net"]),
    (lambda: mlp.ptq_static(NET, [X], activation_grid=rq.UINT16), ValueError, ["deploy", "at most 8 bits", "16"]),
])
def test_what_has_no_integer_form(make: Any, kind: type[Exception], parts: list[str]) -> None:
    for call in (lambda: mlp.deploy(make()), lambda: mlp.forward_integer(make(), X)):
        with refused(kind, *parts):
            call()


def layer(code: int = 1, n: int = 2, scale: float = 1.0, bias: int = 0) -> mlp.QuantizedLayer:
    return mlp.QuantizedLayer(codes=np.full((n, 2), code), bias=np.int32([bias, 0]),
                              weight=rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT16),
                              activation=rq.AffineParams(scale=np.float32(scale), zero_point=0, grid=rq.UINT8))


def test_sums_stay_within_int32() -> None:
    most = (2**31 - 1) // (255 * 32767)
    mlp.deploy(mlp.QuantizedNet((layer(32767, most),)))
    with refused(ValueError, "deploy", "`accumulators`", "R14", 255 * 32767 * (most + 1)):
        mlp.deploy(mlp.QuantizedNet((layer(32767, most + 1),)))
    with refused(ValueError, "deploy", "`accumulators`", 2**31 - 1 + 510):
        mlp.deploy(mlp.QuantizedNet((layer(bias=2**31 - 1),)))


def test_logits_beyond_float32() -> None:
    with refused(ValueError, "deploy", "the largest logit", "inf"):
        mlp.deploy(mlp.QuantizedNet((layer(scale=1e37),)))


@pytest.mark.parametrize("axis", [None, 0])
def test_a_dead_channel_takes_any_multiplier(axis: Any) -> None:
    """R11 gives an all-zero range scale 1, and 1 / scale_y may leave R14."""
    dead = 0.0 if axis is None else 1e-11
    net = mlp.Net(weights=(np.array([[dead, 0.0], [2 * dead, 0.0]]), np.ones((2, 1))),
                  biases=(np.zeros(2), np.zeros(1)))
    x = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    qnet = mlp.ptq_static(net, [x], weight_axis=axis)
    layers = mlp.deploy(qnet).layers
    assert layers[0].mantissa.size == (1 if axis is None else 2)
    if axis == 0:
        assert (layers[0].mantissa[1], layers[0].shift[1]) == (2**30, 1)
    near_ties(qnet, x)


def test_scales_without_a_multiplier() -> None:
    with refused(ValueError, "quantize_multiplier", "R14"):
        mlp.deploy(mlp.QuantizedNet((layer(), layer(scale=1e-20))))


def test_codes_fit_the_network() -> None:
    net = mlp.deploy(quantized(NET, X, 4))
    with refused(ValueError, "forward_codes", "`q`", "0 to 15", "16"):
        mlp.forward_codes(net, [[0, 16, 3]])
    with refused(TypeError, "forward_codes", "`q`", "float64"):
        mlp.forward_codes(net, [[0.0, 1.0, 2.0]])
    for wrong in ([[0, 1]], [0, 1, 2], 0, [], np.zeros((2, 1, 3), int)):
        with refused(ValueError, "forward_codes", "`q`", "(n, 3)", np.shape(wrong)):
            mlp.forward_codes(net, wrong)
    with refused(TypeError, "forward_codes", "`net` must be an IntegerNet", "QuantizedNet"):
        mlp.forward_codes(quantized(NET, X, 4), [[0, 1, 2]])  # type: ignore[arg-type]
    with refused(ValueError, "forward_integer", "(n, 3)", "(9, 2)"):
        mlp.forward_integer(quantized(NET, X, 4), X[:, :2])
    with refused(ValueError, "forward_integer", "NaN"):
        mlp.forward_integer(quantized(NET, X, 4), [[np.nan, 0, 0]])


def test_deployed_networks_stay_read_only_after_copies() -> None:
    net = mlp.deploy(quantized(NET, X, 8))
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        for a in (twin.layers[0].codes, twin.layers[0].bias, twin.layers[0].mantissa, twin.layers[0].shift):
            with pytest.raises(ValueError, match="read-only"):
                a[...] = 0
        q = rq.quantize(X, net.input)
        assert (mlp.forward_codes(twin, q) == mlp.forward_codes(net, q)).all()
