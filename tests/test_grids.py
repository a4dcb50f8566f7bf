import pickle

import numpy as np
import pytest
from helpers import refused

import refquant as rq


@pytest.mark.parametrize(("grid", "qmin", "qmax", "dtype"), [
    (rq.INT2, -2, 1, "int8"), (rq.INT4, -8, 7, "int8"), (rq.INT8, -128, 127, "int8"),
    (rq.INT16, -32768, 32767, "int16"), (rq.INT32, -2**31, 2**31 - 1, "int32"),
    (rq.UINT2, 0, 3, "uint8"), (rq.UINT4, 0, 15, "uint8"), (rq.UINT8, 0, 255, "uint8"), (rq.UINT16, 0, 65535, "uint16"),
    (rq.IntGrid(8, narrow=True), -127, 127, "int8"), (rq.IntGrid(32, signed=False), 0, 2**32 - 1, "uint32"),
])
def test_the_usual_grids(grid: rq.IntGrid, qmin: int, qmax: int, dtype: str) -> None:
    assert (grid.qmin, grid.qmax, grid.dtype) == (qmin, qmax, np.dtype(dtype))


def test_a_grid_is_a_value() -> None:
    assert rq.IntGrid(np.int64(8)) == rq.INT8 and hash(rq.IntGrid(8)) == hash(rq.INT8)
    assert pickle.loads(pickle.dumps(rq.INT4)) == rq.INT4 != rq.UINT4
    assert type(rq.IntGrid(np.int64(8)).bits) is int
    with pytest.raises(AttributeError):
        rq.INT8.bits = 4  # type: ignore[misc]


@pytest.mark.parametrize("bits", [1, 0, -8, 33, True])
def test_bits_outside_2_to_32(bits: int) -> None:
    with refused(ValueError, "`bits`", "2 to 32", repr(bits)):
        rq.IntGrid(bits)


@pytest.mark.parametrize("bits", [8.0, "8", None])
def test_bits_that_are_no_integer(bits: object) -> None:
    with refused(TypeError, "`bits`", repr(bits)):
        rq.IntGrid(bits)  # type: ignore[arg-type]


def test_unsigned_and_narrow() -> None:
    with refused(ValueError, "R1", "narrow=True with signed=False"):
        rq.IntGrid(8, signed=False, narrow=True)


def test_flags_are_bools() -> None:
    with refused(TypeError, "`signed`", "4"):
        rq.IntGrid(8, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("grid", [rq.E4M3, rq.E5M2, rq.E2M1, rq.E4M3FNUZ, rq.NF4], ids=repr)
def test_the_value_0_has_no_sign(grid: rq.Grid) -> None:
    assert np.diff(grid.values).min() > 0 and not np.signbit(grid.values[grid.values == 0]).any()
