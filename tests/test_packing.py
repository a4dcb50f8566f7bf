from typing import Any

import numpy as np
import pytest
from helpers import needs, refused
from hypothesis import given
from hypothesis import strategies as st

import refquant as rq
from refquant.packing import Layout
from refquant.testing import strategies


@st.composite
def packable(draw: st.DrawFn) -> tuple[list[int], rq.IntGrid]:
    grid = draw(strategies.grids())
    return draw(st.lists(strategies.codes(grid), max_size=20)), grid


@given(packable())
def test_the_stream_is_one_number_in_base_2_to_the_bits(case: tuple[list[int], rq.IntGrid]) -> None:
    q, grid = case
    packed = rq.pack(q, grid)
    stream = sum((code % 2**grid.bits) << (i * grid.bits) for i, code in enumerate(q))
    size = -(-len(q) * grid.bits // 8)
    assert packed.dtype == np.uint8 and packed.tobytes() == stream.to_bytes(size, "little")
    again = rq.unpack(packed, grid, len(q))
    assert again.dtype == grid.dtype and again.tolist() == q


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("signed", [True, False])
def test_every_code_in_every_place(bits: int, signed: bool) -> None:
    grid = rq.IntGrid(bits, signed=signed)
    q = np.arange(grid.qmin, grid.qmax + 1)
    for shift in range(8):
        turned = np.roll(q, shift)
        packed = rq.pack(turned, grid)
        assert packed.size == -(-q.size * bits // 8)
        assert (rq.unpack(packed, grid, q.size) == turned).all()


@pytest.mark.conformance
@pytest.mark.parametrize("name", ["INT4", "UINT4", "INT2", "UINT2"])
def test_onnx_packs_so(name: str) -> None:
    onnx = needs("onnx", "conformance")
    grid = getattr(rq, name)
    q = np.random.default_rng(0).integers(grid.qmin, grid.qmax + 1, 101)
    tensor = onnx.helper.make_tensor("q", getattr(onnx.TensorProto, name), [101], q)
    stored = bytes(tensor.raw_data) or np.array(tensor.int32_data, np.uint8).tobytes()
    assert rq.pack(q, grid).tobytes() == stored


def test_shapes_and_dtypes() -> None:
    q = np.array([[1, -2], [3, 4]], ">i8")
    assert rq.unpack(rq.pack(q, rq.INT4), rq.INT4, 4).tolist() == [1, -2, 3, 4]
    assert rq.pack(q[:, ::-1], rq.INT4).tolist() == rq.pack([-2, 1, 4, 3], rq.INT4).tolist()
    assert rq.pack([], rq.INT4).shape == (0,) and rq.unpack(np.zeros(0, np.uint8), rq.INT4, 0).dtype == np.int8
    assert rq.pack(np.int32([-2]), rq.INT32).tobytes() == b"\xfe\xff\xff\xff"


@pytest.mark.parametrize(("call", "kind", "parts"), [
    (lambda: rq.pack([8], rq.INT4), ValueError, ["pack", "`q`", "-8 to 7", "8 at index (0,)"]),
    (lambda: rq.pack([0.5], rq.INT4), TypeError, ["pack", "`q`", "float64"]),
    (lambda: rq.pack([1], 4), TypeError, ["pack", "`grid`"]),  # type: ignore[arg-type]
    (lambda: rq.unpack(np.zeros(2, np.uint8), rq.INT4, 5), ValueError, ["unpack", "5 codes of 4 bits", "(2,)"]),
    (lambda: rq.unpack(np.zeros(4, np.uint8), rq.INT4, 5), ValueError, ["3 bytes", "(4,)"]),
    (lambda: rq.unpack(np.zeros((1, 1), np.uint8), rq.INT4, 2), ValueError, ["1 bytes", "(1, 1)"]),
    (lambda: rq.unpack(np.zeros(1, np.uint8), rq.INT4, 10**15), ValueError, ["500000000000000 bytes"]),
    (lambda: rq.unpack(np.zeros(1, np.int8), rq.INT4, 2), TypeError, ["unpack", "`packed`", "int8"]),
    (lambda: rq.unpack([1], rq.INT4, 2), TypeError, ["`packed`", "int64"]),
    (lambda: rq.unpack(np.zeros(1, np.uint8), rq.INT4, -1), ValueError, ["`count`", "-1"]),
    (lambda: rq.unpack(np.uint8([8]), rq.IntGrid(4, narrow=True), 1), ValueError, ["unpack", "-7 to 7", "-8"]),
])
def test_what_does_not_fit_is_refused(call: Any, kind: type[Exception], parts: list[str]) -> None:
    with refused(kind, *parts):
        call()


@pytest.mark.parametrize(("fields", "complaint"), [
    ({"order": [1, 0]}, "must be a tuple"), ({"order": ()}, "each place"), ({"order": (0, 2)}, "each place"),
    ({"offset": 0.5}, "`offset`"), ({"dtype": ">u4"}, "must be one of"), ({"dtype": "float32"}, "must be one of")])
def test_a_layout_that_cannot_be_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with refused((TypeError, ValueError), complaint):
        Layout(**fields)
