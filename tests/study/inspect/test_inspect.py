import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import hears_interrupts, refused

import refquant as rq
from refquant.study.cli import main
from refquant.study.formats import FORMATS
from refquant.study.inspect import measure, passes, schemes, slice_ranges
from refquant.study.inspect.curves import clip_error
from refquant.study.inspect.figures import error_against_clip, tensor_ranges
from refquant.study.inspect.job import file_names
from refquant.study.inspect.report import Record, Report, inspect_array
from refquant.study.inspect.table import table

RULES = ("minmax", "percentile", "mse_optimal", "lp_optimal", "entropy", "aciq_gaussian", "aciq_laplace", "octav")
FEW_RULES = ("minmax", "percentile", "entropy", "octav")
rng = np.random.default_rng(0)
GAUSS = rng.normal(size=(4, 40)).astype(np.float32)
HOLED = np.where(rng.random((3, 40)) < 0.1, np.nan, rng.normal(size=(3, 40)))
HOLED[0, :3], HOLED[1, 5:7], HOLED[2] = (0, 1, np.nan), (np.inf, -np.inf), np.nan
FLT, DBL = np.finfo(np.float32), np.finfo(np.float64)


@pytest.fixture
def few_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the quick ones, where the test is of something else."""
    monkeypatch.setattr("refquant.study.inspect.report.clips", lambda *options: {
        key: clip for key, clip in schemes.clips(*options).items() if key[1] in FEW_RULES})


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty files instead of figures."""
    monkeypatch.setattr("refquant.study.inspect.job._figures", lambda _, stem, __: {
        f"{stem}_histogram.png": b"", f"{stem}_error.png": b""})


# ---------------------------------------------------------------------------------------------- the figures are true

def slices_of(x: np.ndarray, record: Record, granularity: str) -> Iterator[np.ndarray]:
    """The finite values of each slice; a slice without any has one 0."""
    if granularity == "tensor":
        parts = [x.ravel()]
    elif granularity == "channel":
        parts = [part.ravel() for part in np.moveaxis(x, record["channel_axis"], 0)]
    else:
        rows, size = x.reshape(-1, x.shape[-1]), record["block"]
        parts = [row[i:i + size] for row in rows for i in range(0, rows.shape[1], size)]
    for part in parts:
        yield part[np.isfinite(part)] if np.isfinite(part).any() else np.zeros(1, x.dtype)


def naive_format(x: np.ndarray, record: Record, scheme: dict) -> dict:
    """The same figures of a format that is no integer, of the whole array at once."""
    def laid(a: np.ndarray) -> np.ndarray:
        if scheme["granularity"] == "channel":
            return np.moveaxis(a, record["channel_axis"], 0).reshape(a.shape[record["channel_axis"]], -1)
        return a.reshape(1, -1) if scheme["granularity"] == "tensor" else a

    f, good = FORMATS[scheme["fit"]], laid(np.isfinite(x))
    rows = laid(np.where(np.isfinite(x), x, x.dtype.type(0)))
    params, split = f.params(rows), f.split(rows)
    inside = np.abs(params.grid.round((split / params.scale).astype(params.scale.dtype))) <= params.grid.qmax
    xs, x_hat = (a.astype(np.float64).ravel() for a in (rows, f.fake_quantize(rows)))
    n, each = params.scale.size, 32 if params.scale_grid is None else params.scale_grid.bits
    size = -(-x.size * record["bits"] // 8) + -(-n * each // 8)
    return {"range": (float(xs.min()), float(xs.max())), "sqnr_db": rq.sqnr_db(xs, x_hat), "bytes": size,
            "scales": n, "largest_error": rq.max_abs_error(xs, x_hat), "clipped": (~inside).sum() / good.sum(),
            "compression": x.nbytes / size}


def naive(x: np.ndarray, record: Record, scheme: dict) -> dict:
    """The same figures, slice by slice, with the public functions alone."""
    if scheme["fit"] in FORMATS:
        return naive_format(x, record, scheme)
    fit, grid = {"symmetric": (rq.symmetric_params, rq.IntGrid(record["bits"], narrow=True)),
                 "affine": (rq.affine_params, rq.IntGrid(record["bits"]))}[scheme["fit"]]
    side = {"one_sided": True} if record["one_sided"] and scheme["fit"] == "affine" else {}
    rule = {"minmax": rq.minmax, "percentile": partial(rq.percentile, percent=record["percent"], **side),
            "mse_optimal": partial(rq.mse_optimal, grid=grid, fit=fit), "entropy": partial(rq.entropy, grid=grid),
            "lp_optimal": partial(rq.lp_optimal, grid=grid, fit=fit, p=3),
            **{f.__name__: partial(f, grid=grid, **side) for f in (rq.aciq_gaussian, rq.aciq_laplace, rq.octav)},
            }[scheme["rule"]]
    los, his, xs, hats, clipped = [], [], [], [], 0
    for values in slices_of(x, record, scheme["granularity"]):
        lo, hi = rule(values)
        params = fit(lo, hi, grid)
        codes = np.rint(values.astype(params.scale.dtype) / params.scale) + params.zero_point
        clipped += int(((codes < grid.qmin) | (codes > grid.qmax)).sum())
        los, his, xs = [*los, float(lo)], [*his, float(hi)], [*xs, *values.tolist()]
        hats += rq.fake_quantize(values, params).tolist()
    n = len(los)
    size = -(-x.size * record["bits"] // 8) + 4 * n + (-(-n * record["bits"] // 8) if scheme["fit"] == "affine" else 0)
    return {"range": (min(los), max(his)), "sqnr_db": rq.sqnr_db(xs, hats), "bytes": size, "scales": n,
            "largest_error": rq.max_abs_error(xs, hats), "clipped": clipped / np.isfinite(x).sum(),
            "compression": x.nbytes / size}


ALL = [(GAUSS[:2], {"block": 40}), (GAUSS[0, :10], {"bits": 2, "block": 7}),
       (GAUSS[0].astype(np.float16), {"bits": 4}), (HOLED[1:], {"bits": 4, "block": 25, "skip_nonfinite": True})]
FEW = [(np.asfortranarray(GAUSS.astype(">f8")), {"bits": 12, "channel_axis": -1, "percent": 90, "block": 4}),
       (np.maximum(GAUSS, 0), {"bits": 3}), (GAUSS.reshape(2, 2, 40), {"channel_axis": 1, "block": 40, "bits": 5}),
       (np.float64(3.7), {}), (rng.normal(size=(1, 3000)), {"bits": 4, "block": 2100}), (GAUSS[0], {"channel_axis": 0})]


@pytest.mark.parametrize(("x", "options"), ALL, ids=["default", "2 bits", "float16", "holes"])
def test_every_scheme_is_as_computed_slice_by_slice(x: np.ndarray, options: dict) -> None:
    compare_with_naive(x, options, RULES)


@pytest.mark.slow
@pytest.mark.usefixtures("few_rules")
@pytest.mark.parametrize(("x", "options"), FEW, ids=["12 bits", "relu", "3 axes", "one value", "long blocks", "1 axis"])
def test_every_layout_is_as_computed_slice_by_slice(x: np.ndarray, options: dict) -> None:
    compare_with_naive(x, options, FEW_RULES)


def compare_with_naive(x: np.ndarray, options: dict, rules: tuple[str, ...]) -> None:
    record = inspect_array(x, **options).record
    found = [(s["fit"], s["granularity"], s["rule"]) for s in record["schemes"]]
    axis = record["channel_axis"]
    sizes = {"tensor": x.size, "channel": axis is not None and x.size / x.shape[axis], "block": record["block"]}
    assert found == [(fit, granularity, rule) for fit in ("symmetric", "affine") for granularity, n in sizes.items()
                     if n for rule in rules if rule != "entropy" or granularity == "tensor" or n >= 2048] + [
        (name, granularity, "minmax") for name, f in FORMATS.items()
        if f.grid.bits == record["bits"] and not f.grid.equal_steps
        for granularity in ([g for g in ("tensor", "channel") if sizes[g]] if f.block is None else
                            [f"block of {f.block}"] * (np.ndim(x) > 0))]
    for scheme in record["schemes"]:
        for key, value in naive(np.asarray(x), record, scheme).items():
            got = np.inf if scheme[key] is None else scheme[key]
            assert got == pytest.approx(value, rel=1e-9), (scheme, key)
        assert scheme["values"] == np.isfinite(x).sum() and scheme["overflowed"] == 0


@pytest.mark.usefixtures("few_rules")
def test_pieces_and_threads_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x = rng.normal(size=(4, 4, 60)).astype(np.float32)
    whole = inspect_array(x, bits=4, channel_axis=1).record
    monkeypatch.setattr(passes, "PIECE", 250)  # a channel is nearly a piece, the tensor several
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    one = inspect_array(x, bits=4, channel_axis=1).record
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert inspect_array(x, bits=4, channel_axis=1).record == one
    for a, b in zip(whole["schemes"], one["schemes"], strict=True):
        if a["granularity"] != "tensor" or a["rule"] == "minmax":  # a tensor beyond a piece is searched by histogram
            assert {**a, "sqnr_db": 0, "net_db": 0} == {**b, "sqnr_db": 0, "net_db": 0}
        assert a["sqnr_db"] == pytest.approx(b["sqnr_db"], abs=1e-9 if a["granularity"] != "tensor" else 0.3)


@pytest.mark.usefixtures("few_rules")
def test_slices_larger_than_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges come from histograms; what is measured is that of the ranges, and min-max is exact."""
    monkeypatch.setattr(passes, "PIECE", 128)
    monkeypatch.setattr(slice_ranges, "LONG", 64)
    x = rng.normal(size=(2, 500)) * [[1], [5]]
    x[1, 499] = np.nan
    record = inspect_array(x, bits=4, block=300, skip_nonfinite=True).record
    for scheme in record["schemes"]:
        expected = naive(x, record, scheme)
        if scheme["rule"] == "minmax":
            assert all(scheme[key] == pytest.approx(value, rel=1e-9) for key, value in expected.items())
        assert scheme["sqnr_db"] == pytest.approx(expected["sqnr_db"], abs=0.2)
        assert scheme["values"] == 999


@pytest.mark.usefixtures("few_rules")
def test_rules_that_search_see_a_sample_of_much_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "BUDGET", 1000)
    monkeypatch.setattr(passes, "PIECE", 2048)
    x = rng.normal(size=(100, 80))
    report = inspect_array(x)
    values = {(s["granularity"], s["rule"]): s["values"] for s in report.record["schemes"]}
    assert {n for (granularity, rule), n in values.items() if granularity == "tensor" or rule == "minmax"} == {8000}
    assert 800 <= values["channel", "octav"] <= 1200 and 700 <= values["block", "percentile"] <= 1200
    notes = report.record["notes"]
    assert "per channel, rules other than minmax: chosen and measured on one channel in 8" in notes
    assert "~ measured on a sample" in table(report.record)


# ---------------------------------------------------------------------------------------------- what is recommended

def recommended(x: np.ndarray, **options: object) -> tuple[str, str, str]:
    best = inspect_array(x, **options).record["recommended"]
    return best["fit"], best["granularity"], best["rule"]


@pytest.mark.usefixtures("few_rules")
def test_the_recommended_is_sensible() -> None:
    x = np.random.default_rng(1).normal(size=(8, 100))
    x = np.hstack([x, -x])
    assert recommended(x[:1])[:2] == ("symmetric", "tensor")
    assert recommended(x * 4.0 ** np.arange(8)[:, None]) == ("symmetric", "channel", "minmax")
    assert recommended(np.maximum(x[:1], 0), bits=6)[:2] == ("affine", "tensor")  # half of the symmetric codes are idle
    assert recommended(x, bits=2)[2] != "minmax"
    assert recommended(np.r_[300.0, x.ravel()])[1] == "block"  # one outlier spoils 32 values instead of 1,600
    for flat in (np.full((4, 50), np.float32(0.1)), np.zeros(3), np.float32(7), np.full((3, 40), FLT.tiny / 4)):
        assert recommended(flat) == ("symmetric", "tensor", "minmax")


def test_at_the_largest_floats_ranges_that_do_not_overflow_are_recommended() -> None:
    record = inspect_array(np.where(GAUSS[0] > 0, FLT.max, -FLT.max)).record
    assert record["recommended"]["overflowed"] == 0 and record["recommended"]["sqnr_db"] > 40
    assert record["schemes"][0]["overflowed"] == 40 and record["schemes"][0]["sqnr_db"] is None
    assert "overflow" in table(record)


@pytest.mark.usefixtures("few_rules")
def test_integers_are_recommended_and_a_better_format_is_named() -> None:
    x = np.random.default_rng(0).standard_t(3, size=(4, 256)).astype(np.float32)
    x[:, ::32] *= 20
    record = inspect_array(x, bits=4).record
    best = max(record["schemes"], key=lambda s: s["net_db"])
    assert best["fit"] == "NVFP4" and record["recommended"]["fit"] in ("symmetric", "affine")
    assert ("; of all formats NVFP4 per block of 16, minmax is the best, where an engine has it: "
            f"SQNR {best['sqnr_db']:.1f} dB in {best['bytes']:,} bytes") in record["reason"]
    assert "of all formats" not in inspect_array(x, bits=12).record["reason"]


@pytest.mark.usefixtures("few_rules")
def test_the_reason_says_what_was_weighed() -> None:
    for bits in (2, 8):
        record = inspect_array(GAUSS, bits=bits).record
        integers = [s for s in record["schemes"] if s["fit"] in ("symmetric", "affine")]
        best = max(integers, key=lambda s: s["net_db"])
        near = [s for s in integers if s["net_db"] >= best["net_db"] - 1]
        assert record["recommended"] == near[0]
        assert ("the best net dB" if near[0] == best else "within 1 dB of the best (") in record["reason"]
        assert f"SQNR {near[0]['sqnr_db']:.1f} dB in {near[0]['bytes']:,} bytes" in record["reason"]
        for s in record["schemes"]:
            spent = 8 * s["bytes"] / record["values"] - bits
            assert s["net_db"] == pytest.approx(s["sqnr_db"] - 20 * np.log10(2) * spent)


# ---------------------------------------------------------------------------------------------- extreme data

@pytest.mark.slow
@pytest.mark.usefixtures("few_rules")
@pytest.mark.parametrize("x", [
    np.full((40, 50), np.float32(0.1)), np.zeros((3, 40)), np.float32(3.7), np.array([-3.7]), np.float16([65504, 1]),
    rng.normal(size=(2, 40)) * 1e-320, np.float32([1e-45, -1e-45]), np.full((2, 40), -DBL.max),
    np.where(GAUSS > 0, FLT.max, -FLT.max), np.array([DBL.max, 5e-324, -1]),
], ids=lambda x: f"{x.dtype} {np.ravel(x)[0]:.3g}")
def test_extreme_data_are_measured_and_drawn(x: np.ndarray) -> None:
    report = inspect_array(x)
    json.dumps(report.record, allow_nan=False)
    for scheme in report.record["schemes"]:
        assert (scheme["sqnr_db"] is None) == (scheme["largest_error"] in (None, 0))
        assert (scheme["largest_error"] is None) == (scheme["overflowed"] > 0)
    assert table(report.record)
    assert tensor_ranges(report).axes and error_against_clip(report).axes


# ---------------------------------------------------------------------------------------------- rounding, clipping

@pytest.mark.usefixtures("few_rules")
@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("n", [1000, 100_000])
def test_rounding_and_clipping_add_up(bits: int, n: int) -> None:
    x = np.random.default_rng(1).normal(size=n).astype(np.float32)
    report = inspect_array(x, bits=bits, block=n)
    share, rounding, clipping, total = report.clip_error
    assert np.allclose(rounding + clipping, total, rtol=1e-12, atol=0)
    assert share[-1] == 1 and clipping[-1] == 0 and (np.diff(clipping) <= 1e-15).all()
    best = report.record["best_clip"]
    assert best["total"] == total.min() and best["rounding"] + best["clipping"] == pytest.approx(best["total"], 1e-12)
    direct = rq.fake_quantize(x, rq.symmetric_params(0.0, np.abs(x).max() * np.float32(best["share"]),
                                                     rq.IntGrid(bits, narrow=True)))
    assert 10 * np.log10(best["total"]) == pytest.approx(-rq.sqnr_db(x, direct), abs=0.5)


def test_no_error_has_no_least() -> None:
    assert clip_error(np.zeros(1), np.array([3]), 8) is None
    assert inspect_array(np.zeros(3)).record["best_clip"] is None


# ---------------------------------------------------------------------------------------------- refusals

@pytest.mark.parametrize(("x", "options", "kind", "said"), [
    (np.arange(3), {}, TypeError, "got dtype int64"), (np.ones(3, complex), {}, TypeError, "complex128"),
    (np.ones((2, 0)), {}, ValueError, "got shape (2, 0)"), (GAUSS, {"bits": 1}, ValueError, "from 2 to 16; got 1"),
    (GAUSS, {"bits": 17}, ValueError, "got 17"), (GAUSS, {"bits": 2.5}, TypeError, "got 2.5"),
    (GAUSS, {"channel_axis": 2}, ValueError, "one of 2 axes; got 2 for shape (4, 40)"),
    (GAUSS, {"channel_axis": 0.5}, TypeError, "`channel_axis` must be an integer"),
    (GAUSS, {"channel_axis": -3}, ValueError, "got -3"), (np.float64(1), {"channel_axis": 0}, ValueError, "0 axes"),
    (GAUSS, {"block": 41}, ValueError, "no larger than the last axis; got 41 for shape (4, 40)"),
    (GAUSS, {"block": 0}, ValueError, "`block` must be an integer at least 1; got 0"),
    (np.float64(1), {"block": 1}, ValueError, "got 1 for shape ()"),
    (GAUSS, {"percent": 50}, ValueError, "above 50 and at most at 100; got 50"), (GAUSS, {"percent": 100.1},
                                                                                  ValueError, "got 100.1"),
    (GAUSS, {"percent": float("nan")}, ValueError, "got nan"),
    (HOLED, {}, ValueError, f"{np.isnan(HOLED).sum()} NaN, 1 inf and 1 -inf among 120, the first at index (0, 2)"),
    (np.array([np.nan]), {"skip_nonfinite": True}, ValueError, "none among 1"),
    (np.ma.masked_array([1.0]), {}, TypeError, "masked"),
])
def test_bad_input_is_refused(x: np.ndarray, options: dict, kind: type[Exception], said: str) -> None:
    with refused(kind, said):
        inspect_array(x, **options)


@pytest.mark.usefixtures("few_rules")
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_first_that_is_not_finite_is_found(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "PIECE", 64)
    x = np.ones((3, 4, 50), order=order)
    x[1, 2, 33] = x[1, 3, 2] = x[2, 0, 0] = np.inf
    x[2, 1, 1] = np.nan
    with refused(ValueError, "1 NaN, 3 inf and 0 -inf among 600, the first at index (1, 2, 33)"):
        inspect_array(x)
    record = inspect_array(x, skip_nonfinite=True).record
    assert (record["nan"], record["inf"], record["minus_inf"], record["first_nonfinite"]) == (1, 3, 0, [1, 2, 33])
    assert "4 NaN or infinite values left out" in table(record)


# ---------------------------------------------------------------------------------------------- the command

def inspect(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    try:
        status = main(["inspect", *map(str, words)])
    except SystemExit as end:
        status = int(end.code or 0)
    return status, *capfd.readouterr()


def test_a_file_is_measured_drawn_and_recorded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "weights.npy", GAUSS)
    out = tmp_path / "out"
    status, said, err = inspect(capfd, tmp_path / "weights.npy", "--bits", 4, "--channel-axis", "-1", "--block", 10,
                                "--out", out)
    assert (status, err) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == ["inspect.json", "weights_error.png", "weights_histogram.png"]
    found = json.loads((out / "inspect.json").read_text(), parse_constant=pytest.fail)
    assert {key: value for key, value in found.items() if key != "arrays"} == {
        "refquant": rq.__version__, "file": "weights.npy", "bits": 4, "channel_axis": -1, "block": 10, "percent": 99.9,
        "skip_nonfinite": False, "lp_optimal_p": 3, "left_out": {}}
    [record] = found["arrays"]
    expected = inspect_array(GAUSS, name="weights", bits=4, channel_axis=1, block=10)
    assert record == json.loads(json.dumps(expected.record))
    assert (out / "weights_error.png").read_bytes().startswith(b"\x89PNG")
    assert table(expected.record) in said and said.count("\n*  ") == 1
    assert f"Recommended (*): {record['reason']}." in said and "Written: " in said
    for scheme in record["schemes"]:
        assert re.search(rf"^\*? +{scheme['fit']} +{scheme['granularity']} +{scheme['rule']} .*x$", said, re.MULTILINE)


@pytest.mark.usefixtures("few_rules", "no_drawing")
def test_an_npz_array_by_array(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Options are for the arrays that they fit; integers are left out; one name is a file only once."""
    np.savez_compressed(tmp_path / "net.npz", **{"l/w": GAUSS, "L w": GAUSS[:, :38], "b": GAUSS[0, :6],
                                                 "$x$ \u4e2d\n": np.float16(1)}, steps=np.int64(7))
    status, said, err = inspect(capfd, tmp_path / "net.npz", "--channel-axis", "1", "--block", "39", "--out",
                                tmp_path / "out")
    assert (status, err) == (0, "") and "Left out: steps, integers" in said and "$x$ \u4e2d?: float16 ()" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["inspect.json", *(f"{name}_{kind}.png" for name in ("l_w", "L_w-2", "b", "x") for kind in (
            "error", "histogram"))])
    found = json.loads((tmp_path / "out" / "inspect.json").read_text())
    assert found["left_out"] == {"steps": "integers"}
    assert [(r["array"], r["channel_axis"], r["block"]) for r in found["arrays"]] == [
        ("l/w", 1, 39), ("L w", 1, None), ("b", None, None), ("$x$ \u4e2d\n", None, None)]
    assert "not per block: the last axis is too short" in found["arrays"][1]["notes"]


@pytest.mark.usefixtures("few_rules", "no_drawing")
def test_of_many_arrays_the_largest_are_drawn(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refquant.study.inspect.job.FIGURES", 1)
    np.savez(tmp_path / "w.npz", a=GAUSS[0, :2], b=GAUSS[0, :3], c=GAUSS[0, :1])
    status, said, _ = inspect(capfd, tmp_path / "w.npz", "--out", tmp_path / "out")
    assert status == 0 and "Drawn: the 1 largest of 3 arrays." in said
    assert len(json.loads((tmp_path / "out" / "inspect.json").read_text())["arrays"]) == 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["b_error.png", "b_histogram.png", "inspect.json"]


@pytest.mark.parametrize(("words", "said"), [
    (["--bits", "1"], "`--bits` must be a whole number from 2 to 16; got '1'"), (["--bits", "x"], "got 'x'"),
    (["--block", "0"], "`--block` must be a whole number at least 1; got '0'"), (["--block", "41"], "got 41 for shape"),
    (["--channel-axis", "2"], "`--channel-axis` must name one of 2 axes; got 2"),
    (["--channel-axis", "1.5"], "`--channel-axis` must be a whole"),
    (["--channel-axis", "-3"], "got -3"), (["--percent", "50"], "got 50.0"), (["--percent", "101"], "got 101.0"),
    (["--percent", "x"], "got 'x'"), (["--percent", "nan"], "got nan"), (["--out", __file__], "must be a folder"),
    (["extra"], "extra"), (["--frobnicate"], "--frobnicate"),
])
def test_bad_options_are_one_line_and_status_2(words: list[str], said: str, tmp_path: Path,
                                               capfd: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "w.npy", GAUSS)
    status, out, err = inspect(capfd, tmp_path / "w.npy", "--out", tmp_path / "out", *words)
    assert status == 2 and out == "" and said in err and "Hint: " in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["w.npy"]


@pytest.mark.usefixtures("few_rules", "no_drawing")
def test_bad_files_leave_nothing_behind(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "nan.npy", HOLED)
    np.savez(tmp_path / "nan.npz", good=GAUSS, bad=HOLED)
    np.save(tmp_path / "cut.npy", GAUSS)
    os.truncate(tmp_path / "cut.npy", 500)
    np.savez(tmp_path / "cut.npz", GAUSS)
    os.truncate(tmp_path / "cut.npz", 500)
    np.save(tmp_path / "object.npy", np.array([{}]))
    before = sorted(tmp_path.iterdir())
    for name, text in (("nan.npy", "'nan' must be finite; got"), ("nan.npz", "--skip-nonfinite leaves them out"),
                       ("cut.npy", "as its header says; got 500 bytes"), ("cut.npz", "must be a whole .npz archive"),
                       ("object.npy", "never unpickled"), ("none.npy", "does not exist")):
        status, _, err = inspect(capfd, tmp_path / name, "--out", tmp_path / "out")
        assert status == 2 and text in err and err.count("\n") == 1 and err.startswith("refquant inspect: ")
        assert sorted(tmp_path.iterdir()) == before
    assert inspect(capfd, tmp_path / "nan.npz", "--out", tmp_path / "out", "--skip-nonfinite")[0] == 0


def test_without_a_file_it_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = inspect(capfd)
    assert status == 2 and out == "" and "FILE" in err and err.count("\n") == 1


def test_names_of_files() -> None:
    names = file_names(["w", "W", "w-2", "../../etc/passwd", "", "nul.txt", "x" * 300])
    assert names[:3] == ["w", "W-2", "w-2-2"] and names[3:6] == ["etc_passwd", "x", "x_nul.txt"]
    assert len(names[6]) == 100 and len({name.lower() for name in names}) == 7


@pytest.mark.usefixtures("few_rules")
def test_progress_is_shown_to_who_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(passes, "PIECE", 64)
    monkeypatch.setattr(sys, "stderr", Terminal())
    inspect_array(GAUSS, name="w")
    shown = sys.stderr.getvalue()
    assert "inspect w: first look: 2 of 4, about" in shown and "inspect w: per block, searching: 1 of" in shown
    assert shown.endswith("\r\x1b[K")


# ---------------------------------------------------------------------------------------------- figures

def test_figures_say_what_they_show() -> None:
    report = inspect_array(GAUSS, name="w", bits=4)
    above, below = tensor_ranges(report).axes
    assert above.get_yscale() == "log" and above.get_title() == "w: float32 (4, 40), 4 bits"
    assert [t.get_text() for t in below.get_yticklabels()] == ["percentile 99.9" if r == "percentile" else r
                                                               for r in RULES]
    drawn = {tuple(np.float32(line.get_xdata())) for line in below.get_lines()}
    affine = {s["rule"]: s["range"] for s in report.record["schemes"] if (s["fit"], s["granularity"]) == (
        "affine", "tensor")}
    assert all(tuple(np.float32(ends)) in drawn for ends in affine.values())
    [axes] = error_against_clip(report).axes
    assert axes.get_yscale() == "log" and "max|x|" in axes.get_xlabel()
    point = axes.get_lines()[-1].get_xydata()[0]
    assert point == pytest.approx([report.record["best_clip"][key] for key in ("share", "total")])


@pytest.mark.usefixtures("few_rules")
def test_a_far_outlier_has_a_logarithmic_axis() -> None:
    x = np.random.default_rng(0).normal(size=100_000)
    x[0] = 50
    report: Report = inspect_array(x, bits=2, block=1000)
    assert report.record["best_clip"]["share"] < 0.1
    assert error_against_clip(report).axes[0].get_xscale() == "log"


# ---------------------------------------------------------------------------------------------- large files

def sparse(path: Path, shape: tuple[int, ...], dtype: type) -> None:
    """Zeros that take no room on the disk, but for a few rows."""
    x = np.lib.format.open_memmap(path, "w+", dtype, shape)
    x[::shape[0] // 4] = np.random.default_rng(0).normal(size=x[::shape[0] // 4].shape)


LIMITED = """
import re, resource, sys, threading
from refquant.study import cli
from refquant.study.inspect import job, measure, passes, report, schemes
every, files = schemes.clips, sys.argv[1:3]
report.clips = lambda *options: {
    key: clip for key, clip in every(*options).items() if key[1] in ("minmax", "percentile")}
job._figures = lambda *_: {}
passes.PIECE, measure.BUDGET = 2**15, 2**15
threading.stack_size(2**18)
used = 1024 * int(re.search(r"VmData:\\s+(\\d+)", open("/proc/self/status").read())[1])
resource.setrlimit(resource.RLIMIT_DATA, (used + 12_000_000,) * 2)
sys.exit(sum(cli.main(["inspect", file, "--out", "out"]) for file in files))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts the data of a process on Linux alone")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """20 MB are inspected in 12 MB."""
    sparse(tmp_path / "w.npy", (1024, 2500), np.float64)
    np.savez_compressed(tmp_path / "w.npz", w=np.load(tmp_path / "w.npy", mmap_mode="r"))
    end = subprocess.run([sys.executable, "-c", LIMITED, "w.npy", "w.npz"], text=True, capture_output=True, timeout=100,
                         cwd=tmp_path)
    assert end.returncode == 0 and "Error" not in end.stderr and (tmp_path / "out" / "inspect.json").exists()


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
    sparse(tmp_path / "w.npy", (4096, 10_000), np.float64)
    words = [sys.executable, "-m", "refquant", "inspect", str(tmp_path / "w.npy"), "--out", str(tmp_path / "out")]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          preexec_fn=hears_interrupts) as process:
        while process.poll() is None and not (tmp_path / "out").exists():
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(stop)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "") and err.count("\n") == 2 and "interrupted" in err
    assert [path.name for path in tmp_path.iterdir()] == ["w.npy"]
