"""The course: small files, short cells, and outputs that a clean kernel gives again.

`python tests/course/test_notebooks.py` executes the notebooks anew and stores what they print.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers import needs
from messages import alike

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}}
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/<~])/(?:[\w.-]+/)+[\w.-]+|\b[A-Za-z]:\\\w")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def joined(text: str | list[str]) -> str:
    return "".join(text)


def printed(cell: Any) -> Iterator[tuple[str, str]]:
    """What a cell says in words, and which pictures it shows: one (kind, text) each, streams joined."""
    stream = "".join(joined(output["text"]) for output in cell["outputs"] if output["output_type"] == "stream")
    if stream:
        yield "stream", stream
    for output in cell["outputs"]:
        for kind, data in sorted(output.get("data", {}).items()):
            yield kind, joined(data) if kind == "text/plain" else ""


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@each
def test_file_is_small_and_says_nothing_of_where_it_was_made(path: Path) -> None:
    notebook = read(path)
    assert path.stat().st_size < 500_000
    assert notebook["metadata"] == METADATA
    assert {key for cell in notebook["cells"] for key in cell["metadata"]} <= {"tags"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]+", name) for name in ids)
    texts = [joined(cell["source"]) for cell in notebook["cells"]]
    texts += [text for cell in code_cells(notebook) for _, text in printed(cell)]
    assert [found for text in texts for found in ABSOLUTE_PATH.findall(text)] == []


@each
def test_cells_are_short_and_run_in_order_without_error(path: Path) -> None:
    cells = code_cells(read(path))
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        outputs = cell["outputs"]
        assert len(joined(cell["source"]).splitlines()) <= 12, cell["id"]
        assert {o["output_type"] for o in outputs} <= {"stream", "execute_result", "display_data"}, cell["id"]
        assert {o["name"] for o in outputs if o["output_type"] == "stream"} <= {"stdout"}, cell["id"]
        assert all(o.get("execution_count", cell["execution_count"]) == cell["execution_count"] for o in outputs)


@each
def test_every_exercise_is_followed_by_its_solution(path: Path) -> None:
    tags = [cell["metadata"].get("tags", []) for cell in read(path)["cells"]]
    exercises = [i for i, tag in enumerate(tags) if tag == ["exercise"]]
    assert exercises or path.name.startswith("00")
    assert [i for i, tag in enumerate(tags) if tag == ["solution"]] == [i + 1 for i in exercises]


def executed(path: Path) -> Any:
    """The notebook as a clean kernel gives it, without timestamps."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", record_timing=False, coalesce_streams=True,
                   resources={"metadata": {"path": str(ROOT)}}).execute()
    notebook.metadata = METADATA
    return notebook


def seconds_of_processes() -> float:
    """What ended child processes have computed, the kernel among them; 0 on Windows, which does not tell."""
    used = os.times()
    return used.children_user + used.children_system


def without_pictures(notebook: Any) -> str:
    """All of the file but the pictures' bytes, which other fonts or versions of matplotlib may change."""
    return re.sub(r'("image/png": )"[^"]*"', r'\1""', json.dumps(notebook, ensure_ascii=False, sort_keys=True))


@pytest.mark.notebooks
@each
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_a_clean_kernel_gives_what_is_stored_in_under_a_minute(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat, _, _ = (needs(package, "notebooks") for package in ("nbformat", "nbclient", "ipykernel"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    began, worked = time.perf_counter(), seconds_of_processes()
    made = json.loads(nbformat.writes(executed(path)))
    whole, alone = time.perf_counter() - began, seconds_of_processes() - worked
    seconds = min(whole, alone or whole)  # others may keep the cores busy
    for stored, fresh in zip(code_cells(read(path)), code_cells(made), strict=True):
        pairs = zip(printed(fresh), printed(stored), strict=True)
        assert all(now[0] == then[0] and alike(now[1], then[1]) for now, then in pairs), stored["id"]
    assert alike(without_pictures(made), without_pictures(read(path)))
    assert seconds < 60


if __name__ == "__main__":
    import nbformat

    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    for each_path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
        nbformat.write(executed(each_path), each_path)
