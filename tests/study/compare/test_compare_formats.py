"""`refquant compare --formats`: no network is trained; three sentences about formats are answered."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import refquant as rq
from refquant.study.cli import main
from refquant.study.compare import format_errors, format_figures
from refquant.study.formats import FORMATS
from refquant.study.stats import Estimate, estimate

#: Exact dB on N(0, 1) in blocks, of formats whose scales are ideal or powers of two.
KNOWN = {"MXFP4": 18.788, "MXFP4 even": 19.028, "MXFP4 RCEIL": 18.757, "MXFP4 ceil": 16.822, "NF4/64": 20.726,
         "int4/32": 20.264, "int4/64": 19.364, "NVFP4": 20.436}
BITS = {"int8": 8.0078, "int8/32": 8.5, "int4/64": 4.25, "int4 affine/64": 4.3125, "NF4/64": 4.25, "MXFP4": 4.25,
        "MXFP8": 8.25, "NVFP4": 4.5, "E4M3": 8.0078}


@pytest.fixture(scope="module")
def few() -> Iterator[list[format_errors.Record]]:
    """Only formats of 4 bits, and less data."""
    chosen = {name: f for name, f in FORMATS.items() if f.grid.bits == 4}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(format_errors, "FORMATS", chosen)
        patch.setattr(format_errors, "ROWS", 8)
        patch.setattr(format_errors, "SEEDS", 4)
        patch.setattr(format_errors, "SENTENCES", [
            s for s in format_errors.SENTENCES if {s[2], s[3]} <= {*chosen}])
        yield format_errors.compare()


def test_exact_and_measured_agree(few: list[format_errors.Record]) -> None:
    records = few
    found = format_errors.grouped(records)
    for name, decibels in KNOWN.items():
        assert found[name, format_errors.EXACT] == [pytest.approx(decibels, abs=0.002)]
        measured = estimate(found[name, "Gaussian"])
        assert measured.n == 4 and measured.mean == pytest.approx(decibels, abs=0.15)
    assert ("int4 affine/64", format_errors.EXACT) not in found, "it depends on both ends"
    assert {r["seed"] for r in records} == {None, 0, 1, 2, 3}
    text = format_errors.table(records)
    for name in KNOWN:
        assert f"\n{name} " in text
    assert "NF4 halves int4's error  NF4/64 - int4/64                +1.36, no" in text
    assert text.count("RCEIL beats floor") == 1 and "-0.03, no" in text


@pytest.mark.parametrize("name", BITS)
def test_bits_count_the_scales(name: str) -> None:
    assert format_errors.bits(FORMATS[name]) == pytest.approx(BITS[name], abs=1e-4)


def test_a_row_alone_keeps_its_codes_where_no_second_scale_is_shared() -> None:
    x = np.random.default_rng(0).normal(size=(2, 100)).astype(np.float32)
    for name, f in FORMATS.items():
        f = f.over(x.min(), x.max())
        assert (f.fake_quantize(x)[:1] == f.fake_quantize(x[:1])).all(), name
        assert (FORMATS[name].fake_quantize(x) == f.fake_quantize(x)).all(), name


def test_float16_scales_lie_on_float16() -> None:
    x = np.random.default_rng(0).normal(size=(2, 128)).astype(np.float32)
    scale = FORMATS["NF4/64"].params(x).scale
    assert (scale == scale.astype(np.float16)).all()


@pytest.mark.parametrize(("mean", "half", "least", "said"), [
    (1.0, None, 0.0, "yes"), (-1.0, None, 0.0, "no"), (0.0, None, 0.0, "no"), (1.0, 0.9, 0.0, "yes"),
    (1.0, 1.1, 0.0, "open"), (-1.0, 0.9, 0.0, "no"), (2.0, 0.5, 3.0, "no"), (3.1, 0.5, 3.0, "open")])
def test_an_answer_is_as_sure_as_its_interval(mean: float, half: float | None, least: float, said: str) -> None:
    assert format_errors.answer(Estimate(mean, half, 8), least) == said


def test_names_lie_apart_and_near_their_points() -> None:
    places = [1.0, 1.1, 1.2, 5.0, 5.9]
    moved = format_figures.spread(places, 1.0)
    assert min(b - a for a, b in pairwise(moved)) >= 1.0 - 1e-12
    assert moved == pytest.approx([0.1, 1.1, 2.1, 4.95, 5.95])


def test_the_command_writes_one_record_and_three_figures(
        few: list[format_errors.Record], tmp_path: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(format_errors, "compare", lambda: few)
    for name in ("sqnr_against_bits", "values_of_grids", "steps_of_grids"):  # drawn in other tests
        monkeypatch.setattr(format_figures, name, lambda *_: None)
    monkeypatch.setattr("refquant.study.results.pictures", lambda _, drawn, __: dict.fromkeys(drawn, b""))
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--formats"]) == 0
    assert sorted(path.name for path in (tmp_path / "formats").iterdir()) == [
        "formats.json", "formats_sqnr.png", "formats_steps.png", "formats_values.png"]
    records = json.loads((tmp_path / "formats" / "formats.json").read_text())
    assert {r["data"] for r in records} == {*format_errors.DATA} and len(records) == 10 + 11 * 4 * 4
    assert "people say" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--bits", "8"], ["--grids", "E4M3"], ["--methods", "pairs"], ["--seeds", "2"],
                                   ["--quick"], ["--jobs", "1"], ["--calibration", "256"], ["--net", "n.npz"],
                                   ["--save", "nets"], ["--sizes", "64,10"]])
def test_formats_stand_alone(words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path,
                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--formats", *words]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and f"got {words[0]}. Hint: " in said.err
    assert list(tmp_path.iterdir()) == []


def test_every_grid_of_the_table_is_drawn() -> None:
    grids = format_figures.shapes()
    assert list(grids)[:3] == ["int4", "E2M1", "NF4"] and len(grids) == 10
    assert {rq.E4M3, rq.E5M2FNUZ, rq.NF4} <= {*grids.values()}


@pytest.mark.slow
def test_names_in_the_figure_do_not_overlap() -> None:
    from matplotlib.text import Text

    crowd = {name: {4: 17.0, 6: 27.0, 8: 32.0}[f.grid.bits] for name, f in FORMATS.items()} | {"int4": 7, "int8": 45}
    drawn = format_figures.sqnr_against_bits(dict.fromkeys(format_errors.DATA, crowd), {
        name: f.grid.bits + 0.25 for name, f in FORMATS.items()})
    drawn.draw_without_rendering()
    for axes in drawn.axes:
        boxes = [Text.get_window_extent(text) for text in axes.texts]
        assert len(boxes) == len(FORMATS)
        for i, box in enumerate(boxes):
            assert axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1 and axes.bbox.y0 < box.y0 and box.y1 < axes.bbox.y1
            assert not any(box.overlaps(other) for other in boxes[:i])
