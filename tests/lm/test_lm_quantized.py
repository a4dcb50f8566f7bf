import copy
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import lm
from refquant.lm import Dynamic, WeightRule
from refquant.lm import model as models
from refquant.lm.quantized import matrix_inputs
from refquant.lm.training import loss_and_gradient

SIZES = lm.Sizes(width=16, heads=2, context=8, layers=1)
TEXT = lm.encode("the cat sat on the mat. " * 20, " .acehmnost")


@pytest.fixture(scope="module")
def model() -> lm.LM:
    rng = np.random.default_rng(0)
    return lm.train(lm.init(rng, " .acehmnost", SIZES), TEXT, rng=rng, steps=30, batch=8, lr=0.02)


def narrow(bits: int) -> rq.Grid:
    return rq.IntGrid(bits, narrow=True)


def unsigned(bits: int) -> rq.Grid:
    return rq.IntGrid(bits, signed=False)


def static(grid: Any, **options: Any) -> Any:
    return partial(rq.static_params, grid=grid, **options)


@pytest.mark.parametrize("options", [
    {"weights": WeightRule(narrow(16))}, {"weights": WeightRule(narrow(16), axis=0)},
    {"weights": WeightRule(narrow(16), block=5), "rounding": rq.methods.gptq}, {"inputs": static(unsigned(16))},
    {"inputs": Dynamic(unsigned(16))}, {"inputs": Dynamic(unsigned(16), axis=-1)},
    {"cache": Dynamic(unsigned(16), axis=-1)},
    {"weights": WeightRule(narrow(16)), "inputs": Dynamic(unsigned(16), axis=-1), "rotate": ("0.down", "head")}])
def test_at_many_bits_the_quantized_model_is_the_float_one(model: lm.LM, options: Any) -> None:
    quantized = lm.ptq(model, TEXT, **options)
    np.testing.assert_allclose(lm.forward(quantized, [TEXT[:8]]), lm.forward(model, [TEXT[:8]]), atol=0.01)
    assert not np.array_equal(lm.forward(quantized, [TEXT[:8]]), lm.forward(model, [TEXT[:8]]))


def test_nothing_quantized_is_the_float_model_bit_for_bit(model: lm.LM) -> None:
    same = lm.ptq(model, TEXT)
    assert (lm.forward(same, [TEXT[:8]]) == lm.forward(model, [TEXT[:8]])).all() and same.nbytes == model.nbytes


@pytest.mark.parametrize(("rule", "shape"), [
    (WeightRule(rq.INT4), ()), (WeightRule(rq.NF4, axis=0), (1, 48)), (WeightRule(rq.E4M3, axis=0), (1, 48)),
    (WeightRule(rq.INT2, block=5), (4, 1, 48)), (WeightRule(rq.E2M1, block=32, fit=rq.mx_params), (1, 1, 48)),
    (WeightRule(narrow(3), axis=0, clip=partial(rq.mse_optimal, grid=narrow(3), fit=rq.symmetric_params)), (1, 48))])
@pytest.mark.parametrize("rounding", [lm.nearest, rq.methods.gptq])
def test_every_matrix_lies_on_the_grid_of_its_rule(model: lm.LM, rule: Any, shape: Any, rounding: Any) -> None:
    quantized = lm.ptq(model, TEXT, weights=rule, rounding=rounding)
    params = dict(quantized.params)
    assert params["0.qkv weights"].scale.shape == shape and set(quantized.codes) == set(model.matrices)
    for name, w in quantized.arrays.items():
        if name not in model.matrices:
            np.testing.assert_array_equal(w, model.arrays[name])
            continue
        at, size = params[f"{name} weights"], min(rule.block or len(w), len(w))
        assert quantized.codes[name].shape == w.shape
        codes = rq.split_blocks(quantized.codes[name], size, 0)
        np.testing.assert_array_equal(rq.join_blocks(rq.dequantize(codes, at), 0, len(w)), w)
        assert at == rule.params(model.arrays[name])


def test_nearest_and_gptq_round_as_the_functions_of_matrices_do(model: lm.LM) -> None:
    rule, inputs = WeightRule(rq.INT4, axis=0), matrix_inputs("here", model, TEXT)
    for rounding in (lm.nearest, rq.methods.gptq):
        quantized = lm.ptq(model, TEXT, weights=rule, rounding=rounding)
        w, x = model.arrays["0.down"], inputs["0.down"]
        expected = rounding(w, x.T.astype(np.float64) @ x, rule.params(w))
        np.testing.assert_array_equal(quantized.codes["0.down"], expected)


def test_inputs_are_rounded_where_their_names_say(model: lm.LM) -> None:
    at = rq.AffineParams(scale=np.float32(0.5), zero_point=0, grid=rq.INT8)
    seen: dict[str, Any] = {}

    def looked_at(name: str, x: Any) -> Any:
        seen[name] = x
        return x, lambda g: g

    quantized = lm.ptq(model, TEXT, inputs=lambda _: at, cache=Dynamic(rq.UINT2, axis=-1))
    names = [name for name, _ in quantized.params]
    assert names == [*model.matrices, "0.keys", "0.values"]
    real = models.network(model.arrays, TEXT[None, :8], 2, {name: partial(looked_at, name) for name in names})[0]
    assert seen["0.qkv"].shape == (8, 16) and seen["0.down"].shape == (8, 64) and seen["0.keys"].shape == (1, 2, 8, 8)
    assert (seen["0.down"] >= 0).all()
    for name in names:
        with_one = models.network(model.arrays, TEXT[None, :8], 2, {name: quantized.quantizers[name]})[0]
        assert not np.array_equal(with_one, real), name
    x_hat = quantized.quantizers["0.qkv"](seen["0.qkv"])[0]
    np.testing.assert_array_equal(x_hat, rq.fake_quantize(seen["0.qkv"], at))
    kept = quantized.quantizers["0.keys"](seen["0.keys"])[0]
    params = rq.dynamic_params(seen["0.keys"], rq.UINT2, axis=-1)  # a token and a head share a range
    np.testing.assert_array_equal(kept, rq.fake_quantize(seen["0.keys"], params))


def test_static_ranges_and_gptq_see_inputs_as_they_are_rotated(model: lm.LM) -> None:
    rule, rotate, seen = WeightRule(rq.INT4, axis=0), ("0.down",), matrix_inputs("here", model, TEXT)
    quantized = lm.ptq(model, TEXT, weights=rule, inputs=static(rq.UINT8), rounding=rq.methods.gptq, rotate=rotate)
    x, w = rq.methods.hadamard(seen["0.down"]), rq.methods.hadamard(model.arrays["0.down"], axis=0)
    assert dict(quantized.params)["0.down"] == rq.static_params([x], rq.UINT8)
    assert dict(quantized.params)["0.up"] == rq.static_params([seen["0.up"]], rq.UINT8)
    codes = rq.methods.gptq(w, x.T.astype(np.float64) @ x, rule.params(w))
    np.testing.assert_array_equal(quantized.codes["0.down"], codes)


def test_a_row_does_not_depend_on_its_batch_unless_ranges_are_per_batch(model: lm.LM) -> None:
    rows = TEXT[:32].reshape(4, 8)
    for axis, alone in ((-1, True), (None, False)):
        quantized = lm.ptq(model, TEXT, inputs=Dynamic(unsigned(3), axis=axis))
        same = np.allclose(lm.forward(quantized, rows)[:1], lm.forward(quantized, rows[:1]), atol=1e-4)
        assert same == alone


def test_payload_is_counted(model: lm.LM) -> None:
    sizes = [model.arrays[name].size for name in model.matrices]
    outputs = sum(model.arrays[name].shape[1] for name in model.matrices)
    rest = model.theta.size - sum(sizes)
    per_output = lm.ptq(model, TEXT, weights=WeightRule(rq.INT4, axis=0), inputs=static(rq.UINT8),
                        cache=Dynamic(rq.UINT4, axis=-1))
    zero_points = sum(bool(at.zero_point) for name, at in per_output.params if name in model.matrices)
    assert per_output.nbytes == 4 * rest + sum(sizes) // 2 + 4 * outputs + 4 * len(sizes) + zero_points
    assert lm.ptq(model, TEXT, weights=WeightRule(rq.INT2)).nbytes == 4 * rest + sum(sizes) // 4 + 4 * len(sizes)


def test_a_quantized_model_is_a_value(model: lm.LM) -> None:
    made = [lm.ptq(model, TEXT, weights=WeightRule(grid, axis=0)) for grid in (rq.INT4, rq.INT4, rq.NF4)]
    assert made[0] == made[1] == copy.deepcopy(made[0]) == pickle.loads(pickle.dumps(made[0]))
    assert hash(made[0]) == hash(made[1]) and made[0] != made[2] and made[0] != model


@pytest.mark.parametrize("options", [
    {"weights": WeightRule(narrow(2), axis=0), "inputs": static(rq.UINT8)},
    {"weights": WeightRule(narrow(2), block=5), "inputs": Dynamic(unsigned(4), axis=-1)},
    {"weights": WeightRule(rq.NF4), "cache": Dynamic(unsigned(2), axis=-1), "rotate": ("0.qkv",)}])
@pytest.mark.parametrize("train", [lm.train_qat, lm.train_lsq])
def test_training_with_quantization_mends_what_rounding_broke(model: lm.LM, options: Any, train: Any) -> None:
    start = lm.ptq(model, TEXT, **options)
    first, again = (train(model, TEXT, start, rng=np.random.default_rng(1), steps=20, batch=8, lr=5e-3) for _ in "12")
    assert first == again and lm.bits_per_character(first, TEXT) < lm.bits_per_character(start, TEXT)
    assert [name for name, _ in first.params] == [name for name, _ in start.params]
    moved = [a != b for (_, a), (_, b) in zip(first.params, start.params) if isinstance(a, rq.AffineParams)]
    assert all(moved) if train is lm.train_lsq else not any(moved)


def test_no_step_of_training_gives_the_ptq_it_starts_from(model: lm.LM) -> None:
    for options in ({"weights": WeightRule(narrow(3), axis=0), "inputs": static(rq.UINT8)},
                    {"weights": WeightRule(narrow(3), block=8), "rotate": ("head",)}):
        start = lm.ptq(model, TEXT, **options)
        for train in (lm.train_qat, lm.train_lsq):
            assert train(model, TEXT, start, rng=np.random.default_rng(0), steps=0) == start


def test_the_gradient_passes_as_if_nothing_were_rounded(model: lm.LM) -> None:
    start = lm.ptq(model, TEXT, weights=WeightRule(narrow(12), axis=0), inputs=Dynamic(unsigned(12), axis=-1),
                   rotate=("0.down",))
    turned = models.named(model.theta.copy(), model)
    turned["0.down"][:] = rq.methods.hadamard(turned["0.down"], axis=0)
    through = {name: start.placed(name, partial(lm.quantized.rounded, at)) for name, at in start.params}
    window = TEXT[None, :9]
    gradient = models.named(loss_and_gradient(model, models.flat(turned), window, through)[1], model)
    expected = models.named(loss_and_gradient(model, model.theta, window, {})[1], model)
    np.testing.assert_allclose(rq.methods.hadamard(gradient["0.down"], axis=0), expected["0.down"], atol=2e-3)
    np.testing.assert_allclose(gradient["0.qkv"], expected["0.qkv"], atol=2e-3)


def test_a_learned_step_descends_along_its_own_gradient(model: lm.LM) -> None:
    start = lm.ptq(model, TEXT, weights=WeightRule(narrow(2), axis=0))
    one = lm.train_lsq(model, TEXT, start, rng=np.random.default_rng(0), steps=1, batch=8, lr=1e-2)
    for (_, first), (_, after) in zip(start.params, one.params):
        ratio = after.scale / first.scale  # Adam's first step has length lr, here relative to the scale
        assert np.isin(ratio.round(4), np.float32([0.99, 1.0, 1.01])).all() and (ratio != 1).any()


def test_outliers_leave_the_function_and_smoothquant_takes_them_back(model: lm.LM) -> None:
    large = lm.with_outliers(model, 100, channels=[2])
    np.testing.assert_allclose(lm.forward(large, [TEXT[:8]]), lm.forward(model, [TEXT[:8]]), atol=1e-3)
    before, after = lm.channel_maxima(model, TEXT), lm.channel_maxima(large, TEXT)
    for name in ("0.qkv", "0.up", "head"):
        np.testing.assert_allclose(after[name][2], 100 * before[name][2], rtol=1e-3)
        np.testing.assert_allclose(np.delete(after[name], 2), np.delete(before[name], 2), rtol=1e-3)
    np.testing.assert_allclose(after["0.down"], before["0.down"], atol=1e-3)
    mended, plain = lm.smoothed(large, TEXT), lm.smoothed(model, TEXT)
    np.testing.assert_allclose(lm.forward(mended, [TEXT[:8]]), lm.forward(model, [TEXT[:8]]), atol=1e-3)
    for name, maxima in lm.channel_maxima(mended, TEXT).items():
        np.testing.assert_allclose(maxima, lm.channel_maxima(plain, TEXT)[name], rtol=1e-3, atol=1e-3)


def test_models_are_kept_in_files(model: lm.LM, tmp_path: Any) -> None:
    file = tmp_path / "model"
    lm.save(file, model)
    assert lm.load(file) == lm.load(str(file)) == model
    whole = file.read_bytes()
    for damaged in (whole[:-4], whole[:-1], whole + b"1234", whole[3:], b"", b"[]\n", whole.replace(b"16, 2", b"17, 2"),
                    whole.replace(b"16, 2", b"16, 4, 4"), whole.replace(b" .a", b" .ab", 1), b"\xff" + whole):
        file.write_bytes(damaged)
        with refused(ValueError, "load", "lm.save wrote", "model"):
            lm.load(file)
    with refused(ValueError, "load", "No such file"):
        lm.load(tmp_path / "none")
    with refused(TypeError, "save", "float model"):
        lm.save(file, lm.ptq(model, TEXT))


def test_what_is_no_float_model_is_refused(model: lm.LM) -> None:
    quantized, rng = lm.ptq(model, TEXT), np.random.default_rng(0)
    for given in (quantized, "model"):
        for call in (lambda m: lm.ptq(m, TEXT), lambda m: lm.train(m, TEXT, rng=rng, steps=1),
                     lambda m: lm.train_qat(m, TEXT, quantized, rng=rng, steps=1), lambda m: lm.with_outliers(m, 2.0),
                     lambda m: lm.smoothed(m, TEXT), lambda m: lm.channel_maxima(m, TEXT)):
            with refused(TypeError, "`model` must be a float model"):
                call(given)


def test_bad_input_is_refused(model: lm.LM) -> None:
    rng = np.random.default_rng(0)
    with refused(ValueError, "ptq", "at least 9"):
        lm.ptq(model, TEXT[:8])
    with refused(TypeError, "ptq", "`inputs`"):
        lm.ptq(model, TEXT, inputs=rq.UINT8)
    for names in (("0.dwn",), "0.down"):
        with refused(ValueError, "ptq", "`rotate`", "head"):
            lm.ptq(model, TEXT, rotate=names)
    with refused(TypeError, "train_qat", "`start`"):
        lm.train_qat(model, TEXT, model, rng=rng)
    other = lm.init(rng, "ab", SIZES)
    with refused(ValueError, "train_lsq", "`start` must have the model's symbols and sizes"):
        lm.train_lsq(model, TEXT, lm.ptq(other, TEXT % 2), rng=rng)
    for factor in (0, -1.0, np.inf):
        with refused(ValueError, "with_outliers", "`factor`"):
            lm.with_outliers(model, factor)
    with refused(ValueError, "with_outliers", "`channels`", "16"):
        lm.with_outliers(model, 2.0, [16])
    with refused(ValueError, "smoothquant", "`alpha`"):
        lm.smoothed(model, TEXT, alpha=2)
