import copy
import pickle
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import mlp

RNG = np.random.default_rng(0)
NET = mlp.Net(weights=(RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))),
              biases=(RNG.normal(size=4), RNG.normal(size=2)))
X = RNG.normal(size=(9, 3)).astype(np.float32)


def by_fake_quantization(qnet: mlp.QuantizedNet, x: Any) -> Any:
    """The same network in float64: values of codes, multiplied and added."""
    for i, layer in enumerate(qnet.layers):
        x = np.maximum(x, 0) if i else x
        at = layer.activation
        params = at if isinstance(at, rq.AffineParams) else rq.dynamic_params(x, at.grid, at.axis)
        scale = params.scale.astype(np.float64)
        bias = layer.bias * (scale * layer.weight.scale) if isinstance(at, rq.AffineParams) else layer.bias
        x_hat = (rq.quantize(x, params).astype(int) - params.zero_point) * scale
        w_hat = layer.codes * layer.weight.scale.astype(np.float64)
        x = (x_hat @ w_hat + bias).astype(np.float32)
    return x


QUANTIZED = [quantize(bits, axis) for bits in (8, 4, 2, 16) for axis in (None, 0) for quantize in (
    lambda b, a: mlp.ptq_static(NET, [X], weight_grid=rq.IntGrid(b, narrow=True), weight_axis=a,
                                activation_grid=rq.IntGrid(b, signed=False)),
    lambda b, a: mlp.ptq_static(NET, [X], weight_grid=rq.IntGrid(b), weight_axis=a, activation_grid=rq.IntGrid(b)),
    lambda b, a: mlp.ptq_dynamic(NET, weight_grid=rq.IntGrid(b, narrow=True), weight_axis=a,
                                 activation_grid=rq.IntGrid(b, signed=False)),
    lambda b, a: mlp.ptq_dynamic(NET, weight_grid=rq.IntGrid(b, narrow=True), weight_axis=a, axis=None,
                                 activation_grid=rq.IntGrid(b)),
)]


@pytest.mark.parametrize("qnet", QUANTIZED)
def test_integer_sums_are_fake_quantization(qnet: mlp.QuantizedNet) -> None:
    np.testing.assert_allclose(mlp.forward_quantized(qnet, X), by_fake_quantization(qnet, X), rtol=1e-5, atol=1e-6)


def test_ptq_leaves_the_float_network_and_is_deterministic() -> None:
    before = [a.tobytes() for a in (*NET.weights, *NET.biases)]
    a, b = (mlp.ptq_static(NET, iter(np.split(X, 3))) for _ in range(2))
    assert before == [a.tobytes() for a in (*NET.weights, *NET.biases)]
    assert [la.activation for la in a.layers] == [lb.activation for lb in b.layers]
    np.testing.assert_array_equal(mlp.forward_quantized(a, X), mlp.forward_quantized(b, X))


def test_static_and_dynamic_differ_in_one_field() -> None:
    static, dynamic = mlp.ptq_static(NET, [X]).layers[0], mlp.ptq_dynamic(NET).layers[0]
    np.testing.assert_array_equal(static.codes, dynamic.codes)
    assert isinstance(static.activation, rq.AffineParams) and dynamic.activation == mlp.Dynamic(rq.UINT8, -1)
    assert (static.bias.dtype, dynamic.bias.dtype) == (np.int32, np.float32)


def test_per_row_no_sample_depends_on_its_batch_mates() -> None:
    rows = mlp.ptq_dynamic(NET, activation_grid=rq.UINT4)
    tensor = mlp.ptq_dynamic(NET, activation_grid=rq.UINT4, axis=None)
    np.testing.assert_array_equal(mlp.forward_quantized(rows, X)[:1], mlp.forward_quantized(rows, X[:1]))
    assert (mlp.forward_quantized(tensor, X)[:1] != mlp.forward_quantized(tensor, X[:1])).any()


def test_no_samples_give_no_logits() -> None:
    for qnet in (mlp.ptq_static(NET, [X]), mlp.ptq_dynamic(NET)):
        assert mlp.forward_quantized(qnet, X[:0]).shape == (0, 2)


def test_payload() -> None:
    # layer 1: 12 codes, layer 2: 8; one scale each, biases, and where static a scale and a zero point
    codes = {8: 12 + 8, 4: 6 + 4, 3: 5 + 3}
    for bits, size in codes.items():
        grids: dict[str, Any] = {"weight_grid": rq.IntGrid(bits, narrow=True),
                                 "activation_grid": rq.IntGrid(bits, signed=False)}
        assert mlp.ptq_static(NET, [X], **grids).nbytes == size + 2 * 4 + 6 * 4 + 2 * 5
        assert mlp.ptq_dynamic(NET, **grids).nbytes == size + 2 * 4 + 6 * 4
        assert mlp.ptq_dynamic(NET, weight_axis=0, **grids).nbytes == size + 6 * 4 + 6 * 4


def test_calibration_data_fit() -> None:
    with refused(TypeError, "ptq_static", "`batches`", "bare ndarray"):
        mlp.ptq_static(NET, X)
    with refused(ValueError, "QuantizedLayer", "16 bits", "R13", "17"):
        mlp.ptq_static(NET, [X], activation_grid=rq.IntGrid(17))
    with refused(ValueError, "forward", "(n, 3)", "(9, 2)"):
        mlp.ptq_static(NET, [X[:, :2]])
    with refused(ValueError, "range", "needs data"):
        mlp.ptq_static(NET, [])
    with refused(ValueError, "forward_quantized", "(n, 3)"):
        mlp.forward_quantized(mlp.ptq_static(NET, [X]), X[:, :2])


LAYER: dict[str, Any] = {"codes": np.zeros((3, 2), int), "bias": np.zeros(2, np.int32),
                         "weight": rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT4),
                         "activation": rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT4)}


@pytest.mark.parametrize(("field", "value", "parts"), [
    ("codes", np.full((3, 2), 8), ["`codes`", "-8 to 7"]), ("codes", np.zeros(3, int), ["fit", "(3,)"]),
    ("bias", np.zeros(3, np.int32), ["fit", "(3,)"]),
    ("weight", rq.AffineParams(scale=np.ones((3, 1)), zero_point=0, grid=rq.INT4), ["fit", "(3, 1)"]),
    ("weight", rq.AffineParams(scale=1.0, zero_point=1, grid=rq.INT4), ["symmetric"]),
    ("activation", rq.AffineParams(scale=np.ones(3), zero_point=0, grid=rq.INT4), ["per tensor"]),
])
def test_layers_are_consistent(field: str, value: Any, parts: list[str]) -> None:
    mlp.QuantizedLayer(**LAYER)
    with refused(ValueError, "QuantizedLayer", *parts):
        mlp.QuantizedLayer(**{**LAYER, field: value})


def test_the_bias_goes_with_the_activation() -> None:
    for field, value in (("bias", np.zeros(2, np.float32)), ("activation", mlp.Dynamic(rq.INT4))):
        with refused(TypeError, "`bias`", "int32 when static"):
            mlp.QuantizedLayer(**{**LAYER, field: value})


@pytest.mark.parametrize("axis", [None, 0])
def test_no_bias_is_lost_where_weights_are_zero_or_tiny(axis: Any) -> None:
    for w in (np.zeros((2, 2)), np.eye(2) * 1e-9, np.array([[0, 1e-9], [0, 3.0]])):
        net, x = mlp.Net(weights=(w,), biases=(np.array([0.3, -5.0]),)), np.full((3, 2), 0.5)
        got = mlp.forward_quantized(mlp.ptq_static(net, [x], weight_axis=axis), x)
        np.testing.assert_allclose(got, mlp.forward(net, x), atol=0.03)


def test_networks_stay_read_only_after_copies() -> None:
    qnet = mlp.ptq_static(NET, [X])
    for again in (copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))):
        net, twin = again(NET), again(qnet)
        for array in (*net.weights, *net.biases, twin.layers[0].codes, twin.layers[0].bias):
            for change in (lambda a=array: a.__setitem__(0, 1), lambda a=array: setattr(a.flags, "writeable", True)):
                with pytest.raises(ValueError, match=r"read-only|WRITEABLE"):
                    change()
        np.testing.assert_array_equal(mlp.forward_quantized(twin, X), mlp.forward_quantized(qnet, X))


def test_no_global_switch_stops_a_network() -> None:
    qnet = mlp.ptq_static(NET, [X])
    with np.errstate(all="raise"):
        mlp.forward(NET, np.full((1, 3), 1e-44)), mlp.forward_quantized(qnet, np.full((1, 3), 1e-44))
        mlp.cross_entropy(np.float32([[0, -200]]), [0])
        mlp.train(NET, X * 30, [0, 1, 1] * 3, rng=np.random.default_rng(0), epochs=5, lr=0.3)
        assert rq.mse([1e-200], [0.0]) == 0 and rq.sqnr_db([1.7e308], [-1.7e308]) == pytest.approx(-6.02, abs=0.01)


def test_finite_also_in_float32() -> None:
    for call in (lambda: mlp.forward(NET, np.full((1, 3), 1e300)),
                 lambda: mlp.Net(weights=(np.full((1, 1), 1e300),), biases=(np.zeros(1),))):
        with refused(ValueError, "finite", "inf"):
            call()


@pytest.mark.parametrize("axis", [0, 1, -2, (), (0, 1)])
def test_a_dynamic_range_is_per_tensor_or_per_row(axis: Any) -> None:
    with refused(ValueError, "Dynamic", "`axis`", repr(axis)):
        mlp.ptq_dynamic(NET, axis=axis)
    with refused(TypeError, "Dynamic", "`grid`", "8"):
        mlp.Dynamic(8)  # type: ignore[arg-type]


def test_weights_share_scales_by_tensor_or_by_output() -> None:
    net = mlp.init(np.random.default_rng(0), (5, 4, 3))
    with refused(ValueError, "parameters must broadcast to the shape of the data (R12)"):
        mlp.ptq_static(net, [np.ones((2, 5))], weight_axis=1)
    with refused(ValueError, "`weight` () or (1, n_out) must fit"):
        mlp.ptq_dynamic(net, weight_axis=1)


def test_layers_chain() -> None:
    layer = mlp.QuantizedLayer(**LAYER)
    for layers in ((), (layer, layer)):
        with refused(ValueError, "QuantizedNet", "chain"):
            mlp.QuantizedNet(layers)
    with refused(TypeError, "QuantizedLayer", "`activation`", "None"):
        mlp.QuantizedLayer(**{**LAYER, "activation": None})
