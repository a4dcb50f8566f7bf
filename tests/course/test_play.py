"""The page to play with: its tables are refquant's numbers, it needs nothing else, and Chromium shows what they say."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import chromium, needs
from test_course import course

from refquant import UINT4, IntGrid, dynamic_params, fake_quantize, quantize, symmetric_params
from refquant.course.play import CLIPS, FORMATS, MATE, SAMPLE, SIZES, _data, tables


def written(folder: Path) -> tuple[str, Any]:
    """The page, and the tables inside it."""
    assert course.main(["play", str(folder / "play.html")]) == 0
    page = (folder / "play.html").read_text(encoding="utf-8")
    return page, json.loads(re.findall(r'<script id="tables" type="application/json">(.*?)</script>', page)[0])


def test_the_page_is_one_file_and_holds_the_tables(tmp_path: Path) -> None:
    page, inside = written(tmp_path)
    assert inside == tables() and [path.name for path in tmp_path.iterdir()] == ["play.html"]
    assert not re.search(r"\b(?:src|href)=|https?:|@import|fetch\(|import\s", page)
    assert "prefers-color-scheme: dark" in page and 'name="viewport"' in page


def test_the_tables_are_what_refquant_computes() -> None:
    found = tables()
    x, at = _data()["normal"], 30
    grid = IntGrid(4, narrow=True)
    error = x - fake_quantize(x, symmetric_params(-CLIPS[at], CLIPS[at], grid))
    row = found["clip"]["data"]["normal"]["formats"]["INT4"]
    assert row["both"][at] == pytest.approx(10 * np.log10(np.mean(error**2) / np.mean(x**2)), abs=0.006)
    assert list(found["clip"]["data"]["normal"]["formats"]) == list(FORMATS)
    for table in found["clip"]["data"].values():
        for name, each in table["formats"].items():
            assert len(each["values"]) == len(set(each["values"])) and max(each["values"]) == 1, name
            parts = [[10 ** (db / 10) if db is not None else 0 for db in each[part]] for part in
                     ("rounding", "clipping", "both")]
            assert np.allclose(np.add(parts[0], parts[1]), parts[2], rtol=0.01), name
    for i, size in enumerate(SIZES):
        for j, mate in enumerate((0.0, *SIZES)):
            both = found["ladder"]["at"][i][j]["ladders"]
            rows = np.stack([SAMPLE * size, MATE * mate])
            assert both["dynamic per batch"]["codes"] == quantize(rows, dynamic_params(rows, UINT4))[0].tolist()
            assert both["dynamic per row"]["codes"] == quantize(rows, dynamic_params(rows, UINT4, -1))[0].tolist()
            assert both["static"]["top"] == 1


@pytest.mark.parametrize("argv", [["play"], ["play", "{file}/x.html"], ["play", "x", "--lessons", "01"], ["play", ""]])
def test_a_wrong_command_is_answered_in_one_line(argv: list[str], tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    try:
        status = course.main([text.format(file=tmp_path / "file") for text in argv])
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr().err
    assert status == 2 and said.count("\n") == 1 and "Hint" in said


@pytest.mark.browser
def test_chromium_shows_the_tables(tmp_path: Path) -> None:
    api = needs("playwright.sync_api", "browser")
    _, inside = written(tmp_path)
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page, wrong = browser.new_page(), []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
        page.goto((tmp_path / "play.html").as_uri())
        for data, table in inside["clip"]["data"].items():
            page.select_option("#data", data)
            for name, row in table["formats"].items():
                page.select_option("#format", name)
                for at in (0, 17, 30, 59):
                    page.fill("#clip", str(at))
                    assert page.text_content("#clip-at") == f"{inside['clip']['clips'][at]:g}"
                    for part in ("rounding", "clipping", "both"):
                        value = row[part][at]
                        assert page.text_content(f"#{part}") == ("none" if value is None else f"{value:.2f}")
                    best = row["both"].index(min(row["both"])) == at
                    assert bool(page.text_content("#best")) == best
        for i, j in ((0, 0), (3, 8), (7, 2), (7, 8)):
            page.fill("#size", str(i)), page.fill("#mate", str(j))
            for name, ladder in inside["ladder"]["at"][i][j]["ladders"].items():
                row = page.text_content(f'tr[data-range="{name}"]')
                assert row == name + "".join(map(str, ladder["codes"]))
        page.focus("#clip"), page.keyboard.press("ArrowLeft")  # the keyboard moves a slider
        assert page.text_content("#clip-at") == f"{inside['clip']['clips'][58]:g}"
        browser.close()
    assert not wrong
