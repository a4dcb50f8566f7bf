import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import chunks

SHAPES = [((300, 10), (300, 1)), ((300, 10), (1, 10)), ((300, 10), (10,)), ((3, 2000), (3, 1)), ((3, 2000), (3, 2000)),
          ((2, 1, 1000), (1, 1, 1000)), ((2000,), (2000,)), ((2000,), ()), ((1, 1, 1, 999), (1, 1, 1, 1)),
          ((2, 3, 700), (3, 1)), ((0, 5), (1, 5)), ((), ()), ((5, 7, 11), (5, 1, 11))]


@pytest.mark.parametrize(("shape", "kept"), SHAPES)
def test_pieces_are_the_whole(shape: tuple[int, ...], kept: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    params = rq.AffineParams(scale=rng.uniform(0.1, 1, kept), zero_point=rng.integers(-9, 9, kept), grid=rq.INT8)
    q = rq.quantize(x, params)
    for piece in (7, 64, 10**9) if x.size > 500 else (1, 7):
        monkeypatch.setattr(chunks, "PIECE", piece)
        for f, data in ((rq.quantize, x), (rq.fake_quantize, x.astype(np.float32)), (rq.dequantize, q)):
            found, expected = rq.in_chunks(f, data, params), f(data, params)
            assert found.dtype == expected.dtype and found.shape == expected.shape
            assert found.tobytes() == expected.tobytes()


def test_any_layout_and_in_place() -> None:
    x = np.random.default_rng(0).normal(size=(700, 300)).astype(np.float32)
    params = rq.dynamic_params(x, rq.INT4, 0)
    expected = rq.fake_quantize(x, params)
    for view in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.astype(">f4")):
        assert (rq.in_chunks(rq.fake_quantize, view, params) == expected).all()
    assert rq.in_chunks(rq.fake_quantize, x, params, out=x) is x and (x == expected).all()


def test_from_file_to_file(tmp_path: Path) -> None:
    x = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, (1000, 500))
    x[:] = np.random.default_rng(0).normal(size=x.shape)
    params = rq.dynamic_params(x, rq.INT8, -1)
    out = np.lib.format.open_memmap(tmp_path / "q.npy", "w+", np.int8, x.shape)
    assert rq.in_chunks(rq.quantize, np.load(tmp_path / "x.npy", mmap_mode="r"), params, out) is out
    assert (np.load(tmp_path / "q.npy") == rq.quantize(x, params)).all()


def test_memory_is_the_output_and_a_megabyte() -> None:
    x = np.zeros(4_000_000, np.float32)
    params = rq.symmetric_params(-1.0, 1.0, rq.INT8)
    tracemalloc.start()
    try:
        rq.in_chunks(rq.quantize, x, params)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < x.size + 1_000_000


@pytest.mark.parametrize("out", [np.empty((2, 3), np.int8), np.empty((3, 2), np.uint8),
                                 np.broadcast_to(np.int8(0), (3, 2)), [[0]]])
def test_out_fits(out: Any) -> None:
    with refused(ValueError, "in_chunks", "`out`", getattr(out, "dtype", "list"), "np.empty((3, 2), np.int8)"):
        rq.in_chunks(rq.quantize, np.zeros((3, 2)), rq.symmetric_params(-1.0, 1.0, rq.INT8), out)


def test_the_place_is_that_in_x() -> None:
    x = np.zeros(70_000)
    x[69_999] = np.nan
    params = rq.symmetric_params(-1.0, 1.0, rq.INT4)
    with refused(ValueError, "quantize", "index (69999,) of shape (70000,)"):
        rq.in_chunks(rq.quantize, x, params)
    with refused(ValueError, "dequantize", "index (69999,) of shape (70000,)"):
        rq.in_chunks(rq.dequantize, np.where(np.isnan(x), 8, 0), params)


def test_what_f_refuses_is_refused() -> None:
    params = rq.symmetric_params(-1.0, 1.0, rq.INT8)
    with refused(ValueError, "quantize", "NaN", "R7"):
        rq.in_chunks(rq.quantize, [0.0, np.nan], params)
    with refused(TypeError, "quantize", "int64"):
        rq.in_chunks(rq.quantize, [1, 2], params)
    with refused(ValueError, "in_chunks", "R12", "(2,)", "(3,)"):
        rq.in_chunks(rq.quantize, np.zeros(3), rq.symmetric_params(np.zeros(2), np.ones(2), rq.INT8))
    with refused(TypeError, "in_chunks", "`params`", "AffineParams"):
        rq.in_chunks(rq.quantize, np.zeros(3), 0.5)  # type: ignore[arg-type]


def test_what_only_a_piece_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole_arrays_only(x: Any, params: rq.AffineParams) -> Any:
        if 0 < len(x) < 30:
            raise ValueError("a piece")
        return rq.quantize(x, params)

    monkeypatch.setattr(chunks, "PIECE", 7)
    with pytest.raises(ValueError, match="a piece"):
        rq.in_chunks(whole_arrays_only, np.zeros(30), rq.symmetric_params(-1.0, 1.0, rq.INT8))
