"""A folder of results: all files or none, an earlier run's replaced and named, everybody else's left alone."""

import os
from pathlib import Path

import pytest

from refquant.study import results
from refquant.study.plots.style import figure


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def drawn(*names: str, command: str = "compare", svg: bool = False) -> dict[str, str | bytes]:
    return results.pictures(command, {name: figure()[0] for name in names}, svg)


def test_an_earlier_runs_pictures_go_and_nobody_elses(tmp_path: Path) -> None:
    results.save("compare", tmp_path, {"comparison.json": "1", **drawn("a.png", "b.png", svg=True)})
    mine = {"notes.txt": b"mine", "c.png": b"mine", "b (old).png": files(tmp_path)["b.png"], "d.svg": b""}
    for name, content in mine.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.png").mkdir()
    results.save("engines", tmp_path, drawn("engines.png", command="engines"))
    before = files(tmp_path)
    written = results.save("compare", tmp_path, {"comparison.json": "2", **drawn("a.png")})
    assert files(tmp_path) == {**mine, "comparison.json": b"2", "a.png": before["a.png"],
                               "engines.png": before["engines.png"]}
    assert str(written).splitlines() == [
        f"Written: 2 files in {tmp_path}{os.sep}", "Replaced, because they were there: comparison.json and a.png.",
        "Removed, because this run does not draw them: a.svg, b.png and b.svg."]
    assert (tmp_path / "folder.png").is_dir()


def test_many_names_are_counted(tmp_path: Path) -> None:
    contents = {f"{i}.json": "" for i in range(9)}
    assert str(results.save("vectors", tmp_path, contents)) == f"Written: 9 files in {tmp_path}{os.sep}"
    assert str(results.save("vectors", tmp_path, contents)).endswith(
        "Replaced, because they were there: 0.json, 1.json, 2.json, 3.json and 5 more.")
    assert str(results.Written([tmp_path / "a"])) == f"Written: 1 file in {tmp_path}{os.sep}"


def test_a_failure_changes_nothing(tmp_path: Path) -> None:
    results.save("compare", tmp_path, drawn("a.png", "b.png"))
    before = files(tmp_path)
    (tmp_path / "c.png").mkdir()
    with pytest.raises(OSError, match=r"c\.png'$"):
        results.save("compare", tmp_path, drawn("a.png", "c.png"))
    assert files(tmp_path) == before


def test_svg_is_the_same_again_and_needs_no_font() -> None:
    first, again = (drawn("a.png", svg=True)["a.svg"] for _ in range(2))
    assert first == again and "<text" not in str(first) and str(first).startswith("<?xml")
