import copy
import pickle
from typing import Any

import numpy as np
import pytest
from helpers import refused
from hypothesis import given

import refquant as rq
from refquant.testing import strategies

PARAMS = rq.AffineParams(scale=0.1, zero_point=3, grid=rq.INT8)
CHANNELS = rq.AffineParams(scale=np.float32([[0.5], [0.25]]), zero_point=1, grid=rq.INT8)


# ---------------------------------------------------------------------------------------------- parameters

@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_parameters_stay_read_only_and_equal(again: Any) -> None:
    twin = again(CHANNELS)
    assert twin == CHANNELS and hash(twin) == hash(CHANNELS)
    for array in (twin.scale, twin.zero_point):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1


def test_parameters_are_copies() -> None:
    scale = np.array([0.5, 0.25])
    params = rq.AffineParams(scale=scale, zero_point=0, grid=rq.INT8)
    scale[0] = 9
    assert params.scale[0] == 0.5


def test_equality_is_of_grid_dtype_shape_and_bits() -> None:
    def make(**fields: Any) -> rq.AffineParams:
        return rq.AffineParams(**{"scale": np.float32(0.5), "zero_point": 0, "grid": rq.INT8, **fields})

    assert make() == make(zero_point=np.uint8(0))
    assert make(scale=np.float32([1, 1])) == make(scale=np.float32([1, 1]), zero_point=np.array([0, 0]))
    for other in (make(scale=0.5), make(scale=np.nextafter(np.float32(0.5), np.float32(1))), make(zero_point=1),
                  make(grid=rq.INT4), make(scale=np.float32([0.5])), "params"):
        assert make() != other
    assert len({make(), make(), make(zero_point=1)}) == 2


@pytest.mark.parametrize(("bits", "dtype"), [(2, "int16"), (8, "int16"), (9, "int32"), (16, "int32"), (17, "int64"),
                                             (32, "int64")])
def test_zero_points_are_signed_and_wide(bits: int, dtype: str) -> None:
    grid = rq.IntGrid(bits, signed=False)
    assert rq.AffineParams(scale=1.0, zero_point=grid.qmax, grid=grid).zero_point.dtype == dtype


def test_scales_keep_their_dtype_up_to_16_bits() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        assert rq.AffineParams(scale=dtype(0.5), zero_point=0, grid=rq.INT16).scale.dtype == dtype
        assert rq.AffineParams(scale=dtype(0.5), zero_point=0, grid=rq.IntGrid(17)).scale.dtype == np.float64


@pytest.mark.parametrize("scale", [0.0, -1.0, np.inf, -0.0])
def test_scale_positive_and_finite(scale: float) -> None:
    with refused(ValueError, "`scale`", "R11", scale, "index (1,)"):
        rq.AffineParams(scale=[1.0, scale], zero_point=0, grid=rq.INT8)


@pytest.mark.parametrize("scale", [np.nan, [0.5, np.nan]])
def test_scale_nan(scale: Any) -> None:
    with refused(ValueError, "`scale`", "NaN"):
        rq.AffineParams(scale=scale, zero_point=0, grid=rq.INT8)


@pytest.mark.parametrize("scale", [1j, "1", None, np.longdouble(1), True])
def test_scale_is_a_real_number(scale: Any) -> None:
    with refused(TypeError, "`scale`"):
        rq.AffineParams(scale=scale, zero_point=0, grid=rq.INT8)


@pytest.mark.parametrize(("zero_point", "grid"), [(128, rq.INT8), (-129, rq.INT8), (-1, rq.UINT8), (256, rq.UINT8),
                                                  (-128, rq.IntGrid(8, narrow=True)), (2**63, rq.INT8)])
def test_zero_point_on_the_grid(zero_point: int, grid: rq.IntGrid) -> None:
    with refused(ValueError, "`zero_point`", "R2", zero_point, grid.qmin, grid.qmax):
        rq.AffineParams(scale=1.0, zero_point=zero_point, grid=grid)


@pytest.mark.parametrize("zero_point", [0.0, 1.5, "0", None, True])
def test_zero_point_is_an_integer(zero_point: Any) -> None:
    with refused(TypeError, "`zero_point`", "integers"):
        rq.AffineParams(scale=1.0, zero_point=zero_point, grid=rq.INT8)


def test_scale_and_zero_point_broadcast_together() -> None:
    assert rq.AffineParams(scale=1.0, zero_point=[1, 2], grid=rq.INT8).scale.shape == (2,)
    with refused(ValueError, "R12", "(2,)", "(3,)"):
        rq.AffineParams(scale=[1.0, 1.0], zero_point=[0, 0, 0], grid=rq.INT8)


def test_grid_is_a_grid() -> None:
    with refused(TypeError, "`grid`", "8"):
        rq.AffineParams(scale=1.0, zero_point=0, grid=8)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- the formula

@pytest.mark.parametrize("x", [0.35, np.float64(0.35), np.array(0.35)])
def test_scalars_give_0d_arrays(x: Any) -> None:
    q, x_hat = rq.quantize(x, PARAMS), rq.fake_quantize(x, PARAMS)
    assert isinstance(q, np.ndarray) and q.shape == () and q.dtype == np.int8 and int(q) == 6
    assert isinstance(x_hat, np.ndarray) and x_hat.shape == ()
    assert isinstance(rq.dequantize(6, PARAMS), np.ndarray)
    assert float(x_hat) == float(rq.dequantize(q, PARAMS)) == 0.1 * 3


def test_empty_arrays_stay_empty() -> None:
    for shape in ((0,), (0, 3), (3, 0)):
        assert rq.quantize(np.zeros(shape), PARAMS).shape == shape
        assert rq.fake_quantize(np.zeros(shape, np.float32), PARAMS).dtype == np.float32
        assert rq.dequantize(np.zeros(shape, np.int8), PARAMS).shape == shape
    assert rq.quantize([], PARAMS).shape == rq.dequantize([], PARAMS).shape == (0,)


def test_the_published_disagreements_as_the_rules_decide_them() -> None:
    one = rq.AffineParams(scale=np.float32(1), zero_point=1, grid=rq.INT8)
    assert rq.quantize([0.5, 1.5, 2.5, -0.5, -1.5, -2.5], one).tolist() == [1, 3, 3, 1, -1, -1]
    tenth = rq.AffineParams(scale=np.float32(0.1), zero_point=0, grid=rq.INT8)
    assert int(rq.quantize(np.float32(3.9499998), tenth)) == 39
    fbgemm = rq.AffineParams(scale=np.float32(0.00214854861), zero_point=0, grid=rq.UINT8)
    assert int(rq.quantize(np.float32(0.273939937), fbgemm)) == 127
    plain = rq.AffineParams(scale=1.0, zero_point=0, grid=rq.INT8)
    assert rq.quantize([np.inf, -np.inf, 3e9, 1e20], plain).tolist() == [127, -128, 127, 127]


def test_no_global_switch_changes_a_result() -> None:
    tiny = rq.AffineParams(scale=np.float32(1e-38), zero_point=0, grid=rq.INT8)
    with np.errstate(all="raise"):
        assert rq.quantize(np.float32([1e30, 1e-45, np.inf]), tiny).tolist() == [127, 0, 127]
        assert np.isinf(rq.dequantize(127, rq.AffineParams(scale=np.float32(3e37), zero_point=0, grid=rq.INT8)))


@given(strategies.quantizations())
def test_nothing_passed_in_is_written_to(case: strategies.Quantization) -> None:
    x, params = case
    before = x.tobytes(), params.scale.tobytes(), params.zero_point.tobytes()
    rq.quantize(x, params), rq.fake_quantize(x, params), rq.dequantize(rq.quantize(x, params), params)
    assert before == (x.tobytes(), params.scale.tobytes(), params.zero_point.tobytes())


@pytest.mark.parametrize("f", [rq.quantize, rq.fake_quantize])
@pytest.mark.parametrize("x", [3, [1, 2], np.int8([1]), 1j, True, "x", None, np.longdouble(1)])
def test_x_is_real(f: Any, x: Any) -> None:
    with refused(TypeError, f.__name__, "R7", "dtype"):
        f(x, PARAMS)


@pytest.mark.parametrize("f", [rq.quantize, rq.fake_quantize, rq.dequantize])
def test_params_are_parameters(f: Any) -> None:
    with refused(TypeError, f.__name__, "`params`", "0.5", "affine_params"):
        f([] if f is rq.dequantize else [1.0], 0.5)


def test_x_is_an_array() -> None:
    with refused(ValueError, "quantize", "uneven rows"):
        rq.quantize([[1.0], [1.0, 2.0]], PARAMS)


@pytest.mark.parametrize("f", [rq.quantize, rq.fake_quantize])
def test_x_without_nan(f: Any) -> None:
    with refused(ValueError, f.__name__, "R7", "index (1, 0)", "shape (2, 2)"):
        f([[1.0, 2.0], [np.nan, np.nan]], PARAMS)


@pytest.mark.parametrize("f", [rq.quantize, rq.fake_quantize, lambda x, p: rq.dequantize(np.zeros(x.shape, int), p)])
@pytest.mark.parametrize("shape", [(3, 2), (), (1, 2)])
def test_parameters_broadcast_to_x(f: Any, shape: tuple[int, ...]) -> None:
    with refused(ValueError, "R12", "(2, 1)", shape):
        f(np.zeros(shape), CHANNELS)


@pytest.mark.parametrize(("scale", "x"), [(1e-300, np.float32(1)), (1e300, np.float32(1)), (1e39, np.float16(1))])
def test_the_scale_fits_the_data(scale: float, x: Any) -> None:
    with refused(ValueError, "quantize", "R3", scale, "float32"):
        rq.quantize(x, rq.AffineParams(scale=scale, zero_point=0, grid=rq.INT8))


@pytest.mark.parametrize("q", [128, -129, [0, 300], np.uint64(2**63), np.array([[0, 999]])])
def test_codes_on_the_grid(q: Any) -> None:
    with refused(ValueError, "dequantize", "R2", "-128 to 127", np.max(np.abs(np.asarray(q, object)))):
        rq.dequantize(q, PARAMS)


@pytest.mark.parametrize("q", [1.0, [0.5], True, "1", None, 1j])
def test_codes_are_integers(q: Any) -> None:
    with refused(TypeError, "dequantize", "`q`", "dtype"):
        rq.dequantize(q, PARAMS)


def test_masked_arrays_are_refused() -> None:
    with refused(TypeError, "quantize", "masked", "MaskedArray", "x.filled(0)"):
        rq.quantize(np.ma.masked_array([1.0, 2.0], [True, False]), rq.symmetric_params(-1.0, 1.0, rq.INT8))
