"""Every line of Python in the README runs, top to bottom, as one session; the commands are the documented ones.

`python tests/test_readme.py` puts what `refquant claims --out .readme/claims` found into the README and the package,
what `python tests/benchmarks/all.py .readme` found, and table and picture of `refquant engines`, into the README.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from helpers import needs

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = {"dask": "distributed", "torch": "conformance", "onnx": "conformance", "onnxruntime": "conformance"}
CLAIMS, SHIPPED = ROOT / ".readme" / "claims", ROOT / "refquant" / "study" / "claims" / "claims.json"
BENCHMARKS = ROOT / ".readme" / "benchmarks.md"
README = (ROOT / "README.md").read_text(encoding="utf-8")


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def between(name: str) -> str:
    """What a command put into the README."""
    first, last = marks(name)
    return README.split(first)[1].split(last)[0].strip()


def benchmarks() -> str:
    """The machine, and what, against whom, ratio and quartiles of each row, of the whole table."""
    machine, table = BENCHMARKS.read_text(encoding="utf-8").split("\n\n")[1:3]
    rows = [[line.strip("| ").split(" | ")[i] for i in (0, 1, 4, 5)] for line in table.splitlines()]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", machine])


def engines() -> str:
    """The disagreement table, computed."""
    from refquant.study.engines.table import table, to_markdown

    return to_markdown(table()).strip()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def run(chosen: list[str]) -> None:
    names: dict[str, Any] = {}
    for block in chosen:
        exec(compile(block, "README.md", "exec"), names)


def test_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run([block for block in blocks("python") if not any(f"import {package}" in block for package in EXTRAS)])
    assert "bytes" in capsys.readouterr().out


@pytest.mark.conformance
@pytest.mark.distributed
def test_python_runs_with_every_extra() -> None:
    for package, extra in EXTRAS.items():
        needs(package, extra)
        assert any(f"import {package}" in block for block in blocks("python"))
    run(blocks("python"))


def test_observers_run_on_dask_in_five_lines() -> None:
    block, = (block for block in blocks("python") if "import dask" in block)
    assert len(block.strip().splitlines()) == 5


def test_the_verdict_table_is_what_the_records_say() -> None:
    from refquant.study.claims.report import to_json, to_markdown
    from refquant.study.claims.run import published

    found = published(CLAIMS)
    assert found.settings["seeds"] >= 20
    assert (CLAIMS / "claims.json").read_text(encoding="utf-8") == to_json(found) == SHIPPED.read_text(encoding="utf-8")
    assert between("refquant claims") == to_markdown(found).strip()


def test_the_benchmarks_are_those_of_the_command() -> None:
    assert between("benchmarks") == benchmarks()


def test_the_disagreement_table_is_the_computed_one() -> None:
    assert between("refquant engines") == engines()


def test_extensions_take_at_most_15_lines() -> None:
    section = README.split("## Extend it")[1].split("\n## ")[0]
    for block in re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        assert len(block.strip().splitlines()) <= 15


def test_both_commands_set_themselves_up_in_every_shell() -> None:
    lines = [line for language in ("sh", "powershell") for block in blocks(language) for line in block.splitlines()]
    assert len(lines) == 4 and all("-m venv .venv" in line and "pip install" in line for line in lines)


def test_links_and_pictures_exist() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).exists(), target


def test_the_map_names_every_module() -> None:
    named = set(re.findall(r"refquant/([\w/]+?)(?:\.py)?\)", README))
    modules = {p.stem if p.is_file() else p.name for p in (ROOT / "refquant").iterdir() if not p.name.startswith("_")}
    assert modules - {"py"} <= named | {"py"} and named <= modules, modules ^ named


if __name__ == "__main__":
    for name, table in (("refquant claims", (CLAIMS / "claims.md").read_text(encoding="utf-8").strip()),
                        ("refquant engines", engines()), ("benchmarks", benchmarks())):
        first, last = marks(name)
        README = f"{README.split(first)[0]}{first}\n{table}\n{last}{README.split(last)[1]}"
    (ROOT / "README.md").write_text(README, encoding="utf-8")
    SHIPPED.write_bytes((CLAIMS / "claims.json").read_bytes())
    from refquant.study.engines.figures import engines_around_ties
    from refquant.study.engines.table import staircases
    from refquant.study.plots.style import png

    (ROOT / ".readme" / "engines.png").write_bytes(png(engines_around_ties(staircases())))
