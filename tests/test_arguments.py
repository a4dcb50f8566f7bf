"""What every function refuses in the same words, and takes in the same way."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest
from helpers import needs, refused
from numpy.typing import NDArray

import refquant as rq
from refquant import arguments

X = np.random.default_rng(0).normal(size=(4, 6))
P = rq.dynamic_params(X, rq.INT8)
TAKE_REALS = {
    "minmax": rq.minmax, "percentile": partial(rq.percentile, percent=99.0), "mse": lambda x: rq.mse(x, X),
    "lp_optimal": partial(rq.lp_optimal, grid=rq.INT4, p=3), "dynamic_params": partial(rq.dynamic_params, grid=rq.INT8),
    "observe": rq.minmax_observer.observe, "max_abs_error": lambda x: rq.max_abs_error(X, x),
    "quantize": lambda x: rq.quantize(x, P),
    "quantize_multiplier": rq.quantize_multiplier,
    **{rule.__name__: partial(rule, grid=rq.INT4) for rule in (
        rq.mse_optimal, rq.entropy, rq.aciq_gaussian, rq.aciq_laplace, rq.octav)},
}
reals = pytest.mark.parametrize("name", TAKE_REALS)


# ------------------------------------------------------------------------------------------------ up to 64 axes


def many(axes: int) -> Any:
    return np.random.default_rng(0).normal(size=(2,) + (1,) * (axes - 2) + (6,)).astype(np.float32)


@pytest.mark.parametrize("axes", [32, 33, 63, 64])
def test_formula_and_chunks_take_as_many_axes_as_numpy(axes: int) -> None:
    x, few = many(axes), many(2)
    for axis in (None, 0, -1, (0, -1)):
        params, flat = rq.dynamic_params(x, rq.INT8, axis), rq.dynamic_params(few, rq.INT8, axis)
        assert params.scale.ravel().tolist() == flat.scale.ravel().tolist() and params.scale.ndim in (0, axes)
        for f in (rq.quantize, rq.fake_quantize):
            expected = f(few, flat)
            assert (f(x, params).reshape(2, 6) == expected).all()
            assert (rq.in_chunks(f, x, params).reshape(2, 6) == expected).all()
        q = rq.quantize(x, params)
        assert (rq.in_chunks(rq.dequantize, q, params, np.empty_like(x)) == rq.dequantize(q, params)).all()
    assert rq.mse(x, 0 * x) == rq.mse(few, 0 * few) and rq.sqnr_db(x, x / 2) == pytest.approx(20 * np.log10(2))
    assert rq.unpack(rq.pack(q, rq.INT8), rq.INT8, 12).tolist() == q.ravel().tolist()
    assert rq.bits_per_value(params, x.size) > 8
    out = x[..., ::-1]
    expected = rq.fake_quantize(x, params)
    assert (rq.in_chunks(rq.fake_quantize, x, params, out=out) == expected).all()


RULES = {
    "minmax": rq.minmax, "percentile": partial(rq.percentile, percent=90),
    "one-sided percentile": partial(rq.percentile, percent=90, one_sided=True),
    "mse": partial(rq.mse_optimal, grid=rq.INT4), "lp": partial(rq.lp_optimal, grid=rq.INT4, p=1),
    "entropy": partial(rq.entropy, grid=rq.INT4),
    **{f"{rule.__name__}, {one_sided}": partial(rule, grid=rq.INT4, one_sided=one_sided)
       for rule in (rq.aciq_gaussian, rq.aciq_laplace, rq.octav) for one_sided in (False, True)},
}


def flat(ends: Any) -> list[list[float]]:
    return [np.ravel(end).tolist() for end in ends]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("axes", [32, 33, 63, 64])
def test_rules_take_as_many_axes_as_numpy(rule: str, axes: int) -> None:
    x, few = many(axes), many(2)
    for axis in (None, 0, -1, (0, -1)):
        if rule == "entropy" and axes == 64 and axis is not None:
            with refused(ValueError, "entropy", "at most 64", "np.squeeze"):
                RULES[rule](x, axis=axis)
            continue
        found, expected = RULES[rule](x, axis=axis), RULES[rule](few, axis=axis)
        assert flat(found) == flat(expected) and np.ndim(found[0]) in (0, axes)
    if "minmax" not in rule and (rule, axes) != ("entropy", 64):
        counts = np.arange(1, 7) + np.zeros(x.shape, int)
        found, expected = (RULES[rule](v, axis=-1, counts=c) for v, c in ((x, counts), (few, counts.reshape(2, 6))))
        assert flat(found) == flat(expected)


@pytest.mark.parametrize("axes", [32, 33, 63, 64])
def test_observers_blocks_and_products_take_as_many_axes_as_numpy(axes: int) -> None:
    x, few = many(axes), many(2)
    histogram = rq.histogram_observer(RULES["percentile"], 64)
    for observer in (rq.minmax_observer, rq.moments_observer(2.0), rq.moving_average_observer(0.5), histogram):
        params = [rq.static_params([v, 2 * v], rq.INT8, axis=0, observer=observer) for v in (few, x)[:2 - (
            observer is histogram and axes == 64)]]
        assert params[0].scale.ravel().tolist() == params[-1].scale.ravel().tolist()
    if axes == 64:
        assert np.ndim(histogram.range(histogram.observe(x))[0]) == 0
        with refused(ValueError, "observe", "at most 64", "np.squeeze"):
            histogram.observe(x, 0)
        with refused(ValueError, "split_blocks", "at most 64", x.shape, "np.squeeze"):
            rq.split_blocks(x, 2)
    else:
        blocks = rq.split_blocks(x, 4)
        assert blocks.shape == (*x.shape[:-1], 2, 4) and (rq.join_blocks(blocks, length=6) == x).all()
    q = rq.quantize(x, P)
    assert (rq.integer_matmul(q, q[:1].swapaxes(-1, -2)).ravel() == rq.integer_matmul(
        q.reshape(2, 1, 6), q[:1].reshape(6, 1)).ravel()).all()
    mantissa, shift = rq.quantize_multiplier(np.abs(x))
    assert rq.requantize(q.astype(np.int32), mantissa, shift, np.zeros(x.shape, int), rq.INT8).shape == x.shape
    for f in (rq.straight_through, rq.lsq):
        assert f(x, np.float32(0.1), 0, rq.INT8)[0].shape == x.shape


def test_refused_at_64_axes_by_name() -> None:
    x = many(64)
    x[1, ..., 5] = np.nan
    with refused(ValueError, "quantize", "NaN", ", 0, 5) of shape (2, 1"):
        rq.quantize(x, P)
    with refused(ValueError, "quantize", "R12"):
        rq.quantize(many(63)[0], rq.AffineParams(scale=np.ones((3,) * 1 + (1,) * 62), zero_point=0, grid=rq.INT8))
    with refused(ValueError, "integer_matmul", "must share S and K"):
        rq.integer_matmul(np.zeros((3,) + (1,) * 63, np.int8), np.zeros((2,) + (1,) * 63, np.int8))


SIZES = [(), (1,), (2,), (0,), (2, 3), (1, 3), (2, 1), (3, 2), (1,) * 5, (4, 1, 3), (0, 1), (1, 0)]


@pytest.mark.parametrize("a", SIZES)
def test_shapes_join_as_in_numpy(a: tuple[int, ...]) -> None:
    for b in SIZES:
        try:
            expected: Any = np.broadcast_shapes(a, b)
        except ValueError:
            expected = None
        assert arguments.joint(a, b) == expected
        if expected is not None:
            found = arguments.broadcast("f", np.zeros(a), np.ones(b), "`a` and `b`", "drop one")
            assert [v.shape for v in found] == [expected] * 2 and (found[0] == 0).all() and (found[1] == 1).all()
        else:
            with refused(ValueError, "f: `a` and `b` must broadcast together (R12)", a, b, "drop one"):
                arguments.broadcast("f", np.zeros(a), np.ones(b), "`a` and `b`", "drop one")


# ------------------------------------------------------------------------------------------------ messages


class Closed:
    """A tensor that gives NumPy no array, as PyTorch's that need a gradient or hold bfloat16."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def __len__(self) -> int:
        return 3

    def __array__(self, dtype: object = None, copy: object = None) -> NDArray[Any]:
        raise self.error("no array")


def refuses_closed(name: str, tensor: object) -> None:
    for x in (tensor, [tensor, tensor]):
        if (name, type(x)) != ("dynamic_params", list):
            with refused(TypeError, name, "must be an array", f"got a {type(x).__name__}. Hint",
                         ".detach().float().numpy()"):
                TAKE_REALS[name](x)


@reals
@pytest.mark.parametrize("error", [RuntimeError, TypeError])
def test_what_numpy_cannot_read(name: str, error: type[Exception]) -> None:
    refuses_closed(name, Closed(error))


@pytest.mark.conformance
@reals
def test_what_numpy_cannot_read_of_pytorch(name: str) -> None:
    torch = needs("torch", "conformance")
    refuses_closed(name, torch.ones(3, requires_grad=True))
    refuses_closed(name, torch.ones(3, dtype=torch.bfloat16))


OF_ANY_KIND = {
    "in_chunks": lambda x: rq.in_chunks(rq.quantize, x, P), "split_blocks": lambda x: rq.split_blocks(x, 2),
    "join_blocks": rq.join_blocks, "integer_matmul": lambda x: rq.integer_matmul(x, x),
    "dequantize": lambda x: rq.dequantize(x, P), "requantize": lambda x: rq.requantize(x, 2**30, 0, 0, rq.INT8),
}


@pytest.mark.parametrize("name", [*TAKE_REALS, *OF_ANY_KIND])
def test_what_is_no_number(name: str) -> None:
    for x in (None, P, rq.INT8, "x", np.array([None]), np.datetime64("2020"), rq.minmax, {}, 10**5000, object()):
        with refused(TypeError, name, "must hold reals or integers of at most 64 bits (R7)", arguments.typed(x),
                     "dtype", "data come before parameters, grids and sizes"):
            {**TAKE_REALS, **OF_ANY_KIND}[name](x)
    if name in TAKE_REALS:
        for x in (1j, True, np.longdouble(1)):
            with refused(TypeError, name, "must be float16, float32 or float64 (R7)", np.asarray(x).dtype):
                TAKE_REALS[name](x)


@pytest.mark.conformance
def test_subnormal_numbers_on_a_thread_that_flushes_them() -> None:
    torch, tiny = needs("torch", "conformance"), np.float32([1e-40, 2e-40] * 50)

    def ranges(flush: bool) -> Any:
        return torch.set_flush_denormal(flush), rq.minmax(tiny)

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(ranges, False).result()[1] == (tiny[0], tiny[1])
        flushed, found = thread.submit(ranges, True).result()
    if flushed:  # the processor can
        assert np.array(found).tobytes() == bytes(8)


@reals
def test_masks_are_seen_in_lists(name: str) -> None:
    masked = np.ma.masked_array([1.0, 2.0], [True, False])
    for x in (masked, [masked, masked], (masked,)):
        if (name, type(x)) not in (("dynamic_params", list), ("dynamic_params", tuple)):
            with refused(TypeError, "must not be masked", "a MaskedArray", "x.filled(0)"):
                TAKE_REALS[name](x)


def test_scalars_have_no_index() -> None:
    for message, call in (
            ("got NaN. Hint", lambda: rq.quantize(np.nan, P)), ("got inf. Hint", lambda: rq.mse(np.inf, 1.0)),
            ("got 128. Hint", lambda: rq.dequantize(128, P)), ("got -1.0. Hint", lambda: rq.quantize_multiplier(-1)),
            ("got 2147483648. Hint", lambda: rq.requantize(2**31, 2**30, 0, 0, rq.INT8)),
            ("got 0.0. Hint", lambda: rq.AffineParams(scale=0.0, zero_point=0, grid=rq.INT8)),
            ("got NaN at index (0,) of shape (1,). Hint", lambda: rq.quantize([np.nan], P))):
        with refused(ValueError, message):
            call()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("axis", [10**400, -10**400, 10**5000, (0, 10**400), 2**31, {}, {0}, "0", 0.0, (0, 0), ((0,),),
                                  (0, True), np.array(0), range(1), (np.array(0),), slice(1)], ids=arguments.shown)
def test_axes(axis: Any) -> None:
    for f in (rq.minmax, partial(rq.percentile, percent=99), partial(rq.dynamic_params, grid=rq.INT8),
              rq.minmax_observer.observe, partial(rq.split_blocks, block_size=1)):
        with refused(ValueError, "`axis` must name one of 2 axes", "shape (4, 6)", "-1 the last"):
            f(X, axis=axis)


def test_axes_of_any_integer_type() -> None:
    for axis in (np.int64(1), np.uint8(1), (np.int8(-1),)):
        assert rq.dynamic_params(X, rq.INT8, axis) == rq.dynamic_params(X, rq.INT8, 1)


NUMBERS = {"percent": partial(rq.percentile, X), "p": lambda p: rq.lp_optimal(X, rq.INT4, p=p),
           "width": rq.moments_observer, "rate": rq.moving_average_observer}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [np.array([60.0, 70.0]), np.array(0.99), [99.0], "99", None, 1j, True, np.nan, np.inf,
                                   10**400, -(10**5000), -0.5, len], ids=arguments.shown)
def test_numbers(name: str, value: Any) -> None:
    with refused(ValueError, f"`{name}` must be a number", arguments.shown(value)):
        NUMBERS[name](value)


def test_numbers_of_any_type() -> None:
    for number in (99, 99.0, np.float16(99), np.float32(99), np.int8(99), np.uint64(99), np.longdouble(99)):
        assert rq.percentile(X, number) == rq.percentile(X, 99.0)
        assert rq.lp_optimal(X, rq.INT4, p=number) == rq.lp_optimal(X, rq.INT4, p=99.0)


@pytest.mark.parametrize("one_sided", [None, 2, "yes", np.array([True])])
def test_flags(one_sided: Any) -> None:
    for rule in (partial(rq.percentile, percent=99), *(partial(r, grid=rq.INT4) for r in (
            rq.octav, rq.aciq_gaussian, rq.aciq_laplace))):
        with refused(TypeError, "`one_sided` must be True or False", arguments.shown(one_sided)):
            rule(X, one_sided=one_sided)


def test_what_is_shown_is_short() -> None:
    assert arguments.shown("a" * 58) == repr("a" * 58) and arguments.shown("a" * 59) == f"'{'a' * 56}..."
    assert arguments.shown(10**5000) == "a huge int" and arguments.typed((10**5000,)) == "a huge tuple of type tuple"


def test_integers_of_any_size() -> None:
    for q in (2**63, np.uint64(2**64 - 1), -(2**63)):
        with refused(ValueError, "dequantize", "`q` must lie from -128 to 127", f"got {q}. "):
            rq.dequantize(q, P)


def test_type_errors_within_a_function_are_its_own() -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise TypeError("my own")

    for call in (lambda: rq.dynamic_params(X, rq.INT8, clip=broken), lambda: rq.dynamic_params(X, rq.INT8, fit=broken),
                 lambda: rq.in_chunks(broken, X, P)):
        with pytest.raises(TypeError, match="my own"):
            call()  # type: ignore[no-untyped-call]
