"""What a lesson may cost: its minutes by the formula in notebooks/README.md, and what stands in its cells."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from test_course import course

ROOT = Path(__file__).resolve().parents[2]
HOLD = tuple(course.LESSONS)
SHORT = {"00": 10.0, "00fr": 10.5}  # French takes more words
PATH = ("00", "05", "06", "07")  # the lessons of 90 minutes
LEAVE_OUT = "*In a class of 90 minutes, skip this section.*"
#: Bold words that are no terms of the course: emphasis, and the verdicts, which stand under "verdict".
NO_TERMS = {"hot pixel", "kept", "reduced", "confirmed", "null", "small", "refuted", "inconclusive",
            "on one-sided data symmetric quantization wastes one bit"}
PREDICT = re.compile(r"\*\*(?:Predict first|Prédisez d'abord)")

each = pytest.mark.parametrize("key", HOLD)


def cells(key: str) -> list[Any]:
    """What a student has: no solutions."""
    return [cell for cell in course.read(course.LESSONS[key])["cells"] if not cell["id"].startswith("solution-")]


def words(some: list[Any]) -> str:
    return "\n".join(course.source(cell) for cell in some if cell["cell_type"] == "markdown")


def counted(some: list[Any]) -> tuple[int, int, int]:
    """Words, cells of code, predictions."""
    text = words(some)
    return len(text.split()), sum(cell["cell_type"] == "code" for cell in some), len(PREDICT.findall(text))


def minutes(some: list[Any]) -> float:
    """150 words a minute, 45 seconds a cell, 70 seconds a prediction, 15 minutes for the exercises."""
    read, ran, predicted = counted(some)
    exercises = any(cell["metadata"].get("tags") == ["exercise"] for cell in some)
    return read / 150 + ran * 45 / 60 + predicted * 70 / 60 + 15 * exercises


def short(some: list[Any]) -> list[Any]:
    """Without exercises and without the sections that are marked to be left out in 90 minutes."""
    kept, leave = [], False
    for cell in some:
        text = course.source(cell)
        if cell["cell_type"] == "markdown" and re.search("^## ", text, re.MULTILINE):
            leave = LEAVE_OUT in text or "## Exercises" in text
        kept += [] if leave else [cell]
    return kept


@each
def test_a_lesson_keeps_its_limits(key: str) -> None:
    read, ran, predicted = counted(cells(key))
    assert minutes(cells(key)) <= SHORT.get(key, 45), f"{minutes(cells(key)):.1f} minutes"
    assert read <= 1600 and ran <= 14 and predicted <= 8, (read, ran, predicted)


def test_the_path_of_90_minutes_takes_85() -> None:
    assert sum(minutes(short(cells(key))) for key in PATH) <= 85


@pytest.mark.parametrize("name", ["README.md", "teachers.md"])
def test_the_pages_name_every_lesson_its_minutes_and_files_that_exist(name: str) -> None:
    page = (ROOT / "notebooks" / name).read_text(encoding="utf-8")
    row = r"^\| \[(\d\d)(?: (.+?))?\]\((.+?)\).*? \| .+? \| (\d+)(?: \+ (\d+))? \| .+ \|$"
    rows = re.findall(row, page, re.MULTILINE)
    assert [row[0] for row in rows] == [key for key in HOLD if key != "00fr"]
    for key, called, file, alone, exercises in rows:
        title = course.source(course.read(course.LESSONS[key])["cells"][0])
        assert file == course.LESSONS[key].name and title.startswith(f"# {key} · {called}")
        assert int(exercises or 0) == 15 * (key != "00")
        reading = minutes(cells(key)) - int(exercises or 0)
        assert abs(int(alone) - reading) <= 1, f"{key}: {reading:.0f} minutes"
        stated = int(re.findall(r"About (\d+) minutes", title)[0])
        assert abs(stated - reading) <= 4 and ("and 15 for the exercises" in title) == (key != "00")
    for target in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (ROOT / "notebooks" / target).exists(), target


def test_the_glossary_has_every_term_in_both_languages() -> None:
    page = (ROOT / "notebooks" / "glossary.md").read_text(encoding="utf-8")
    lines = [line.strip("|") for line in page.splitlines() if line.startswith("| ")]
    rows = [[part.strip() for part in line.split("|")] for line in lines]
    header, *terms = rows
    assert header == ["term", "français", "in one sentence", "en une phrase"] and len(terms) >= 60
    assert terms == sorted(terms, key=lambda row: row[0].lower())
    for term, french, english, phrase in terms:
        assert french and english.endswith(".") and phrase.endswith(".") and len(english.split()) < 25, term
        assert re.search(r" \((\d\d)\)$", term) and term[-3:-1] in HOLD, term
    named = " ".join(row[0] for row in terms).lower()
    bold = {word.lower() for key in HOLD if key != "00fr" for cell in cells(key) if cell["cell_type"] == "markdown"
            for word in re.findall(r"(?<!\*)\*\*([a-z][a-zA-Z -]+)\*\*(?!\*)", course.source(cell))}
    missing = {word for word in bold if word.rstrip("s") not in named}
    assert missing <= NO_TERMS, missing - NO_TERMS


def in_two_lines(text: str) -> list[ast.AST]:
    """Comprehensions within comprehensions that take more than a line."""
    kinds = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    nested = [node for node in ast.walk(ast.parse(plain)) if isinstance(node, kinds) and (
        len(node.generators) > 1 or any(isinstance(inner, kinds) for inner in ast.walk(node) if inner is not node))]
    return [node for node in nested if node.lineno != node.end_lineno]


@each
def test_code_can_be_read_by_a_second_year_student(key: str) -> None:
    for cell in cells(key):
        if cell["cell_type"] == "code":
            assert max(map(len, course.source(cell).splitlines())) <= 100, cell["id"]
            assert not in_two_lines(course.source(cell)), cell["id"]


@each
def test_each_prediction_has_its_place_and_its_score_and_is_not_given_away(key: str) -> None:
    lesson = cells(key)
    for i, cell in enumerate(lesson):
        if not PREDICT.search(course.source(cell)):
            continue
        assert cell["cell_type"] == "markdown" and len(PREDICT.findall(course.source(cell))) == 1, cell["id"]
        asked, read = lesson[i + 1], next(each for each in lesson[i + 1:] if each["cell_type"] == "markdown")
        code = course.source(asked)
        assert code.replace("%matplotlib inline\n", "").startswith("mine = {"), asked["id"]
        assert "scored(mine, " in code or "predictions.score(mine)" in code, asked["id"]
        said = "".join("".join(output.get("text", "")) for output in asked["outputs"])
        assert said.count("(no prediction written)") or said.startswith("· "), asked["id"]
        assert read["id"].endswith("-read"), f"{asked['id']} is followed by {read['id']}"
    folded = {cell["id"]: course.source(cell) for cell in course.student({"cells": lesson})["cells"]}
    for name, text in folded.items():
        assert text.startswith("<details>") == name.endswith("-read"), name


@each
def test_numbers_are_written_for_every_country_and_none_is_a_bare_truth(key: str) -> None:
    lesson = course.read(course.LESSONS[key])["cells"]
    outputs = [output for cell in lesson for output in cell.get("outputs", [])]
    said = ["".join(output.get("text", "")) for output in outputs]
    for text in [*map(course.source, lesson), *said]:
        assert not re.search(r"\b\d{1,3},\d{3}\b", text), text
    for text in said:
        assert not re.search(r"\b(True|False)\b", text), text


def test_the_rules_see_what_they_forbid() -> None:
    assert in_two_lines("x = [[a for a in b]\n     for b in c]") and not in_two_lines("x = [[a for a in b] for b in c]")
    assert in_two_lines("x = [a for b in c\n     for a in b]") and not in_two_lines("x = [a\n     for a in b]")
    long = json.loads(json.dumps(cells("00"))) * 3
    assert minutes(long) > 3 * minutes(cells("00")) - 0.01
