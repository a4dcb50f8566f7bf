"""The README's generated parts and the pages that show names and tables: python tests/pages.py writes them anew.

Verdicts come from .readme/claims/records, engines from their formulas, names from the package.
"""

import ast
import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from quantizers.pasted import FIRST, QUANTIZERS
from quantizers.tables import RECORDED, UINT8
from quantizers.tables import rows as recorded_rows

import refquant as rq
from refquant import testing
from refquant.engines.operators import short
from refquant.study.claims.report import better, to_json, to_markdown
from refquant.study.claims.run import published
from refquant.study.engines.table import departures, grouped, page, table

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".readme"
CLAIMS, SHIPPED = FOLDER / "claims", ROOT / "refquant" / "study" / "claims" / "claims.json"
VERDICTS = ("ptq-degrades.min-max.4", "qat-improves.W4A4.text", "dynamic-accurate.MSE.W32A4.text",
            "dynamic-always.hot.4", "channel-better.output.W4A32.text")
ROWS = ("ties", "pairs", "float-ties", "shared-exponent")
computed, measured = cache(table), cache(lambda: published(CLAIMS))


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def between(text: str, name: str) -> str:
    """What stands between a name's marks."""
    first, last = marks(name)
    return text.split(first)[1].split(last)[0].strip()


def verdicts() -> str:
    """A line for each of VERDICTS: what people say, what was compared, its effect and verdict."""
    every = {r.id: (t.sentence.says, r, o) for t in measured().answers for r, o in t.outcomes}
    return "\n".join(
        f"- [{says}](.readme/claims/claims.md) **{o.verdict}**: {r.says}. {better(r, o).replace('the', 'The', 1)}."
        for says, r, o in (every[id] for id in VERDICTS))


def rows() -> str:
    """A line for each of ROWS: the first case of the question, the rule's answer and those of others."""
    lines = []
    for answered in computed(ROWS):
        case, given = answered.cases[0], {}
        for gives, _, engines in grouped(case):
            given.setdefault(gives, []).extend(engines)
        others = " ".join(f"{', '.join(map(short, names))}: **{gives}**." for gives, names in given.items())
        question = answered.question
        lines.append(f"- [{question.asks}](.readme/engines.md) Given: {case.given}. The rule: **{case.rule.gives}**. "
                     f"{others}".replace(" * ", " × "))
    return "\n".join(lines)


def minutes(place: Path) -> int:
    """How long a file or a folder takes to read, at 200 words a minute."""
    files = [place] if place.is_file() else place.rglob("*.py")
    return max(1, round(sum(len(file.read_text(encoding="utf-8").split()) for file in files) / 200))


PARTS = {"verdicts": verdicts, "engines": rows}


# ------------------------------------------------------------------------------------------------ the reference

def modules() -> dict[str, ModuleType]:
    return {"rq": rq, "rq.mlp": rq.mlp, "rq.lm": rq.lm, "rq.methods": rq.methods, "refquant.testing": testing}


def reference() -> str:
    """Every public name: signature, the docstring's first line, the rules it names, the engines that differ."""
    different = departing()
    parts = ["# Reference", (
        "Every public name with its signature and the first line of its documentation, which is its formula. Then the "
        "rules that its documentation names (`rq.RULES` has their text), and the engines that differ, as "
        "[the table of engines](engines.md) has it. `help(rq.quantize)` shows the rest, with examples.")]
    parts += ["## The map", "\n".join(["| module | what it holds |", "|---|---|", *map(row, sorted(
        path for path in (ROOT / "refquant").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()))])]
    for place, module in modules().items():
        parts += [f"## {place}", "\n".join(["| name | formula | rules | engines that differ |", "|---|---|---|---|", *(
            entry(name, getattr(module, name), different) for name in module.__all__)])]
    return "\n\n".join(parts) + "\n"


def row(path: Path) -> str:
    """A module, and the first line of its documentation."""
    text = (path if path.is_file() else path / "__init__.py").read_text(encoding="utf-8")
    return f"| [{path.name}](../refquant/{path.name}) | {first(ast.get_docstring(ast.parse(text)) or '')} |"


def departing() -> dict[str, list[str]]:
    """Rule -> the packages of which some operator departs from it."""
    found: dict[str, set[str]] = {}
    for engine, questions in departures(computed()).items():
        for rule in {rule for question in questions for rule in question.rules}:
            found.setdefault(rule, set()).add(short(engine).split()[0].replace("ONNX", "ONNX Runtime"))
    return {rule: sorted(names) for rule, names in found.items()}


def entry(name: str, thing: Any, different: dict[str, list[str]]) -> str:
    """A row of the reference."""
    value = not (isinstance(thing, ModuleType) or inspect.isroutine(thing) or inspect.isclass(thing))
    text = "" if value else inspect.getdoc(thing) or ""
    rules = sorted(set(re.findall(r"\bR\d+\b", text)), key=lambda rule: int(rule[1:]))
    of_grids = inspect.isclass(thing) and issubclass(thing, rq.Grid)  # the table of engines is about integers
    differ = [] if of_grids else sorted({engine for rule in rules for engine in different.get(rule, ())})
    about = first(text) or described(thing)
    cells = (f"`{name}{signature(thing)}`", about, ", ".join(rules), ", ".join(differ))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def described(thing: Any) -> str:
    """What a value is."""
    if isinstance(thing, dict):
        return f"a dict of {len(thing)} entries"
    if isinstance(thing, rq.Grid):
        return f"{type(thing).__name__} of {thing.bits} bits, from {thing.qmin:,.10g} to {thing.qmax:,.10g}"
    return first(inspect.getdoc(type(thing)) or "")


def first(text: str) -> str:
    """The first line, or sentence, of a docstring."""
    return " ".join(text.split("\n\n")[0].split())


def signature(thing: Any) -> str:
    """The arguments with their defaults, without their types; nothing for modules and values."""
    if not callable(thing) or isinstance(thing, ModuleType):
        return ""
    try:
        arguments = inspect.signature(thing).parameters.values()
    except ValueError:
        return ""
    bare = (p.replace(annotation=p.empty, default=p.default if p.default is p.empty else Shown(p.default))
            for p in arguments)
    return str(inspect.Signature(list(bare)))


class Shown:
    """A default as one would write it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        named = re.sub(r"<class '(?:numpy\.)?(\w+)'>", r"\1", repr(self.value))
        public = (name for name in rq.__all__ if getattr(rq, name) is self.value)
        return next(public, getattr(self.value, "__name__", named))


# ------------------------------------------------------------------------------------------------ the quantizers

def quantizers() -> str:
    """What the kit says of quantizers of others: a table, then the lines to paste and what they print."""
    packages = {q.package for q in QUANTIZERS}
    versions = dict(re.findall(r'"([\w-]+)==([\w.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    tables = {q.package: recorded_rows(q.package) for q in RECORDED}
    versions |= {package: f"{version}, recorded" for package, (version, _) in tables.items()}
    parts = ["# Quantizers of others", (
        f"What the kit, `refquant.testing`, says of {len(QUANTIZERS)} quantizers in {len(packages)} packages. "
        "Their source says what to expect; the lines below say it too. CI runs them, in an environment with "
        "these versions (`pip install -e '.[test,quantizers]'`, `pytest -m quantizers`). A deviation from the rules is "
        "no fault by itself: it may be intended. Of a counter-example, only the rule and the hint are shown. The codes "
        f"of {len(RECORDED)} more packages, large ones or hard to install, were recorded once, in "
        "`tests/golden/quantizers.json`; the tests hold what `identify` says of these rows. Before each, paste:"),
        f"```python\n{FIRST}\n```"]
    parts += ["\n".join(["| package | quantizer | in its source | verdict |", "|---|---|---|---|", *(
        f"| {q.package} {versions[q.package]} | {q.name} | `{q.source}` | {q.verdict} |".replace("max|x|", "max\\|x\\|")
        for q in [*QUANTIZERS, *RECORDED])])]
    for q in QUANTIZERS:
        parts += [f"## {q.package}: {q.name}", f"```python\n{q.lines}\n```",
                  f"```text\n{q.says}\n```" if q.says else "It is right: nothing is raised."]
    for q in RECORDED:
        version, table = tables[q.package]
        parts += [f"## {q.package}: {q.name}", f"```python\n{q.lines}\n```", (
            f"Of version {version}, {len(table):,} rows (x, scale, zero point, code) are recorded, of "
            f"`{'by_range(mine)' if 'lo, hi' in q.lines else 'mine'}`. "
            "`print(identify(rows, grid=rq.UINT8))`:"), f"```text\n{testing.identify(table, grid=UINT8)}\n```"]
    return "\n\n".join(parts) + "\n"


# ------------------------------------------------------------------------------------------------ all of them

def readme() -> str:
    """The README, its generated parts made anew."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, make in PARTS.items():
        start, end = marks(name)
        text = f"{text.split(start)[0]}{start}\n{make()}\n{end}{text.split(end)[1]}"
    return text


PAGES: dict[Path, Callable[[], str]] = {
    ROOT / "README.md": readme,
    CLAIMS / "claims.md": lambda: to_markdown(measured()),
    CLAIMS / "claims.json": lambda: to_json(measured()),
    SHIPPED: lambda: to_json(measured()),
    FOLDER / "engines.md": lambda: page(computed()),
    FOLDER / "reference.md": reference,
    FOLDER / "quantizers.md": quantizers,
}


if __name__ == "__main__":
    from refquant.study.engines.figures import engines_around_ties
    from refquant.study.engines.table import staircases
    from refquant.study.plots.style import png

    for path, make in PAGES.items():
        path.write_text(make(), encoding="utf-8", newline="\n")
    (FOLDER / "engines.png").write_bytes(png(engines_around_ties(staircases())))
