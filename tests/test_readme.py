"""The README stays short and plain, its code runs from top to bottom and prints what it shows, its pages are computed.

`python tests/pages.py` writes the generated parts and pages anew.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pages
import pytest
from helpers import needs

import refquant as rq
import refquant.testing

ROOT = pages.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROSE = re.sub(r"^```.*?^```$|<!--.*?-->|^    .*?$", "", README, flags=re.MULTILINE | re.DOTALL)
#: Code, and what it prints.
SHOWN = re.findall(r"^```python\n(.*?)^```\n+```text\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150 and len(README.encode()) <= 9_000
    assert all(len(line) <= 100 for line in README.splitlines() if line.startswith("|"))


def test_no_sentence_has_more_than_25_words() -> None:
    text = re.sub(r"\]\([^)]*\)", "]", PROSE)
    sentences = (part for paragraph in re.split(r"\n\n|\n- |\n#+ ", text)
                 for part in re.split(r"(?<=[.?!])[*\])]*\s", paragraph))
    long = [sentence for sentence in sentences if len(re.findall(r"[^\W_]\S*", sentence)) > 25]
    assert not long, "\n\n".join(long)


def test_every_snippet_prints_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(SHOWN) == len(blocks("python")) >= 3
    names: dict[str, Any] = {}
    for code, shown in SHOWN:
        exec(compile(code, "README.md", "exec"), names)
        assert capsys.readouterr().out == shown


@pytest.mark.slow
def test_every_snippet_prints_what_is_shown_from_the_wheel_in_an_empty_folder(tmp_path: Path) -> None:
    def run(*command: object, **more: Any) -> str:
        return subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True, text=True,
                              **more).stdout

    sources = tmp_path / "sources"  # a copy, as building leaves a folder beside the sources
    shutil.copytree(ROOT / "refquant", sources / "refquant")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    run("-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "wheels", sources)
    wheel, = (tmp_path / "wheels").glob("*.whl")
    run("-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path / "site", wheel)
    (tmp_path / "empty").mkdir()
    code = "import refquant; print(refquant.__file__)\n" + "\n".join(code for code, _ in SHOWN)
    where, printed = run("-c", code, cwd=tmp_path / "empty", env={
        **os.environ, "PYTHONPATH": str(tmp_path / "site")}).split("\n", 1)
    assert Path(where).is_relative_to(tmp_path / "site")
    assert printed == "".join(shown for _, shown in SHOWN)


X = np.random.default_rng(0).normal(size=(4, 3))
#: Examples in docstrings that need an extra: the module, what it imports, the extra, and the names that stand before.
EXAMPLES: dict[str, tuple[Any, str, str, dict[str, Any]]] = {
    "dask": (rq.observers, "dask", "distributed", {"x": X}),
    "torch": (sys.modules["refquant.testing.identify"], "torch", "conformance", {
        "identify": refquant.testing.identify}),
    "onnx": (rq.mlp.export, "onnxruntime", "conformance", {
        "x": X, "qnet": rq.mlp.ptq_static(rq.mlp.init(np.random.default_rng(0), (3, 4, 2)), [X])}),
}


def example(name: str) -> str:
    """The indented part of the module's documentation that imports the package."""
    module, package, *_ = EXAMPLES[name]
    return dedent(re.search(rf"(?:^    import {package}.*\n)(?:(?:    .*)?\n)+", module.__doc__, re.MULTILINE)[0])  # type: ignore[index]


@pytest.mark.conformance
@pytest.mark.distributed
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_that_need_an_extra_run(name: str) -> None:
    _, package, extra, names = EXAMPLES[name]
    needs(package, extra)
    exec(compile(example(name), name, "exec"), {"rq": rq, "np": np, **names})


def test_observers_run_on_dask_in_five_lines() -> None:
    assert len(example("dask").strip().splitlines()) == 5


def test_my_network_takes_five_lines() -> None:
    code, = (code for code, _ in SHOWN if "mlp.Net(" in code)
    assert len(code.splitlines()) <= 5


@pytest.mark.parametrize("path", pages.PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_generated_pages_are_computed(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages.PAGES[path]()


def test_verdicts_and_rows_are_five_and_four_and_link_to_their_pages() -> None:
    for name, n in (("verdicts", 5), ("engines", 4)):
        lines = pages.between(README, name).splitlines()
        assert len(lines) == n and all(re.match(r"- \[.*\]\(\.readme/.*\.md\)", line) for line in lines)


def test_the_claims_page_rests_on_enough_seeds() -> None:
    assert pages.measured().settings["seeds"] >= 20


@pytest.mark.parametrize("page", ["claims/claims.md", "engines.md", "benchmarks.md", "reference.md",
                                  "comparison.md"])
def test_each_page_begins_with_a_title_and_a_summary(page: str) -> None:
    title, summary, *_ = (ROOT / ".readme" / page).read_text(encoding="utf-8").split("\n\n")
    assert title.startswith("# ") and len(summary.split()) >= 25 and not summary.startswith("|")


def test_both_commands_set_themselves_up_in_every_shell() -> None:
    lines = [line for language in ("sh", "powershell") for block in blocks(language) for line in block.splitlines()]
    assert len(lines) == 4 and all("-m venv .venv" in line and "pip install" in line for line in lines)


def test_links_and_pictures_exist() -> None:
    for page in (ROOT / "README.md", *(ROOT / ".readme").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_reading_times_are_those_of_200_words_a_minute() -> None:
    found = re.findall(r"\]\((refquant/\w+(?:\.py)?)\) (\d+)", README)
    assert len(found) >= 12
    for place, minutes in found:
        assert abs(int(minutes) - pages.minutes(ROOT / place)) <= 2 + int(minutes) / 4, place


def test_the_reference_has_every_public_name() -> None:
    text = (ROOT / ".readme" / "reference.md").read_text(encoding="utf-8")
    for module in pages.modules().values():
        assert all(re.search(rf"^\| `{name}[(`]", text, re.MULTILINE) for name in module.__all__)
