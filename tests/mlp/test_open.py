"""What the core leaves open, mlp leaves open: clips, fits, granularities; and training starts where PTQ ends."""

import copy
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import mlp

NARROW4 = rq.IntGrid(4, narrow=True)
RNG = np.random.default_rng(7)
NET = mlp.init(RNG, (5, 6, 3))
X = RNG.normal(size=(40, 5)).astype(np.float32)
LABELS = RNG.integers(0, 3, 40)
BATCHES = [X[:25], X[25:]]
LEAST = partial(rq.mse_optimal, grid=NARROW4, fit=rq.symmetric_params)
TRAIN: dict[str, Any] = {"weight_grid": NARROW4, "activation_grid": rq.INT8}


def trained(f: Any, **options: Any) -> Any:
    return f(NET, X, LABELS, rng=np.random.default_rng(0), **{**TRAIN, "epochs": 0, "batch_size": 40, **options})


# ---------------------------------------------------------------------------------------------- PTQ, by plain arrays

@pytest.mark.parametrize("axis", [None, 0])
def test_clips_and_fits_of_weights_and_inputs(axis: Any) -> None:
    inputs = partial(rq.percentile, percent=90)
    qnet = mlp.ptq_static(NET, BATCHES, weight_axis=axis, weight_clip=LEAST, weight_fit=rq.symmetric_params, **TRAIN,
                          observer=rq.histogram_observer(inputs), activation_fit=rq.symmetric_params)
    a = X
    for i, (layer, w, b) in enumerate(zip(qnet.layers, NET.weights, NET.biases, strict=True)):
        assert layer.weight == rq.symmetric_params(*LEAST(w, axis=axis), NARROW4)
        assert (layer.codes == rq.quantize(w, layer.weight)).all()
        seen = rq.static_params([a[:25], a[25:]], rq.INT8, observer=rq.histogram_observer(inputs),
                                fit=rq.symmetric_params)
        assert layer.activation == seen and seen.zero_point == 0
        a = np.maximum(a @ w + b, 0)
        assert i < 2


@pytest.mark.parametrize("size", [1, 2, 4, 5, 9])
def test_blocks_along_the_inputs(size: int, tmp_path: Path) -> None:
    static = mlp.ptq_static(NET, BATCHES, weight_block=size, **TRAIN)
    dynamic = mlp.ptq_dynamic(NET, weight_block=size, **TRAIN)
    y, z = X, X
    layers = zip(static.layers, dynamic.layers, NET.weights, NET.biases, strict=True)
    for i, (layer, of_rows, w, b) in enumerate(layers):
        n, each = len(w), min(size, len(w))
        w_hat = np.empty_like(w)
        for start in range(0, n, each):
            for j in range(w.shape[1]):
                piece = w[start:start + each, j]
                largest = np.abs(piece).max()
                w_hat[start:start + each, j] = rq.fake_quantize(piece, rq.symmetric_params(-largest, largest, NARROW4))
        np.testing.assert_array_equal(layer.reals, w_hat)
        assert layer.block_size == each and layer.bias.dtype == np.float32 and (layer.bias == b).all()
        assert isinstance(layer.activation, rq.AffineParams) and isinstance(of_rows.activation, mlp.Dynamic)
        y = rq.fake_quantize(np.maximum(y, 0) if i else y, layer.activation) @ w_hat + b
        z = np.maximum(z, 0) if i else z
        z = rq.fake_quantize(z, rq.dynamic_params(z, rq.INT8, -1)) @ w_hat + b
        blocks = -(-n // each)
        assert layer.nbytes == -(-w.size * 4 // 8) + 4 * blocks * w.shape[1] + b.nbytes + 4 + 1
    np.testing.assert_array_equal(mlp.forward_quantized(static, X), y)
    np.testing.assert_array_equal(mlp.forward_quantized(dynamic, X), z)
    for qnet in (static, dynamic):
        mlp.save(tmp_path / "net.npz", qnet)
        assert mlp.load(tmp_path / "net.npz") == qnet
    with refused(ValueError, "deploy", "weights must not be in blocks", f"block_size={min(size, 5)}"):
        mlp.deploy(static)


def test_blocks_and_an_axis_exclude_each_other() -> None:
    with refused(ValueError, "`weight_axis` must be None with `weight_block`", "weight_axis=0"):
        mlp.ptq_static(NET, BATCHES, weight_axis=0, weight_block=2)
    with refused(ValueError, "`weight_block`", "at least 1"):
        mlp.ptq_static(NET, BATCHES, weight_block=0)


@pytest.mark.parametrize("axis", [None, -1])
def test_dynamic_ranges_by_any_clip_and_fit(axis: Any) -> None:
    clip = partial(rq.percentile, percent=80)
    qnet = mlp.ptq_dynamic(NET, axis=axis, clip=clip, fit=rq.symmetric_params, **TRAIN)
    y = X
    for i, layer in enumerate(qnet.layers):
        y = np.maximum(y, 0) if i else y
        params = rq.dynamic_params(y, rq.INT8, axis, clip=clip, fit=rq.symmetric_params)
        assert isinstance(layer.activation, mlp.Dynamic) and layer.activation.params(y) == params
        exact = rq.fake_quantize(y.astype(float), params) @ rq.dequantize(layer.codes, layer.weight).astype(float)
        y = (exact + layer.bias).astype(np.float32)
    np.testing.assert_allclose(mlp.forward_quantized(qnet, X), y, rtol=1e-5, atol=1e-6)


def test_a_dynamic_range_by_a_symmetric_fit_is_stored_and_one_of_your_own_is_not(tmp_path: Path) -> None:
    for axis in (None, -1):
        qnet = mlp.ptq_dynamic(NET, axis=axis, fit=rq.symmetric_params, **TRAIN)
        mlp.save(tmp_path / "net.npz", qnet)
        assert mlp.load(tmp_path / "net.npz") == qnet != mlp.ptq_dynamic(NET, axis=axis, **TRAIN)
    with refused(ValueError, "save", "a dynamic range must be min-max", "percentile"):
        mlp.save(tmp_path / "own.npz", mlp.ptq_dynamic(NET, clip=partial(rq.percentile, percent=80)))
    assert not (tmp_path / "own.npz").exists()


# ---------------------------------------------------------------------------------------------- training of no step

@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("clip", [rq.minmax, LEAST])
def test_qat_of_no_step_is_ptq_with_the_same_ranges(axis: Any, clip: Any) -> None:
    inputs = mlp.input_params(NET, BATCHES, rq.INT8)
    same: dict[str, Any] = {"weight_axis": axis, "weight_clip": clip}
    ptq = mlp.ptq_static(NET, BATCHES, **TRAIN, **same)
    assert trained(mlp.train_qat, activation=inputs, **same) == ptq
    assert trained(mlp.train_lsq, start=ptq, weight_axis=axis) == ptq
    assert trained(mlp.train_qat, activation=inputs, **same, epochs=2) != ptq


def test_inputs_stay_where_they_are_fixed_and_move_where_they_are_not() -> None:
    inputs = mlp.input_params(NET, BATCHES, rq.INT8)
    fixed, moving = (trained(mlp.train_qat, activation=at, epochs=2) for at in (inputs, None))
    assert [layer.activation for layer in fixed.layers] == inputs
    assert moving.layers[1].activation != inputs[1]
    symmetric = trained(mlp.train_qat, activation_fit=rq.symmetric_params, epochs=2)
    assert all(layer.activation.zero_point == 0 for layer in symmetric.layers)


def test_learned_steps_per_output() -> None:
    first = trained(mlp.train_lsq, weight_axis=0, activation_fit=rq.symmetric_params)
    for layer, w in zip(first.layers, NET.weights, strict=True):
        expected = 2 * np.abs(w).mean(axis=0, keepdims=True) / 7**0.5
        np.testing.assert_allclose(layer.weight.scale, expected, rtol=1e-6)
        assert layer.activation.zero_point == 0
    after = trained(mlp.train_lsq, weight_axis=0, epochs=3)
    assert all((a.weight.scale != b.weight.scale).any() for a, b in zip(after.layers, first.layers, strict=True))


# ---------------------------------------------------------------------------------------------- refused before a step

START = mlp.ptq_static(NET, BATCHES, **TRAIN)


@pytest.mark.parametrize(("train", "options", "says"), [
    (mlp.train_qat, {"weight_fit": rq.affine_params}, "`weight` must be symmetric"),
    (mlp.train_lsq, {"weight_fit": rq.affine_params}, "`weight` must be symmetric"),
    (mlp.train_qat, {"weight_grid": rq.INT32}, "at most 16 bits"),
    (mlp.train_qat, {"weight_axis": 1}, "R12"), (mlp.train_lsq, {"weight_axis": 1}, "R12"),
    (mlp.train_qat, {"momentum": "a"}, "`momentum` must be a number from 0 to 1"),
    (mlp.train_qat, {"momentum": None}, "`momentum`"), (mlp.train_qat, {"momentum": [0.5]}, "`momentum`"),
    (mlp.train_qat, {"activation": [START.layers[0].activation]}, "for each of 2 layers"),
    (mlp.train_qat, {"activation": [None, None]}, "AffineParams on INT8"),
    (mlp.train_qat, {"activation": 0.9}, "AffineParams on INT8"),
    (mlp.train_qat, {"activation": [layer.activation for layer in START.layers], "activation_grid": rq.UINT8},
     "AffineParams on UINT8"),
    (mlp.train_lsq, {"start": mlp.ptq_dynamic(NET, **TRAIN)}, "`start` must be static"),
    (mlp.train_lsq, {"start": mlp.QuantizedNet((START.layers[0], mlp.ptq_dynamic(NET, **TRAIN).layers[1]))},
     "`start` must be static"),
    (mlp.train_lsq, {"start": mlp.ptq_static(mlp.init(np.random.default_rng(0), (5, 7, 3)), BATCHES, **TRAIN)},
     "of the network's sizes"),
    (mlp.train_lsq, {"start": START, "weight_grid": rq.INT8}, "on the grids"),
    (mlp.train_lsq, {"start": START, "activation_grid": rq.UINT8}, "on the grids"),
    (mlp.train_lsq, {"start": START, "weight_axis": 0}, "weight_axis=0"),
    (mlp.train_lsq, {"start": mlp.ptq_static(NET, BATCHES, weight_block=2, **TRAIN)}, "weight_axis=None"),
    (mlp.train_lsq, {"start": mlp.ptq_static(mlp.init(RNG, (5, 3)), BATCHES, **TRAIN)}, "of the network's sizes"),
    (mlp.train_lsq, {"start": NET}, "`start` must be a QuantizedNet"),
])
def test_what_cannot_be_trained_is_refused_before_a_step(train: Any, options: dict[str, Any], says: str) -> None:
    seen: list[Any] = []
    rng = np.random.default_rng(0)
    with refused((ValueError, TypeError), says):
        train(NET, X, LABELS, rng=rng, **{**TRAIN, **options}, each_epoch=seen.append)
    assert not seen and rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


@pytest.mark.parametrize("call", [
    lambda: mlp.forward("net", X), lambda: mlp.layer_inputs(START, X), lambda: mlp.ptq_static(START, BATCHES),
    lambda: mlp.ptq_dynamic(None), lambda: mlp.train(None, X, LABELS, rng=RNG),
    lambda: mlp.train_qat([], X, LABELS, rng=RNG), lambda: mlp.train_lsq(START, X, LABELS, rng=RNG)])
def test_a_net_is_a_net(call: Any) -> None:
    with refused(TypeError, "`net` must be a Net"):
        call()


def test_a_quantized_net_is_a_quantized_net() -> None:
    with refused(TypeError, "forward_quantized", "`qnet` must be a QuantizedNet"):
        mlp.forward_quantized(NET, X)  # type: ignore[arg-type]


def test_a_bias_that_no_int32_holds_is_named() -> None:
    tiny = mlp.Net(weights=(np.eye(2),), biases=(np.full(2, 1e30),))
    with refused(ValueError, "biases must fit into int32", "1e+30"):
        mlp.ptq_static(tiny, [np.full((3, 2), 1e-30)])


def test_deploy_names_what_is_in_the_way() -> None:
    with refused(ValueError, "deploy", "inputs must have at most 8 bits", "INT16 with 16 bits"):
        mlp.deploy(mlp.ptq_static(NET, BATCHES, activation_grid=rq.INT16))
    with refused(ValueError, "deploy", "every input must be static", "Dynamic"):
        mlp.deploy(mlp.ptq_dynamic(NET))


# ---------------------------------------------------------------------------------------------- networks are values

@pytest.mark.parametrize("net", [NET, START, mlp.ptq_dynamic(NET), START.layers[0], mlp.deploy(START),
                                 mlp.deploy(START).layers[1]])
def test_networks_and_layers_are_values(net: Any) -> None:
    for again in (pickle.loads(pickle.dumps(net)), copy.copy(net), copy.deepcopy(net)):
        assert again == net and hash(again) == hash(net) and again is not None
    assert {net: 1}[copy.deepcopy(net)] == 1 and net != "net" and net != NET.weights


def test_equal_means_equal_bits() -> None:
    zero, negative = (mlp.Net(weights=(np.eye(2),), biases=(np.array([b, 1]),)) for b in (0.0, -0.0))
    assert zero != negative and mlp.forward(zero, np.eye(2)).tolist() == mlp.forward(negative, np.eye(2)).tolist()
    one = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT8)
    assert one != rq.AffineParams(scale=np.float64(1), zero_point=0, grid=rq.INT8)
    assert one != rq.AffineParams(scale=np.float32([1]), zero_point=0, grid=rq.INT8) != one.scale
