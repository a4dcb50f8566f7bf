import mmap
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused
from numpy.lib.stride_tricks import sliding_window_view

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


LAYOUTS = {
    "reversed": (lambda b: b[:-1], lambda b: b[-1:0:-1]),
    "shifted up": (lambda b: b[:-1], lambda b: b[1:]),
    "shifted down": (lambda b: b[1:], lambda b: b[:-1]),
    "transposed": (lambda b: b.reshape(40, 40), lambda b: b.reshape(40, 40).T),
    "halves that meet": (lambda b: b[:900], lambda b: b[700:]),
    "strided": (lambda b: b[::2], lambda b: b[:800]),
    "each third": (lambda b: b[:533], lambda b: b[1::3]),
    "rows and columns": (lambda b: b.reshape(40, 40)[:20, :10], lambda b: b.reshape(40, 40)[5:25, 3:13]),
    "one row for all": (lambda b: np.broadcast_to(b[:40], (40, 40)), lambda b: b.reshape(40, 40)),
    "itself": (lambda b: b, lambda b: b),
    "itself, strided": (lambda b: b[::-3], lambda b: b[::-3]),
    "windows, themselves overlapping": (lambda b: sliding_window_view(b, 5, writeable=True),) * 2,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("piece", [1, 7, 64, 10**6])
def test_out_may_overlap_x(layout: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "PIECE", piece)
    b = np.random.default_rng(0).normal(size=1600)
    x, out = (view(b) for view in LAYOUTS[layout])
    rows = (len(x),) + (1,) * (x.ndim - 1) if "windows" not in layout else ()
    params = rq.AffineParams(scale=np.random.default_rng(1).uniform(0.1, 1, rows), zero_point=0, grid=rq.INT4)
    expected = rq.fake_quantize(x.copy(), params)
    assert rq.in_chunks(rq.fake_quantize, x, params, out=out) is out
    assert out.tobytes() == expected.tobytes()


def test_codes_over_the_reals_they_come_from() -> None:
    b = np.random.default_rng(0).normal(size=300_000).astype(np.float32)
    params = rq.dynamic_params(b, rq.INT8)
    expected = rq.quantize(b, params)
    for out in (b.copy().view(np.int8)[:b.size], b.copy().view(np.int8)[-b.size:], b.copy().view(np.int8)[3::4]):
        assert (rq.in_chunks(rq.quantize, out.base.view(np.float32), params, out=out) == expected).all()
    expected = rq.dequantize(expected.astype(np.int32), params).astype(np.float32)
    q = rq.quantize(b, params).astype(np.int32)
    found = rq.in_chunks(rq.dequantize, q, rq.AffineParams(scale=np.float32(params.scale), zero_point=params.zero_point,
                                                           grid=rq.INT8), out=q.view(np.float32))
    assert (found == expected).all() and found.base is q


def test_nothing_is_copied_that_does_not_overlap_or_is_x_itself() -> None:
    b = np.zeros(8_000_000, np.float32)
    params = rq.symmetric_params(np.float32(-1), np.float32(1), rq.INT8)
    for x, out in ((b, b), (b[::2], b[::2]), (b[::2], b[1::2]), (b[4_000_000:], b[:4_000_000]),
                   *[(b.reshape(2000, -1)[:, i:i + 999], b.reshape(2000, -1)[:, j:j + 999]) for i, j in ((0, 999),)]):
        tracemalloc.start()
        try:
            rq.in_chunks(rq.fake_quantize, x, params, out)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2_500_000


def test_two_files_are_not_copied(tmp_path: Path) -> None:
    params = rq.symmetric_params(np.float32(-1), np.float32(1), rq.INT8)
    for name in "xy":
        np.save(tmp_path / name, np.zeros(4_000_000, np.float32))
    x, y = (np.load(tmp_path / f"{name}.npy", mmap_mode="r+") for name in "xy")
    for a, out in ((x, y), (x, np.empty(4_000_000, np.float32)), (np.zeros(4_000_000, np.float32), y), (x, x),
                   (x[::2], x[1::2])):
        tracemalloc.start()
        try:
            rq.in_chunks(rq.fake_quantize, a, params, out)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2_500_000


def mapped(path: Path, mode: str) -> Any:
    return np.load(path, mmap_mode=mode)


def unnamed(path: Path, mode: str) -> Any:
    with open(path, "rb" if mode == "r" else "r+b") as file:
        file.readline()
        offset, access = file.tell(), mmap.ACCESS_READ if mode == "r" else mmap.ACCESS_WRITE
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=access), np.float32, offset=offset).reshape(1000, 500)


@pytest.mark.parametrize("reading", [mapped, unnamed])
@pytest.mark.parametrize("writing", [mapped, unnamed])
def test_two_maps_of_one_file(reading: Any, writing: Any, tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(1000, 500)).astype(np.float32)
    params = rq.dynamic_params(data, rq.INT4, -1)
    for turn, name in ((slice(None, None, -1), "x.npy"), (slice(None), "x.npy"), (slice(None, None, -1), "same.npy")):
        np.save(tmp_path / "x.npy", data)
        (tmp_path / "same.npy").unlink(missing_ok=True)
        os.link(tmp_path / "x.npy", tmp_path / "same.npy")
        x, out = reading(tmp_path / "x.npy", "r"), writing(tmp_path / name, "r+")[turn]
        rq.in_chunks(rq.fake_quantize, x, params, out)
        assert (out == rq.fake_quantize(data, params)).all()


def test_two_maps_of_a_file_that_has_no_name_any_more(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=300_000).astype(np.float32)
    np.save(tmp_path / "x.npy", data)
    x, out = np.load(tmp_path / "x.npy", mmap_mode="r"), np.load(tmp_path / "x.npy", mmap_mode="r+")[::-1]
    (tmp_path / "x.npy").unlink()
    params = rq.dynamic_params(data, rq.INT4)
    assert (rq.in_chunks(rq.fake_quantize, x, params, out) == rq.fake_quantize(data, params)).all()


def test_parameters_cannot_be_written_to_through_out() -> None:
    params = rq.symmetric_params(np.full(3, -1.0), np.ones(3), rq.INT8)
    with refused(ValueError, "in_chunks", "writable"):
        rq.in_chunks(rq.fake_quantize, np.ones(3), params, params.scale)
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        params.scale.flags.writeable = True


def test_a_refused_piece_leaves_the_rest_of_an_overlapping_out_alone() -> None:
    b = np.random.default_rng(0).normal(size=400_000)
    b[200_000] = np.nan
    before, params = b.copy(), rq.symmetric_params(-1.0, 1.0, rq.INT4)
    with refused(ValueError, "quantize", "index (200000,)"):
        rq.in_chunks(rq.fake_quantize, b, params, b[::-1])
    untouched = b[:200_000].view(np.int64) == before[:200_000].view(np.int64)
    assert untouched.all() and np.isfinite(b[200_001:]).all()


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
    for f in ("quantize", None, lambda x: x):
        with refused(TypeError, "in_chunks", "`f` must be a function (x, params) -> array", "rq.quantize"):
            rq.in_chunks(f, np.zeros(3), params)  # type: ignore[arg-type]
    for p in (params, rq.dynamic_params(np.ones((2, 3)), rq.INT8, 0)):
        with refused(ValueError, "in_chunks", "`f` must be element-wise", f"shape () for {p.scale.shape or (0,)}"):
            rq.in_chunks(lambda x, p: np.sum(rq.quantize(x, p)), np.zeros((2, 3)), p)
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
