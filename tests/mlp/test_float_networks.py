"""Networks on floats and codebooks: products, biases, training and sizes, each beside plain arrays written out here."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import nearest, refused

import refquant as rq
from refquant import mlp

RNG = np.random.default_rng(0)
NET = mlp.Net(weights=(RNG.normal(size=(6, 5)), RNG.normal(size=(5, 3))),
              biases=(RNG.normal(size=5) / 50, RNG.normal(size=3) / 50))
X = RNG.normal(size=(9, 6)).astype(np.float32)
LABELS = np.arange(9) % 3
SYMMETRIC: dict[str, Any] = {"activation_fit": rq.symmetric_params}
IEEE = rq.FloatGrid(3, 4, specials=16)  # three formats of nobody's, a line each
FNUZ = rq.FloatGrid(3, 3, fnuz=True)
LOPSIDED = rq.Codebook([-3.5, -0.7, 0.1, 2.0, 9.0])


def reach(grid: Any) -> float:
    return float(min(-grid.qmin, grid.qmax))


def quantized(x: Any, grid: Any, scale: Any) -> Any:
    """The values, without their scale, in float64."""
    return np.clip(nearest(grid, x / scale), grid.qmin, grid.qmax)


def scale_of(x: Any, grid: Any, axis: Any = None) -> Any:
    largest = np.abs(x).max(axis=axis, keepdims=axis is not None)
    return np.where(largest > 0, largest / np.float32(reach(grid)), np.float32(1))[()]


def forward(net: mlp.Net, x: Any, layer: Callable[..., Any]) -> Any:
    """layer(x, w, b) after layer, ReLU between them; what the float network sees beside it, for calibration."""
    y, seen = x, x
    for i, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
        y, seen = (np.maximum(y, 0), np.maximum(seen, 0)) if i else (y, seen)
        y, seen = layer(y, seen, w, b), seen @ w + b
    return y


@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize(("weights", "inputs"), [
    (rq.E4M3, rq.E4M3), (rq.E4M3, rq.INT8), (rq.INT4, rq.E5M2FNUZ), (rq.NF4, rq.E3M2), (IEEE, FNUZ), (LOPSIDED, IEEE),
    (FNUZ, LOPSIDED), (rq.E2M1, rq.IntGrid(16))], ids=str)
def test_static(weights: Any, inputs: Any, axis: Any) -> None:
    """Values times values in float64, then both scales, then a float32 bias."""
    qnet = mlp.ptq_static(NET, [X[:4], X[4:]], weight_grid=weights, activation_grid=inputs, weight_axis=axis,
                          **SYMMETRIC)

    def layer(y: Any, seen: Any, w: Any, b: Any) -> Any:
        at, step = scale_of(seen, inputs), scale_of(w, weights, axis)
        acc = quantized(y, inputs, at) @ quantized(w, weights, step)
        return (acc * (at.astype(np.float64) * step) + b).astype(np.float32)

    np.testing.assert_allclose(mlp.forward_quantized(qnet, X), forward(NET, X, layer), rtol=1e-6)
    assert [layer.bias.dtype for layer in qnet.layers] == [np.float32] * 2
    assert all((layer.bias == b).all() for layer, b in zip(qnet.layers, NET.biases, strict=True))


def test_unsigned_inputs_beside_float_weights() -> None:
    """The zero point is subtracted from the codes before the product."""
    qnet = mlp.ptq_static(NET, [X], weight_grid=rq.E4M3)

    def layer(y: Any, seen: Any, w: Any, b: Any) -> Any:
        at, step = rq.affine_params(seen.min(), seen.max(), rq.UINT8), scale_of(w, rq.E4M3)
        codes = np.clip(np.rint(y / at.scale) + at.zero_point, 0, 255)
        acc = (codes - at.zero_point).astype(np.float64) @ quantized(w, rq.E4M3, step)
        return (acc * (at.scale.astype(np.float64) * step) + b).astype(np.float32)

    np.testing.assert_allclose(mlp.forward_quantized(qnet, X), forward(NET, X, layer), rtol=1e-6)


@pytest.mark.parametrize(("weights", "fit", "rule"), [
    (rq.INT4, rq.symmetric_params, lambda a: a / np.float32(7)),
    (rq.E2M1, rq.mx_params, lambda a: 2.0 ** (np.floor(np.log2(a)) - 2)),
    (rq.NF4, rq.symmetric_params, lambda a: a),
    (rq.E2M1, rq.two_level(rq.E4M3), lambda a: nearest(rq.E4M3, a / 6 / (a.max() / 6 / np.float32(448))).astype(
        np.float32) * (a.max() / np.float32(6) / np.float32(448)))])
def test_blocks_of_weights_beside_e4m3(weights: Any, fit: Any, rule: Any) -> None:
    """Reals times reals in float32; each block of two inputs has its scale, the last of odd layers is shorter."""
    qnet = mlp.ptq_static(NET, [X], weight_grid=weights, weight_fit=fit, weight_block=2, activation_grid=rq.E4M3,
                          **SYMMETRIC)

    def layer(y: Any, seen: Any, w: Any, b: Any) -> Any:
        largest = np.array([np.abs(w[i:i + 2]).max(axis=0) for i in range(0, len(w), 2)])
        scale = np.repeat(rule(largest).astype(np.float32), 2, axis=0)[:len(w)]
        at = scale_of(seen, rq.E4M3)
        reals = quantized(w, weights, scale).astype(np.float32) * scale
        return (quantized(y, rq.E4M3, at).astype(np.float32) * at) @ reals + b

    np.testing.assert_allclose(mlp.forward_quantized(qnet, X), forward(NET, X, layer), rtol=2e-5, atol=1e-6)
    assert qnet.layers[0].weight.scale_grid == (
        rq.E8M0 if fit is rq.mx_params else getattr(fit, "scale_grid", None))


@pytest.mark.parametrize(("axis", "fit"), [
    (None, rq.symmetric_params), (-1, rq.symmetric_params), (-1, rq.mx_params),
    (-1, rq.two_level(rq.E5M2, scale=2.0**-9))])
def test_dynamic(axis: Any, fit: Any) -> None:
    qnet = mlp.ptq_dynamic(NET, weight_grid=rq.NF4, activation_grid=rq.E4M3, axis=axis, fit=fit)

    def layer(y: Any, _seen: Any, w: Any, b: Any) -> Any:
        at, step = scale_of(y, rq.E4M3, axis), scale_of(w, rq.NF4)
        if fit is rq.mx_params:
            at = 2.0 ** (np.floor(np.log2(at * 448)) - 8)
        elif fit is not rq.symmetric_params:
            at = nearest(rq.E5M2, at / 2.0**-9) * 2.0**-9
        acc = quantized(y, rq.E4M3, at.astype(np.float32)) @ quantized(w, rq.NF4, step)
        return (acc * (at.astype(float) * step) + b).astype(np.float32)

    np.testing.assert_allclose(mlp.forward_quantized(qnet, X), forward(NET, X, layer), rtol=2e-6)
    if axis is not None:  # a sample alone keeps its logits, though BLAS may sum in another order
        alone = np.concatenate([mlp.forward_quantized(qnet, x[None]) for x in X])
        np.testing.assert_allclose(mlp.forward_quantized(qnet, X), alone, rtol=1e-6)


@pytest.mark.parametrize(("fit", "joined"), [(rq.two_level(rq.E4M3), True), (rq.two_level(rq.E4M3, axis=-1), False),
                                             (rq.two_level(rq.E4M3, scale=2.0**-6), False)])
def test_a_second_scale_joins_rows(fit: Any, joined: bool) -> None:
    at = mlp.Dynamic(rq.E2M1, -1, fit=fit)
    rows = X * np.float32([[100], [1], [1.3], [1.7], [1], [0.1], [3], [7], [1]])
    alone = np.concatenate([at.params(row[None]).scale for row in rows])
    assert (at.params(rows).scale != alone).any() == joined


GRIDS = [rq.INT8, rq.UINT8, rq.E4M3, rq.NF4, rq.E2M1]


@pytest.mark.parametrize("weights", [rq.INT8, rq.E4M3, rq.NF4], ids=str)
@pytest.mark.parametrize("inputs", GRIDS, ids=str)
def test_the_bias_is_int32_only_between_equal_steps(weights: Any, inputs: Any) -> None:
    """In steps of scale_x * scale_w, NF4's would be erased: one step is larger than the bias."""
    net = mlp.Net(weights=(np.ones((2, 1)) * 8,), biases=(np.array([0.01]),))
    qnet = mlp.ptq_static(net, [np.array([[-4.0, 4.0]])], weight_grid=weights, activation_grid=inputs, **SYMMETRIC)
    whole = weights == rq.INT8 and inputs in (rq.INT8, rq.UINT8)
    assert qnet.layers[0].bias.dtype == (np.int32 if whole else np.float32)
    logit = mlp.forward_quantized(qnet, np.zeros((1, 2)))[0, 0]
    one = 4 / 127 * 8 / 127
    assert logit == pytest.approx(5 * one if whole else 0.01, rel=1e-6)
    assert np.float32(qnet.layers[0].real_bias) == logit
    wrong = np.zeros(1, np.float32 if whole else np.int32)
    with refused(TypeError, "QuantizedLayer", "`bias` must be int32 when static, float32 when dynamic, in blocks or on "
                 "grids without equal steps"):
        mlp.QuantizedLayer(codes=qnet.layers[0].codes, weight=qnet.layers[0].weight, bias=wrong,
                           activation=qnet.layers[0].activation)


# ------------------------------------------------------------------------------------------------------- products

def product(weights: Any, inputs: Any, w: Any, x: Any) -> Any:
    """One layer with scales of 1 and no bias: x (n, K) times w (K, m), all of them values."""
    one = {grid: rq.AffineParams(scale=np.float32(1), zero_point=0, grid=grid) for grid in (weights, inputs)}
    layer = mlp.QuantizedLayer(codes=rq.quantize(w, one[weights]), weight=one[weights],
                               bias=np.zeros(w.shape[1], np.float32), activation=one[inputs])
    return mlp.forward_quantized(mlp.QuantizedNet((layer,)), x)


BOUND = 2**53 // (448 * 2**9) ** 2


def test_products_of_e4m3_are_exact_up_to_the_bound() -> None:
    """Values are integers times 2**-9, up to 448 * 2**9. At the bound, 448's cancel and leave what is smallest."""
    assert BOUND == 171_196
    signs = np.resize([1.0, -1.0], BOUND - 1)
    x = np.append(np.full(BOUND - 1, 448.0), 2.0**-9)
    w = np.append(signs * 448, 2.0**-9)
    x, w = np.append(x[1:], 0), np.append(w[1:], 0)  # an even number of large ones: their sum is 0
    for order in (np.argsort(-w), np.argsort(w), np.random.default_rng(0).permutation(BOUND)):
        assert product(rq.E4M3, rq.E4M3, w[order, None], x[None, order].astype(np.float32)) == 2.0**-18
    full = np.full(BOUND, 448.0, np.float32)
    assert product(rq.E4M3, rq.E4M3, full[:, None], full[None]) == np.float32(BOUND * 448**2)


def test_beyond_the_bound_nothing_is_promised() -> None:
    """One more 448 * 448 leaves the integers that float64 holds: there, the smallest product may vanish."""
    assert (BOUND + 1) * (448 * 2**9) ** 2 > 2**53
    total = float((BOUND + 1) * 448**2)
    assert total + 2.0**-18 == total


@pytest.mark.parametrize(("weights", "inputs", "unit"), [
    (rq.E4M3, rq.E4M3, 2**18), (rq.E2M1, rq.E2M1, 4), (rq.E2M3, rq.E2M3, 64), (rq.E3M2, rq.E3M2, 256),
    (rq.E4M3FNUZ, rq.E2M1, 2**11), (rq.INT8, rq.E4M3, 2**9)], ids=str)
def test_products_are_integers_in_units_of_the_smallest(weights: Any, inputs: Any, unit: int) -> None:
    """Beside Python's integers, and in every order of the columns."""
    rng = np.random.default_rng(0)
    w, x = rng.choice(weights.values, (700, 3)), rng.choice(inputs.values, (4, 700)).astype(np.float32)
    fine = [[round(float(a) * unit) for a in row] for row in x]  # w in its own unit, x in the rest, both whole
    by = next(k for k in range(30) if (w * 2.0**k == np.rint(w * 2.0**k)).all())
    whole = np.rint(w * 2.0**by).astype(int).tolist()
    sums = [[sum(a * row[j] for a, row in zip(line, whole, strict=True)) for j in range(3)] for line in fine]
    wanted = np.float32([[s / (unit << by) for s in line] for line in sums])
    assert (product(weights, inputs, w, x) == wanted).all()
    order = rng.permutation(700)
    assert product(weights, inputs, w[order], x[:, order]).tobytes() == wanted.tobytes()


# ------------------------------------------------------------------------------------------------------- training

def softmax_gradient(logits: Any) -> Any:
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exps / exps.sum(axis=1, keepdims=True) - np.eye(3)[LABELS]) / len(LABELS)


class Adam:
    """As published: m and v are means of the gradient and of its square, corrected for their start at 0."""

    def __init__(self) -> None:
        self.m, self.v, self.t = 0.0, 0.0, 0

    def step(self, theta: list[Any], gradient: list[Any], lr: float) -> list[Any]:
        flat = np.concatenate([np.ravel(g) for g in gradient])
        self.t += 1
        self.m, self.v = 0.9 * self.m + 0.1 * flat, 0.999 * self.v + 0.001 * flat**2
        move = lr * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)
        ends = np.cumsum([np.size(v) for v in theta])
        return [v - part.reshape(np.shape(v)) for v, part in zip(theta, np.split(move, ends[:-1]), strict=True)]


def start() -> list[Any]:
    """w1, b1, w2, b2."""
    return [a.astype(np.float64) for pair in zip(NET.weights, NET.biases, strict=True) for a in pair]


def through(x: Any, grid: Any, scale: Any) -> tuple[Any, Any]:
    """x_hat and where the gradient passes: up to half of the step that would follow beyond the ends."""
    v = x / scale
    half = 2.0 ** (grid.emax - grid.mantissa - 1)
    return quantized(x, grid, scale) * scale, np.abs(v) <= grid.qmax + half


@pytest.mark.parametrize(("weights", "inputs", "axis"), [(rq.E4M3, rq.E4M3, None), (rq.E2M3, rq.E5M2FNUZ, 0)], ids=str)
def test_train_qat_is_these_steps(weights: Any, inputs: Any, axis: Any) -> None:
    """Three steps: ranges move by half, weights on their own range, both straight through, Adam, a cosine."""
    qnet = mlp.train_qat(NET, X, LABELS, rng=np.random.default_rng(0), weight_grid=weights, activation_grid=inputs,
                         weight_axis=axis, epochs=3, batch_size=9, lr=0.1, momentum=0.5, **SYMMETRIC)
    (w1, b1, w2, b2), adam = start(), Adam()
    hidden = np.maximum(X @ w1 + b1, 0)
    ranges = [[X.min(), X.max()], [hidden.min(), hidden.max()]]

    def through_input(i: int, a: Any) -> tuple[Any, Any]:
        ranges[i] = [(ranges[i][0] + a.min()) / 2, (ranges[i][1] + a.max()) / 2]
        return through(a, inputs, np.abs(ranges[i]).max() / inputs.qmax)

    for t in range(3):
        (w1_hat, of_w1), (w2_hat, of_w2) = (through(w, weights, scale_of(w, weights, axis)) for w in (w1, w2))
        x_hat, _ = through_input(0, X.astype(np.float64))
        before = x_hat @ w1_hat + b1
        h_hat, of_h = through_input(1, np.maximum(before, 0))
        g = softmax_gradient(h_hat @ w2_hat + b2)
        below = (g @ w2_hat.T) * of_h * (before > 0)
        gradient = [x_hat.T @ below * of_w1, below.sum(axis=0), h_hat.T @ g * of_w2, g.sum(axis=0)]
        w1, b1, w2, b2 = adam.step([w1, b1, w2, b2], gradient, 0.1 * (1 + np.cos(np.pi * t / 3)) / 2)
    for layer, w, b, ends in zip(qnet.layers, (w1, w2), (b1, b2), ranges, strict=True):
        step = scale_of(w, weights, axis)
        np.testing.assert_allclose(layer.weight.scale, step, rtol=1e-4)
        np.testing.assert_allclose(layer.reals, quantized(w, weights, step) * step, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(layer.bias, b, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(layer.activation.scale, np.abs(ends).max() / inputs.qmax, rtol=1e-4)


@pytest.mark.parametrize(("weights", "inputs"), [(rq.E4M3, rq.E2M3), (rq.E2M1, rq.E4M3FNUZ)], ids=str)
def test_train_lsq_is_these_steps(weights: Any, inputs: Any) -> None:
    """Scales are parameters: 2 mean|v| / sqrt(qmax) at first, their gradient over sqrt(N qmax)."""
    qnet = mlp.train_lsq(NET, X, LABELS, rng=np.random.default_rng(0), weight_grid=weights, activation_grid=inputs,
                         epochs=3, batch_size=9, lr=0.01, **SYMMETRIC)
    (w1, b1, w2, b2), adam = start(), Adam()
    hidden = np.maximum(X @ w1 + b1, 0)
    grids = [weights, weights, inputs, inputs]
    scales = [2 * np.abs(v).mean() / np.sqrt(grid.qmax) for v, grid in zip((w1, w2, X, hidden), grids, strict=True)]
    gains = [1 / np.sqrt(n * grid.qmax) for n, grid in zip((w1.size, w2.size, 6, 5), grids, strict=True)]

    def learned(i: int, a: Any) -> tuple[Any, Any, Any]:
        """a_hat, where the gradient of a passes, and the gradient of the scale for each element."""
        v, grid = a / scales[i], grids[i]
        inside = np.abs(v) < grid.qmax
        return quantized(a, grid, scales[i]) * scales[i], inside, np.where(
            inside, nearest(grid, v) - v, np.sign(v) * grid.qmax)

    for t in range(3):
        (w1_hat, in_w1, d_w1), (w2_hat, in_w2, d_w2) = learned(0, w1), learned(1, w2)
        x_hat, _, d_x = learned(2, X.astype(np.float64))
        before = x_hat @ w1_hat + b1
        h_hat, in_h, d_h = learned(3, np.maximum(before, 0))
        g = softmax_gradient(h_hat @ w2_hat + b2)
        dh = g @ w2_hat.T
        below = dh * in_h * (before > 0)
        dw1, dw2 = x_hat.T @ below, h_hat.T @ g
        steps = [(dw1 * d_w1).sum(), (dw2 * d_w2).sum(), (below @ w1_hat.T * d_x).sum(), (dh * d_h).sum()]
        gradient = [dw1 * in_w1, below.sum(axis=0), dw2 * in_w2, g.sum(axis=0), *np.multiply(steps, gains)]
        w1, b1, w2, b2, *scales = adam.step([w1, b1, w2, b2, *scales], gradient,
                                            0.01 * (1 + np.cos(np.pi * t / 3)) / 2)
    for layer, w, b, step, at in zip(qnet.layers, (w1, w2), (b1, b2), scales[:2], scales[2:], strict=True):
        np.testing.assert_allclose([layer.weight.scale, layer.activation.scale], [step, at], rtol=1e-4)
        np.testing.assert_allclose(layer.reals, quantized(w, weights, step) * step, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(layer.bias, b, rtol=1e-3, atol=1e-5)


def test_training_with_scales_on_a_grid() -> None:
    """QAT keeps them on it; learned steps start from a static network, and leave its grid."""
    grids: dict[str, Any] = {"weight_grid": rq.E2M1, "activation_grid": rq.E4M3}
    rule: dict[str, Any] = {"weight_fit": rq.mx_params, "activation_fit": rq.mx_params}
    qat = mlp.train_qat(NET, X, LABELS, rng=np.random.default_rng(0), epochs=2, **grids, **rule)
    for layer in qat.layers:
        for params in (layer.weight, layer.activation):
            assert isinstance(params, rq.AffineParams)
            assert params.scale_grid == rq.E8M0 and np.frexp(params.scale)[0] == 0.5
    static = mlp.ptq_static(NET, [X], **grids, **rule)
    kept = mlp.train_lsq(NET, X, LABELS, rng=np.random.default_rng(0), epochs=1, lr=0.0, start=static, **grids)
    for a, b in zip(kept.layers, static.layers, strict=True):
        assert (a.codes == b.codes).all() and a.weight.scale == b.weight.scale and a.weight.scale_grid is None


@pytest.mark.parametrize("options", [
    {"activation_grid": rq.E4M3}, {"activation_grid": rq.NF4}, {"weight_grid": rq.E4M3, "weight_fit": rq.affine_params},
    {"weight_grid": rq.E8M0}, {"activation_grid": rq.Codebook([0, 1, 2]), **SYMMETRIC}])
@pytest.mark.parametrize("train", [mlp.train_qat, mlp.train_lsq])
def test_training_refuses_before_its_first_step(train: Any, options: Any) -> None:
    seen: list[Any] = []
    rng = np.random.default_rng(0)
    with refused(ValueError, "`grid` must have"):
        train(NET, X, LABELS, rng=rng, each_epoch=seen.append, **options)
    assert not seen and rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


# ------------------------------------------------------------------------------------------------------- sizes

@pytest.mark.parametrize(("options", "size"), [
    ({"weight_grid": rq.E2M1, "weight_fit": rq.mx_params, "weight_block": 32, "activation_grid": rq.E4M3,
      "activation_fit": rq.mx_params}, 4 * 64 * 8 // 8 + 2 * 8 * 1 + 1),
    ({"weight_grid": rq.E2M1, "weight_fit": rq.two_level(rq.E4M3), "weight_block": 16, "activation_grid": rq.E4M3,
      **SYMMETRIC}, 4 * 64 * 8 // 8 + 4 * 8 * 1 + 4),
    ({"weight_grid": rq.NF4, "weight_block": 64}, 4 * 64 * 8 // 8 + 8 * 4 + 4 + 1),
    ({"weight_grid": rq.INT4, "weight_fit": rq.two_level(rq.IntGrid(6, signed=False)), "weight_block": 32},
     4 * 64 * 8 // 8 + 2 * 8 * 6 // 8 + 4 + 1),
    ({"weight_grid": rq.E2M3, "activation_grid": rq.E4M3, "activation_fit": rq.two_level(rq.E5M2)},
     6 * 64 * 8 // 8 + 4 + 1)])
def test_bytes_count_scales_at_the_bits_of_their_grid(options: Any, size: int) -> None:
    net = mlp.init(np.random.default_rng(0), (64, 8))
    assert mlp.ptq_static(net, [np.eye(64)], **options).nbytes == size + 8 * 4  # and the float32 biases
