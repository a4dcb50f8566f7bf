"""What inspect promises: bytes and SQNR are those of quantizing that array, and no channel dies without a word."""

import csv
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import hears_interrupts, refused

import refquant as rq
from refquant.clipping import CLIPPING_RULES
from refquant.study.cli import main
from refquant.study.formats import FORMATS, half, half_affine
from refquant.study.inspect import matrix, measure
from refquant.study.inspect.figures import front, points, theory, trade_off
from refquant.study.inspect.measure import Measured
from refquant.study.inspect.recommend import OPSETS, TAKERS, engines, reason, takers
from refquant.study.inspect.report import Record, Report, inspect_arrays
from refquant.study.inspect.schemes import names
from refquant.study.inspect.ship import _taken, shipped
from refquant.study.inspect.table import details

rng = np.random.default_rng(0)
GAUSS = rng.normal(size=(72, 96)).astype(np.float32)
SIZES = np.exp(np.linspace(0, np.log(300), 32)).reshape(32, 1, 1, 1)
DEPTHWISE = (np.random.default_rng(1).normal(size=(32, 1, 3, 3)) * SIZES).astype(np.float32)


def one(x: Any, **options: Any) -> Record:
    [record] = inspect_arrays({"w": x}, **options).records
    return record


# ---------------------------------------------------------------------------------------------- the figures are true

def quantized(x: np.ndarray, m: Measured) -> tuple[np.ndarray, int]:
    """x_hat and bytes by the public functions alone, the whole array at once."""
    s, ends = m.scheme, (np.min(x), np.max(x))
    fit: Any = {True: rq.affine_params, False: rq.symmetric_params}[s.affine]
    if s.integer:
        grid, fit = rq.IntGrid(m.scheme.grid.bits, narrow=not s.affine), fit if s.block is None else (
            half_affine if s.affine else half)
    else:
        f = FORMATS[s.format if s.format in FORMATS else f"{s.format}/64"]
        grid, fit = f.grid, f.over(*ends).fit
    if s.block is not None:
        blocks = rq.split_blocks(x, s.block, axis=s.axis)
        params = cut(blocks, grid, s.axis + 1, fit, s)
        x_hat = rq.join_blocks(rq.fake_quantize(blocks, params), axis=s.axis, length=x.shape[s.axis])
    else:
        axis = None if s.axis is None else tuple(k for k in range(x.ndim) if k != s.axis)
        params = cut(x, grid, axis, fit, s)
        x_hat = rq.fake_quantize(x, params)
    return x_hat, math.ceil(x.size * grid.bits / 8) + math.ceil(
        params.scale.size * (32 if params.scale_grid is None else params.scale_grid.bits) / 8) + math.ceil(
        params.scale.size * grid.bits * s.affine / 8)


def cut(x: np.ndarray, grid: Any, axis: Any, fit: Any, s: Any) -> rq.AffineParams:
    if s.rule != "minmax":
        return rq.dynamic_params(x, grid, axis, fit=fit, clip=CLIPPING_RULES[s.rule].on(grid, fit))
    return rq.dynamic_params(x, grid, axis, fit=fit, clip=lambda x, axis: tuple(
        (x.dtype.type(s.clip) * end) for end in rq.minmax(x, axis)))


def same(x: np.ndarray, m: Measured, tolerance: float) -> None:
    x_hat, size = quantized(x, m)
    assert m.bytes == size and m.bits_per_value == 8 * size / x.size, str(m.scheme)
    assert m.sqnr_db == pytest.approx(rq.sqnr_db(x, x_hat), abs=tolerance), str(m.scheme)
    if tolerance < 0.2:
        for axis, zeroed in m.zeroed.items():
            largest = [np.abs(np.moveaxis(a, axis, 0).reshape(x.shape[axis], -1)).max(axis=1) for a in (x, x_hat)]
            assert zeroed == ((largest[0] > 1e-5 * np.abs(x).max()) & (largest[1] == 0)).sum(), str(m.scheme)
        if m.zeroed:
            channels = [rq.sqnr_db(np.take(x, i, axis), np.take(x_hat, i, axis))
                        for axis in m.zeroed for i in range(x.shape[axis])
                        if np.abs(np.take(x, i, axis)).max() > 1e-5 * np.abs(x).max()]
            assert m.worst_channel_db == pytest.approx(min(channels), abs=tolerance)


SHAPES = {
    "matrix": GAUSS, "depthwise": DEPTHWISE, "vector": GAUSS[0], "scalar": GAUSS[0, 0],
    "float16": GAUSS[:40, :40].astype(np.float16), "columns first": np.asfortranarray(GAUSS[:70, :33]),
    "float64": GAUSS[:3].astype(np.float64), "convolution": GAUSS.reshape(16, 36, 3, 4), "row": GAUSS.reshape(1, -1),
    "experts": GAUSS.reshape(8, 9, 96), "columns first, three": np.asfortranarray(GAUSS.reshape(12, 12, 48)),
    "positive": np.abs(GAUSS[:20]), "1x1": GAUSS.reshape(72, 96, 1, 1)}


EVERY = [("matrix", 4), ("depthwise", 8), ("scalar", 8), *(
    pytest.param(name, bits, marks=pytest.mark.slow) for name in SHAPES for bits in (8, 6, 4, 3, 2))]


@pytest.mark.parametrize(("name", "bits"), EVERY)
def test_bytes_and_sqnr_are_those_of_quantizing_that_array(name: str, bits: int) -> None:
    x = SHAPES[name]
    record = one(x, bits=[bits])
    assert {m.scheme.format for m in record.schemes} >= set(names(bits)[:2])
    for m in record.schemes:
        assert not m.sampled
        same(x, m, 0.1 if name == "float16" else 1e-3)
    best = record.recommended[bits].found
    assert best in record.schemes and best.scheme.integer


def test_every_format_group_size_and_axis_is_tried() -> None:
    found = {str(m.scheme.name) for m in one(GAUSS, bits=[4]).schemes}
    for name in ("int4", "int4 affine"):
        assert {name, f"{name} @0", f"{name} @1"} | {f"{name}/{n} @{k}" for n in (64, 32) for k in (0, 1)} <= found
    assert {"E2M1", "E2M1 @0", "E2M1 @1"} | {f"{f} @{k}" for k in (0, 1) for f in (
        "MXFP4/32", "MXFP4 even/32", "MXFP4 RCEIL/32", "MXFP4 ceil/32", "NVFP4/16", "NF4/64")} <= found
    assert "int4/128 @1" not in found, "96 columns are fewer than 128"


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays of more than 256 tiles of 16 rows and columns are large."""
    monkeypatch.setattr(matrix, "PIECE", 2**15)
    monkeypatch.setattr(measure, "PIECE", 2**15)
    monkeypatch.setattr(measure, "SAMPLE", 2**16)
    monkeypatch.setattr("refquant.study.inspect.schemes.BLOCKS", (16,))
    monkeypatch.setattr("refquant.study.inspect.schemes.FORMATS", {n: FORMATS[n] for n in ("E4M3", "E2M1", "NVFP4")})
    monkeypatch.setattr(matrix, "TILE", 16)


@pytest.mark.slow
@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("kind", ["Gaussian", "rows", "outliers", "Student"])
def test_a_sample_is_right_to_half_a_decibel(kind: str) -> None:
    x = np.random.default_rng(2).normal(size=(400, 400)).astype(np.float32)
    x = {"Gaussian": x, "rows": x * np.geomspace(1, 30, 400)[:, None].astype("f4"), "Student": x / np.sqrt(
        np.random.default_rng(3).chisquare(5, x.shape) / 5).astype("f4"), "outliers": x + 0}[kind]
    if kind == "outliers":
        x[5, 7], x[100, 200] = 90, -60
    record = one(x, bits=[8, 4])
    assert sum(m.sampled for m in record.schemes) > 20
    for m in record.schemes:
        same(x, m, 0.5 if m.sampled else 1e-3)
    for best in record.recommended.values():
        assert not best.found.sampled, "what is recommended is measured on all values"
    exact = one(x, bits=[8, 4], exact=True)
    assert not any(m.sampled for m in exact.schemes)
    for m in exact.schemes[::5]:
        same(x, m, 1e-3)


@pytest.mark.slow
def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [one(GAUSS, bits=[4]) for n in (1, 3) if not monkeypatch.setattr(os, "cpu_count", lambda n=n: n)]
    assert found[0] == found[1]


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["mse_optimal", "percentile"])
def test_a_clipping_rule_that_is_asked_for(rule: str) -> None:
    record = one(GAUSS[:40], bits=[3], rules=[rule])
    tried = [m for m in record.schemes if m.scheme.rule == rule]
    assert {m.scheme.name for m in tried} == {f"int3{a}{k}" for a in ("", " affine") for k in ("", " @0", " @1")}
    for m in tried:
        same(GAUSS[:40], m, 1e-3)


# ---------------------------------------------------------------------------------------------- what is recommended

def test_a_depthwise_layer_has_its_channels() -> None:
    for bits in (8, 4):
        best = one(DEPTHWISE, bits=[bits]).recommended[bits]
        assert best.found.scheme.axis == 0 and best.found.dead == 0
        assert re.search(r"one scale for all makes \d+ channels? of axis 0 all 0 \(\|x\| up to 0", best.reason)


def test_outlier_columns_have_the_other_axis() -> None:
    x = np.random.default_rng(0).normal(size=(40, 96)).astype(np.float32)
    x[:, :2] *= 60
    best = one(x, bits=[8]).recommended[8]
    assert best.found.scheme.name == "int8 @1" and best.found.balanced_db > 35
    assert "axis 0 loses" in best.reason or "axis 0 makes" in best.reason


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("bits", [4, 2])
def test_no_scheme_kills_a_channel_that_another_keeps_unless_it_says_so(seed: int, bits: int) -> None:
    r = np.random.default_rng(seed)
    x = r.normal(size=(40, 60)) * np.exp(r.normal(size=(40, 1)) * 2) * np.exp(r.normal(size=60) * r.choice([0, 2]))
    record = one(x, bits=[bits])
    best, keeps = record.recommended[bits], min(m.dead for m in record.schemes)
    assert best.found.dead == min(m.dead for m in record.schemes if m.scheme.integer)
    if best.found.dead:
        assert f"it makes {best.found.lost}" in best.reason
        assert ("as every scheme it makes" in best.reason) == (keeps == best.found.dead)
    for m in (m for m in record.schemes if m.dead):
        x_hat, size = quantized(x, m)[0], 0.0
        for k in m.zeroed:
            moved = [np.moveaxis(v, k, 0) for v in (x, x_hat)]
            size = max(size, *(np.abs(v).max() for v, w in zip(*moved, strict=True) if not w.any()), 0)
        assert m.zeroed_size == pytest.approx(size / np.abs(x).max()), str(m.scheme)


def test_channels_count_as_zero_before_where_the_output_says_so() -> None:
    x = np.random.default_rng(0).normal(size=(64, 96)).astype(np.float32)
    for share, dead in ((0.9e-5, 0), (1.2e-5, 1)):
        x[5] *= share * np.abs(x).max() / np.abs(x[5]).max()
        [one_scale] = [m for m in one(x, bits=[8]).schemes if str(m.scheme) == "int8"]
        assert one_scale.dead == dead and one_scale.zeroed_size == pytest.approx(share * dead), share
        assert one_scale.worst_channel_db < 1 or not dead
    text = " ".join(inspect_arrays({"w": x}, bits=[8]).text.split())
    assert "Channels of |x| up to 1/100,000 of the largest do not count." in text
    assert str(one_scale.lost) == "1 channel of axis 0 all 0 (|x| up to 1e-05 of the largest)"
    both = one_scale._replace(zeroed={0: 3, 1: 1, 2: 0}, zeroed_size=0.2, sampled=True).lost
    assert both == "~3 channels of axis 0 and ~1 channel of axis 1 all 0 (|x| up to 0.2 of the largest)"


@pytest.mark.parametrize(("seed", "spread"), [(0, 1), (1, 2), (2, 2), (3, 3)])
def test_every_figure_of_a_reason_is_that_of_the_balanced_decibels(seed: int, spread: int) -> None:
    """What loses so many dB does, what is better is so by the number shown, and keeps as many channels."""
    r = np.random.default_rng(seed)
    x = np.float32(r.standard_t(3, size=(40, 64)) * np.exp(spread * r.normal(size=(40, 1)) + r.normal(size=64)))
    record = one(x, bits=[4])
    best = record.recommended[4]
    of = {str(m.scheme): m for m in record.schemes}
    for name, db in re.findall(r"of other formats (.+?) has ([\d.]+) dB", best.reason):
        assert f"{of[name].balanced_db:.1f}" == db and of[name].balanced_db > best.found.balanced_db
        assert of[name].dead <= best.found.dead
    for k, said in re.findall(r"(?:^|; |of )axis (\d) ((?:makes|loses) .*?)(?:;|$)", best.reason):
        others = [m for m in record.schemes if m.scheme.integer and m.scheme.axis == int(k) and not m.scheme.block]
        kept = max((m for m in others if m.dead == min(m.dead for m in others)), key=lambda m: m.balanced_db)
        assert said == (f"loses {best.found.balanced_db - kept.balanced_db:.1f} dB" if kept.dead <= best.found.dead
                        else f"makes {kept.lost}")
    [other] = [m for m in record.schemes if str(m.scheme) == "MXFP4/32 @1"]
    for more in (0, 1):  # a scheme that makes more channels all 0 is not called better
        other = other._replace(balanced_db=77.0, zeroed={0: best.found.dead + more})
        assert ("77.0 dB" in reason(best.found, [*record.schemes, other], None, x.shape)) == (more == 0)
    [one_scale] = [m for m in record.schemes if str(m.scheme) == "int4"]
    db = best.found.balanced_db
    keeps, kills = (one_scale._replace(zeroed={0: n}, balanced_db=db - 3 + n) for n in (0, 99))
    assert reason(best.found, [keeps, kills], None, x.shape).startswith("one scale for all loses 3.0 dB")
    sampled = reason(best.found, [keeps._replace(sampled=True), kills], None, x.shape)
    assert sampled.startswith("one scale for all loses ~3.0 dB")


@pytest.mark.slow
@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("row", [5, 100, 200, 300, 390])
def test_a_channel_that_the_sample_misses_is_kept(row: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "SAMPLE", 2**12)  # 16 of 475 tiles: some of these rows are not among them
    x = np.random.default_rng(0).normal(size=(400, 300)).astype(np.float32)
    x[row] /= 2000
    best = one(x, bits=[8]).recommended[8].found
    assert best.dead == 0 and best.scheme.axis == 0 and not best.sampled


def fits(record: Record, bits: int) -> list[Measured]:
    """The rule of the help, word for word, on integers."""
    some = [m for m in record.schemes if m.scheme.integer and m.scheme.grid.bits == bits]
    some = [m for m in some if m.dead == min(m.dead for m in some)]
    some = [m for m in some if m.balanced_db >= 15] or some

    def counted(m: Measured) -> float:
        return min(m.balanced_db, 35) - (6.02 * (m.bits_per_value - bits) if m.scheme.block else 0)

    return [m for m in some if counted(m) >= max(map(counted, some)) - 1]


CUT = np.random.default_rng(3).standard_t(6, size=(48, 128)).astype(np.float32)


@pytest.mark.parametrize(("name", "bits"), [("Gaussian", 3), *((name, bits) for bits in (8, 4) for name in (
    "Gaussian", "depthwise", "one row", "tails", "positive", "two rows", "square"))])
def test_recommended_is_what_fits_in_the_fewest_bytes_and_ships_alone(name: str, bits: int) -> None:
    x = {"Gaussian": GAUSS, "depthwise": DEPTHWISE, "one row": HARD, "tails": CUT, "positive": np.abs(GAUSS),
         "square": np.random.default_rng(1).standard_t(4, size=(64, 64)).astype(np.float32),
         "two rows": np.where(np.arange(72)[:, None] < 2, 40, 1).astype(np.float32) * GAUSS}[name]
    report = inspect_arrays({"w": x}, bits=[bits])
    [record], best = report.records, report.records[0].recommended[bits].found
    assert best in fits(record, bits) and best.bytes == min(m.bytes for m in fits(record, bits))
    alike = [m for m in fits(record, bits) if m.bytes == best.bytes]
    assert len(takers(best.scheme, x.shape)) == max(len(takers(m.scheme, x.shape)) for m in alike)
    ship = shipped(report, bits)
    if best.balanced_db >= 15:
        assert (ship.each, ship.scheme, ship.bytes) == ({"w": best}, best.scheme.name, best.bytes), "one array agrees"
        assert ship.engines == record.recommended[bits].engines and not ship.excepted
    else:
        assert ship.more_bits == 1 and "To ship: none of these bits" in report.text


def test_the_balanced_decibels_are_the_least_of_three() -> None:
    """Of all values, of rows alike, of columns alike; one large value that is cut counts in the first alone."""
    x = np.random.default_rng(0).normal(size=(96, 64)).astype(np.float32)
    x[3, 4] = 500
    lowest = set()
    for m in one(x, bits=[4]).schemes:
        x_hat = quantized(x, m)[0]
        noise, signal = (np.square(v, dtype=np.float64) for v in (x_hat - x, x))
        db = [rq.sqnr_db(x, x_hat), *(-10 * np.log10((noise.sum(k) / signal.sum(k)).mean()) for k in (1, 0))]
        assert m.balanced_db == pytest.approx(min(db), abs=1e-3), str(m.scheme)
        lowest.add(int(np.argmin(db)))
    assert lowest == {0, 1, 2}


def test_taps_are_no_channels() -> None:
    window = np.hanning(256) * GAUSS[:40, :1].reshape(40, 1, 1)
    record = one(window, bits=[4])
    assert {m.scheme.axis for m in record.schemes if not m.scheme.block} == {None, 0}
    assert {axis for m in record.schemes for axis in m.zeroed} == {0}


def test_enough_decibels_need_no_finer_scales_and_no_cut() -> None:
    best = one(GAUSS, bits=[8]).recommended[8]
    assert str(best.found.scheme) == "int8" and best.reason == "35 dB are enough"
    assert one(np.abs(GAUSS), bits=[4]).recommended[4].found.scheme.affine


@pytest.mark.slow
def test_formats_that_are_asked_for_are_recommended() -> None:
    record = one(GAUSS, bits=[4], formats=["nvfp4", "E2M1"])
    assert record.recommended[4].found.scheme.format in ("NVFP4", "E2M1")
    assert "of other formats" not in record.recommended[4].reason
    assert "of other formats" not in one(GAUSS, bits=[12]).recommended[12].reason


def test_nothing_but_the_formats_that_are_asked_for() -> None:
    model = {"w": GAUSS, "narrow": GAUSS.reshape(192, 4, 3, 3)}  # no room for blocks
    for formats, own in ((["NVFP4"], None), (["int8", "NVFP4", "MXFP4"], "int8"), (["int4", "MXFP8"], "int4")):
        report = inspect_arrays(model, formats=formats)
        taken = {b.found.scheme.format for r in report.records for b in r.recommended.values()}
        assert taken <= {*formats} and report.options.bits == sorted({8 if "8" in f else 4 for f in formats})[::-1]
        assert [b.found.scheme.format for r in report.records[1:] for b in r.recommended.values()][:1] in ([], [own])
        assert [*report.stay] == ["narrow"] * (own is None)
        assert report.stay or "Stay float" not in report.text
        for bits in report.options.bits:
            ship = shipped(report, bits)
            assert {m.scheme.format for m in ship.each.values() if m} <= {*formats}
            assert ship.scheme.split("/")[0].split(" @")[0] in formats


def test_engines_are_named_for_axes_that_they_take() -> None:
    of = {str(m.scheme): m.scheme for bits in (8, 4, 3) for m in one(GAUSS, bits=[bits]).schemes}
    found = {name: takers(scheme, (72, 96)) for name, scheme in of.items()}
    assert set(found["int8 @0"]) == {"ONNX Runtime", "LiteRT", "PyTorch", "vLLM", "torchao"}
    assert found["int8 @1"] == {"ONNX Runtime": 13} and found["int4/32 @0"] == {"ONNX Runtime": 21}
    assert not found["MXFP4/32 @0"] and not found["NVFP4/16 @0"] and "vLLM" in found["NVFP4/16 @1"]
    assert "gguf" in found["MXFP4/32 @1"] and "vLLM" in found["int8/32 @1"]
    assert engines([(of["NF4/64 @1"], (72, 96))]).endswith("0.25 bits a value more")
    assert engines([(of["int3 @0"], (72, 96))]) == "none known (most store integers in 4 or 8 bits)"
    for name, scheme in of.items():
        said = takers(scheme, (72, 96, 3, 3))
        assert set(said) <= {"ONNX Runtime", "LiteRT", "PyTorch"}, f"{name}: a convolution is no matrix product"
        assert set(takers(scheme, (72,))) <= {"ONNX Runtime"}, f"{name}: a vector is no matrix"
    both = engines([(of["int8 @0"], (72, 96)), (of["int4 @1"], (72, 96))])
    assert both.startswith("ONNX Runtime (opset 21); ONNX Runtime multiplies integers where axis 0 is"), "takes both"
    assert set(TAKERS) | set(OPSETS) <= {name for bits in range(2, 17) for name in names(bits)}


# ---------------------------------------------------------------------------------------------- extreme data

@pytest.mark.slow
@pytest.mark.parametrize("x", [
    np.full((4, 50), np.float32(0.1)), np.zeros((3, 40)), np.zeros(()), np.float32([3.7]),
    np.float64(GAUSS[:2]) * 1e-320, np.float64(GAUSS[:2]) * 1e-37,
    np.full((2, 40), -np.finfo(np.float32).max), np.where(GAUSS[:2] > 0, 1, -1) * np.finfo(np.float32).max,
    np.array([float(np.finfo(np.float32).max), 5e-324, -1]), np.float16([[65504, 1]]),
], ids=lambda x: f"{x.dtype} {np.ravel(x)[0]:.3g}")
def test_extreme_data_are_measured(x: np.ndarray) -> None:
    report = inspect_arrays({"w": x})
    json.dumps([*report.records[0].rows()], allow_nan=False)
    assert report.text and details(report.records[0])
    if np.abs(x).max() > 1e-30:  # subnormal steps are as coarse as the data (R11)
        assert report.records[0].recommended[8].found.sqnr_db > 19.9


@pytest.mark.parametrize(("x", "options", "kind", "said"), [
    (np.arange(3), {}, ValueError, "int64 of shape (3,)"), (np.ones((2, 0)), {}, ValueError, "shape (2, 0)"),
    (GAUSS, {"bits": [1]}, ValueError, "from 2 to 16; got 1"), (GAUSS, {"bits": [2.5]}, TypeError, "got 2.5"),
    (GAUSS, {"formats": ["E4M4"]}, ValueError, "'E4M4'"), (GAUSS, {"rules": ["mse"]}, ValueError, "mse_optimal"),
    (GAUSS, {"bits": [4], "formats": ["E4M3"]}, ValueError, "[4] for E4M3. Hint: give bits 8, or none"),
    (GAUSS, {"bits": [8, 4], "formats": ["E4M3"]}, ValueError, "[4, 8] for E4M3. Hint: give bits 8, or none"),
    (GAUSS, {"only": "v*"}, ValueError, "the nearest are w"),
    (GAUSS[:3, :9], {"formats": ["NVFP4"]}, ValueError, "blocks that fit an array; got NVFP4"),
    (np.where(GAUSS > 3, np.nan, GAUSS), {}, ValueError, "NaN or infinities among 6,912"),
    (np.float64(GAUSS) * 1e200, {}, ValueError, "finite in float32; got 6,912 NaN or infinities"),
    (GAUSS, {"formats": ["fp8"]}, ValueError, "'fp8'. Hint: did you mean E4M3, E5M2, "),
])
def test_bad_input_is_refused(x: np.ndarray, options: dict, kind: type[Exception], said: str) -> None:
    with refused(kind, said):
        inspect_arrays({"w": x}, **options)


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_not_finite_is_counted(order: str) -> None:
    x = np.ones((3, 140, 50), order=order)
    x[1, 2, 33] = x[1, 132, 2] = x[2, 0, 0] = np.inf
    x[2, 1, 1] = np.nan
    with refused(ValueError, "4 NaN or infinities among 21,000"):
        inspect_arrays({"w": x})
    record = one(x, bits=[8], skip_nonfinite=True)
    assert record.nonfinite == 4 and (record.minimum, record.maximum) == (0, 1)
    assert "4 values not finite, counted as 0" in details(record)


# ---------------------------------------------------------------------------------------------- a whole model

MODEL = {f"model.layers.{i}.{name}.weight": rng.normal(size=shape).astype(np.float32) * 0.02
         for i in range(2) for name, shape in (("q_proj", (64, 64)), ("down", (64, 96)))} | {
    "model.norm.weight": np.ones(64, np.float32), "model.tiny": np.ones((4, 4), np.float32)}


@pytest.mark.slow
def test_small_arrays_and_those_of_one_axis_stay_float() -> None:
    report = inspect_arrays(MODEL, bits=[8, 4])
    assert len(report.records) == 4 and report.stay == {"model.norm.weight": 256, "model.tiny": 64}
    assert "Stay float: 2 arrays of one axis or fewer than 4,096 values, 320 bytes." in report.text
    assert [r.array for r in inspect_arrays(MODEL, bits=[8], only="*norm*").records] == ["model.norm.weight"]


@pytest.mark.slow
def test_only_takes_whole_names_or_parts() -> None:
    for only, found in (("layers.*.q_proj", 2), ("model.layers.1.*", 2), ("down", 2), ("*.weight", 4)):
        assert len(inspect_arrays(MODEL, bits=[8], only=only).records) == found, only


@pytest.mark.slow
def test_bytes_before_and_after() -> None:
    report = inspect_arrays(MODEL, bits=[8, 4])
    before = sum(x.nbytes for x in MODEL.values())
    for bits in (8, 4):
        after = 320 + sum(m.bytes for m in shipped(report, bits).each.values() if m)
        row = rf"^int{bits}.* for all +{after:,} +{100 * after / before:.1f} % +\d+\.\d +0\.0 %$"
        assert re.search(row, report.text, re.M)
    assert report.text.count("\n- ") == 4 and len(report.text.splitlines()) < 50


HARD = np.random.default_rng(0).normal(size=(64, 96)).astype(np.float32)
HARD[7] /= 5000


@pytest.mark.slow
def test_one_scheme_is_shipped_and_what_it_does_not_suit_is_named() -> None:
    plain = {name: np.tile(x, (3, 3)) for name, x in MODEL.items() if x.size > 4000}
    report = inspect_arrays(plain | {"hard": HARD, "cross": np.float32(COLUMNS)}, bits=[8, 2])
    [eight, two] = [shipped(report, bits) for bits in (8, 2)]
    assert eight.scheme == "int8 @0" and [*eight.excepted] == ["cross"] and eight.more_bits == 0
    own = {r.array: r.recommended[8].found for r in report.records}
    assert eight.bytes == own["cross"].bytes + sum(
        r.values + 4 * r.shape[0] for r in report.records if r.array != "cross")
    assert re.match(r"int8 @1, since int8 @0 makes \d+ channels of axis 1 all 0 \(", eight.excepted["cross"])
    assert two.more_bits > 0.5 and "int8 @1" in two.excepted["cross"]
    assert "To ship: int8 @0 with the exceptions below, " in report.text
    assert "Excepted, each with the scheme in brackets: cross (int8 @1" in report.text
    assert "none of these bits" in inspect_arrays(MODEL, bits=[2]).text
    assert re.search(r"^int2.*, 4 excepted, 4 of them float +", inspect_arrays(MODEL, bits=[2]).text, re.M)


COLUMNS = np.random.default_rng(0).normal(size=(64, 96)) * np.geomspace(1, 1e-4, 96)


def test_the_scheme_that_fits_the_most_arrays_ships_then_the_fewest_bytes() -> None:
    """The order that is printed, from the records alone."""
    r = np.random.default_rng(5)
    model = {"plain": GAUSS, "tails": CUT, "hard": HARD, "cross": np.float32(COLUMNS), "depthwise": np.float32(
        r.normal(size=(192, 1, 5, 5))), "rows": np.float32(r.normal(size=(64, 80)) * np.geomspace(1, 60, 64)[:, None])}
    report = inspect_arrays(model, bits=[8, 4])
    for bits in (8, 4):
        ship, counts = shipped(report, bits), {}
        for name in {m.scheme.name for r in report.records for m in r.schemes if m.scheme.integer}:
            taken, size = 0, 0
            for record in report.records:
                good = [m for m in fits(record, bits) if m.scheme.name == name and m.balanced_db >= 15]
                own = [record.recommended[n].found for n in (4, 8) if n >= bits]
                good, taken = good + [m for m in own if m.balanced_db >= 15], taken + bool(good)
                size += good[0].bytes if good else record.bytes
            counts[name] = (-taken, size)
        assert counts[ship.scheme] == min(counts.values()) and ship.bytes == min(counts.values())[1]
    assert "of their schemes it fits the most arrays, then has the fewest bytes, then the most engines" in " ".join(
        report.text.split())


def test_what_is_shipped_can_be_built_from_its_names() -> None:
    """The bytes, SQNR, channels all 0 and reasons of what ships are those of quantizing by the scheme's name."""
    r = np.random.default_rng(5)
    model = {"plain": r.normal(size=(256, 96)), "tails": r.standard_t(2.5, size=(64, 96)), "hard": np.float64(HARD),
             "depthwise": r.normal(size=(192, 1, 5, 5)), "cross": r.normal(size=(64, 96)),
             "rough": r.standard_t(1.7, size=(64, 96)),
             "both": r.normal(size=(64, 80)) * np.exp(2.5 * r.normal(size=(64, 1))) * np.exp(2.5 * r.normal(size=80))}
    for name in ("cross", "rough"):  # one of the two is all 0 in nearly every scheme
        model[name][3] *= 1e-4
        model[name][:, 5] *= 1e-4
    report = inspect_arrays({name: np.float32(x) for name, x in model.items()}, bits=[8, 4])
    text = " ".join(report.text.split())
    for bits in (8, 4):
        ship, lowest = shipped(report, bits), math.inf
        assert " x" not in ship.scheme, "a cut is a matter of each array"
        for record in report.records:
            taken, said = ship.each[record.array], ship.excepted.get(record.array, "")
            assert (taken is not None and taken.scheme.name == ship.scheme) == (not said)
            if taken:
                same(np.float32(model[record.array]), taken, 1e-3)
                lowest = min(lowest, taken.balanced_db)
            if said:
                tried = [m for m in record.schemes if m.scheme.name == ship.scheme]
                own = record.recommended[bits].found
                assert said.startswith(f"{taken.scheme if taken else 'float'}, since {ship.scheme} ")
                assert ("does not fit" in said) == (not tried)
                assert ("makes" in said) == (bool(tried) and min(m.dead for m in tried) > own.dead)
                least = max((m.balanced_db for m in tried if m.dead == own.dead), default=0)
                assert "leaves" not in said or f"leaves {min(least, 14.9) if least < 15 else least:.1f} dB" in said
                assert not re.search(r"leaves (\S+) dB, not \1$", said), "not what it is"
        row = re.search(rf"{re.escape(ship.scheme)}, \d excepted(?:, 1 of them float)? +{ship.bytes:,} +\S+ % +(\S+) +"
                        r"(\S+) %", report.text)
        assert row and row[1] == f"{lowest:.1f}" and row[2] == f"{100 * ship.more_bits:.1f}"
    best = shipped(report, 4 if shipped(report, 4).more_bits <= 0.1 else 8)
    left = {name: m for name, m in best.each.items() if m and m.dead}
    assert left.keys() - best.excepted.keys(), "a channel that the scheme makes all 0, as every other does"
    assert ("Channels that this still makes all 0: " in text) == bool(left)
    assert all(f"{name} ({m.lost})" in text for name, m in left.items())


def test_the_range_of_each_array_is_cut_and_printed() -> None:
    report = inspect_arrays({"a": CUT, "b": CUT * 2, "c": GAUSS}, formats=["int4"])
    ship = shipped(report, 4)
    cuts = {name: f"x{m.scheme.clip:g}" for name, m in ship.each.items() if m and m.scheme.clip < 1}
    assert not ship.excepted and cuts["a"] == cuts["b"] and " x" not in ship.scheme
    [line] = re.findall(r"Ranges cut: (.*?)\.\n", report.text)
    for cut in set(cuts.values()):
        assert f"{', '.join(name for name in cuts if cuts[name] == cut)} ({cut})" in line
    assert "x0.8: both ends of each range, min and max, times 0.8." in " ".join(
        report.text.split())
    for record in report.records:
        [taken] = [m for m in record.schemes if m == ship.each[record.array]]
        assert taken.balanced_db == max(m.balanced_db for m in record.schemes if m.scheme.name == ship.scheme)


def test_the_reason_of_an_exception_is_what_decided() -> None:
    record = one(HARD, bits=[8])
    for db, dead, said in ((14.97, 0, "leaves 14.9 dB, not"), (16.0, 3, "makes 3 channels of axis 0 all 0 (|x| up to "),
                           (16.0, 0, "leaves 16.0 dB, not 44.9")):
        worse = [m._replace(balanced_db=db, zeroed={0: dead}, zeroed_size=0.5) if m.scheme.format == "int8" else m
                 for m in record.schemes]
        best = next(m for m in worse if str(m.scheme) == "int8 affine @0")
        record = record._replace(schemes=worse, recommended={8: record.recommended[8]._replace(found=best)})
        tried = [m for m in worse if m.scheme.integer]
        takes, why = _taken(record, tried, {}, "int8 @0", 8)
        assert takes == best and why.startswith(f"int8 affine @0, since int8 @0 {said}")


def test_what_would_not_shrink_stays_as_it_is() -> None:
    text = inspect_arrays({"w": np.float32(3.7)}, bits=[4]).text
    assert "To ship: none of these bits" in text and "or no byte is saved" in " ".join(text.split())
    assert "/32" not in text and "x0.8" not in text


def test_arrays_of_the_same_values_are_named() -> None:
    text = inspect_arrays({"emb": GAUSS, "other": GAUSS + 1, "head": GAUSS.copy()}, bits=[8]).text
    assert "With the same values as the one in brackets: head (emb)." in text
    assert "With the same" not in inspect_arrays({"w": GAUSS}).text
    assert "\n\n\n" not in text


def test_small_arrays_alone_and_values_that_are_not_finite_are_said() -> None:
    x = GAUSS.copy()
    x[3, 4] = np.nan
    text = inspect_arrays({"w": x, "small": GAUSS[:9, :9]}, bits=[8], skip_nonfinite=True).text
    assert "Not finite, counted as 0: w (1 value)." in text and "arrays: 1 of 2 float arrays measured" in text
    text = inspect_arrays({"small": GAUSS[:9, :9]}, bits=[8]).text
    assert "Stay float" not in text and "arrays: 1 of 1 float array measured" in text


def test_an_array_without_loss_loses_nothing() -> None:
    report = inspect_arrays({"w": np.ones((64, 96), np.float32)}, bits=[8])
    assert "At 8 bits no array loses anything." in report.text and "200" not in report.text
    assert [*report.figures] == ["trade_off.png"], "some floats lose something"
    assert inspect_arrays({"w": np.zeros((64, 96), np.float32)}, bits=[8]).figures == {}, "no point to draw"


@pytest.mark.slow
def test_many_arrays_are_a_screen() -> None:
    x = np.ones((64, 64), np.float32) * np.arange(64, dtype=np.float32)
    report = inspect_arrays({f"layers.{i}.{n}": x for i in range(10) for n in "abc"} | {"alone.7": x},
                            bits=[12])
    assert "layers.*.b (10)" in report.text and "alone.7" in report.text and len(report.text.splitlines()) < 40


# ---------------------------------------------------------------------------------------------- the command

def inspect(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    try:
        status = main(["inspect", *map(str, words)])
    except SystemExit as end:
        status = int(end.code or 0)
    return status, *capfd.readouterr()


@pytest.mark.slow
def test_a_file_is_measured_drawn_and_recorded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "weights.npy", GAUSS)
    out = tmp_path / "out"
    status, said, err = inspect(capfd, tmp_path / "weights.npy", "--bits", 4, "--all", "--out", out)
    assert (status, err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["inspect.csv", "inspect.json", "trade_off.png"]
    found = json.loads((out / "inspect.json").read_text(), parse_constant=pytest.fail)
    assert (found["file"], found["bits"], found["refquant"]) == ("weights.npy", [4], rq.__version__)
    [array] = found["arrays"]
    rows = [*csv.DictReader(io.StringIO((out / "inspect.csv").read_text()))]
    assert len(rows) == len(array["schemes"]) and [row["scheme"] for row in rows if row["recommended"] == "True"] == [
        row["scheme"] for row in array["schemes"] if row["recommended"]]
    expected = one(GAUSS, bits=[4])
    assert array["schemes"] == json.loads(json.dumps([*expected.rows()]))
    assert array["recommended"]["4"]["found"] == str(expected.recommended[4].found.scheme)
    assert found["ship"]["4"]["each"] == {"weights": array["recommended"]["4"]["found"]}
    assert array["recommended"]["4"]["reason"] == expected.recommended[4].reason in " ".join(said.split())
    assert (out / "trade_off.png").read_bytes().startswith(b"\x89PNG") and "\n* 4 " in said
    for m in expected.schemes:
        assert str(m.scheme) in said


def test_a_second_run_does_not_replace_the_first(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("refquant.study.inspect.figures.trade_offs", lambda _: {})
    np.save("w.npy", GAUSS[:8])
    for folder in ("inspection", "inspection-2", "inspection-3"):
        assert inspect(capfd, "w.npy", "--bits", 8)[1].endswith(f"Written: 2 files in {folder}{os.sep}\n")
    status, out, _ = inspect(capfd, "w.npy", "--bits", 8, "--out", "inspection")
    assert status == 0 and "Replaced, because they were there: inspect.json" in out


@pytest.mark.parametrize(("words", "said"), [
    (["--bits", "1"], "`--bits` must be a whole number from 2 to 16; got '1'"), (["--bits", "8,x"], "got 'x'"),
    (["--formats", "E9"], "got 'E9'"), (["--rules", "best"], "got 'best'"), (["--only", "x*"], "`--only` must match"),
    (["--formats", "E4M3", "--bits", "4"], "`--bits` must be those of `--formats`"),
    (["--out", __file__], "must be a folder"), (["extra"], "extra"), (["--frobnicate"], "--frobnicate"),
])
def test_bad_options_are_one_line_and_status_2(words: list[str], said: str, tmp_path: Path,
                                               capfd: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "w.npy", GAUSS)
    status, out, err = inspect(capfd, tmp_path / "w.npy", "--out", tmp_path / "out", *words)
    assert status == 2 and out == "" and said in err and "Hint: " in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["w.npy"]


def test_bad_data_leave_nothing_behind(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "nan.npz", good=GAUSS, bad=np.full((90, 90), np.nan))
    status, _, err = inspect(capfd, tmp_path / "nan.npz", "--out", tmp_path / "out")
    assert status == 2 and "--skip-nonfinite takes them as 0" in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["nan.npz"]


def test_progress_has_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    inspect_arrays({"\x1b[2Jw": GAUSS}, bits=[8])
    assert re.search(r"\[2Jw: array: 1 of 1, about \d+ s left", sys.stderr.getvalue())  # type: ignore[attr-defined]
    assert sys.stderr.getvalue().endswith("\r\x1b[K")  # type: ignore[attr-defined]
    assert "\x1b[2J" not in sys.stderr.getvalue(), "a name moves no cursor"  # type: ignore[attr-defined]


# ---------------------------------------------------------------------------------------------- the picture

@pytest.mark.slow
def test_the_front_and_theory() -> None:
    report: Report = inspect_arrays({"w": GAUSS, "v": GAUSS.T.copy()}, bits=[8, 4])
    found = points(report.records)
    best = front(found)
    assert all(a.bits < b.bits and a.db < b.db for a, b in pairwise(best))
    assert all(any(p.bits <= q.bits and p.db >= q.db for p in best) for q in found)
    bits, db = theory(4, 8)
    at = {p.scheme.name: p for p in found}
    assert bits[0] == 4.5 and db[0] == pytest.approx(20.264, abs=0.01), "formats.md's constant"
    assert at["int4/32 @1"].db == pytest.approx(db[0], abs=0.4), "it is Gaussian data"
    axes = trade_off("w", found).axes[0]
    assert "bits per value" in axes.get_xlabel() and axes.get_ylabel() == "balanced SQNR, dB (higher is better)"
    drawn = {tuple(line.get_xydata()[0]) for line in axes.get_lines() if len(line.get_xydata()) == 1}
    assert {(p.bits, p.db) for p in found} <= drawn
    assert set(report.figures) == {"trade_off.png"}


def test_the_picture_marks_what_is_recommended_and_what_ships() -> None:
    report = inspect_arrays({"w": GAUSS}, bits=[8, 4])
    [figure] = report.figures.values()
    marked = {line.get_marker(): line.get_xydata().tolist() for line in figure.axes[0].get_lines()
              if line.get_markersize() > 15}
    places = [[m.bits_per_value, m.balanced_db] for m in (b.found for b in report.records[0].recommended.values())]
    assert marked == {"o": [pytest.approx(p) for p in places], "D": [pytest.approx(places[1])]}
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"recommended at each width", "to ship, exceptions included"} <= labels
    assert figure.axes[0].get_xlabel() == "bits per value, scales included; schemes without error have no point"


def test_what_a_sample_measured_is_marked() -> None:
    report = inspect_arrays({"w": GAUSS}, bits=[4])
    [record] = report.records
    [m] = [m for m in record.schemes if str(m.scheme) == "int4 affine"]
    record.schemes[record.schemes.index(m)] = m._replace(sampled=True, zeroed={0: 2})
    line = next(line for line in details(record).splitlines() if line.startswith("4  ") and " int4 affine  " in line)
    assert re.findall(r"~\S+", line) == [f"~{v:.1f}" for v in (min(m.balanced_db, 14.9) if m.balanced_db < 15 else
                                                              m.balanced_db, m.sqnr_db, m.worst_channel_db)] + ["~2"]


# ---------------------------------------------------------------------------------------------- large files

def sparse(path: Path, shape: tuple[int, ...], dtype: type) -> None:
    """Zeros that take no room on the disk, but for a few rows."""
    x = np.lib.format.open_memmap(path, "w+", dtype, shape)
    x[::shape[0] // 4] = np.random.default_rng(0).normal(size=x[::shape[0] // 4].shape)


LIMITED = """
import re, resource, sys, threading
from refquant.study import cli
from refquant.study.inspect import figures, matrix, measure
figures.trade_offs = lambda _: {}
matrix.PIECE = measure.PIECE = measure.SAMPLE = 2**15
threading.stack_size(2**18)
used = 1024 * int(re.search(r"VmData:\\s+(\\d+)", open("/proc/self/status").read())[1])
resource.setrlimit(resource.RLIMIT_DATA, (used + 12_000_000,) * 2)
sys.exit(sum(cli.main(["inspect", file, "--bits", "4", "--out", file + "-out"]) for file in sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts the data of a process on Linux alone")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """20 MB are inspected in 12 MB."""
    sparse(tmp_path / "w.npy", (1024, 2500), np.float64)
    np.savez_compressed(tmp_path / "w.npz", w=np.load(tmp_path / "w.npy", mmap_mode="r"))
    end = subprocess.run([sys.executable, "-c", LIMITED, "w.npy", "w.npz"], text=True, capture_output=True, timeout=100,
                         cwd=tmp_path)
    assert end.returncode == 0 and "Error" not in end.stderr, end.stderr
    assert (tmp_path / "w.npz-out" / "inspect.json").exists()


@pytest.mark.large
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts the data of a process on Linux alone")
def test_a_gigabyte_within_500_megabytes(tmp_path: Path) -> None:
    sparse(tmp_path / "w.npy", (65536, 4096), np.float32)
    words = f"ulimit -d 500000; exec {sys.executable} -m refquant inspect w.npy"
    end = subprocess.run(words, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert end.returncode == 0 and "Error" not in end.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(stop: signal.Signals, tmp_path: Path) -> None:
    sparse(tmp_path / "w.npy", (8192, 10_000), np.float64)
    words = [sys.executable, "-m", "refquant", "inspect", str(tmp_path / "w.npy"), "--exact", "--out",
             str(tmp_path / "out")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          preexec_fn=hears_interrupts) as process:
        while process.poll() is None and not (tmp_path / "out").exists():
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(stop)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "") and err.count("\n") == 2 and "interrupted" in err
    assert [path.name for path in tmp_path.iterdir()] == ["w.npy"]
