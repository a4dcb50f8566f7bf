"""What the package promises about itself: small, layered, documented, light to import."""

import ast
import inspect
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refquant as rq

ROOT = Path(rq.__file__).parent
PUBLIC = [(f"{module.__name__}.{name}", getattr(module, name)) for module in (rq, rq.mlp, rq.lm)
          for name in module.__all__]
DOCUMENTED = [(name, thing) for name, thing in PUBLIC if inspect.isfunction(thing) or inspect.isclass(thing)]


#: The lines of code that a room may have, and its files. Docstrings, comments and blank lines do not count. Raising
#: a limit needs a sentence in CHANGELOG.md that says why.
LIMITS = {
    "the formula's path": (520, "refquant/grids* refquant/affine* refquant/ranges* refquant/blocks* "
                                "refquant/calibration* refquant/gradients* -refquant/grids/stored*"),
    "core, with clipping and observers": (1700, "refquant/*.py refquant/grids refquant/clipping refquant/observers"),
    "methods": (400, "refquant/methods"),
    "mlp without export": (850, "refquant/mlp -refquant/mlp/export*"),
    "lm": (450, "refquant/lm"),
    "engines": (1500, "refquant/engines"),
    "testing": (3300, "refquant/testing"),
    "study": (7900, "refquant/study"),
    "course": (3500, "refquant/course"),
    "all of refquant": (19_700, "refquant"),
    "tests": (19_900, "tests"),
    "a file, tables apart": (200, "refquant"),
    "a function": (30, "refquant"),
}


def files(patterns: str) -> list[Path]:
    """The files of a room; -pattern leaves some out."""
    found: set[Path] = set()
    for pattern in patterns.split():
        places = list(ROOT.parent.glob(pattern.removeprefix("-")))
        matching = {file for place in places for file in (place.rglob("*.py") if place.is_dir() else [place])}
        found = found - matching if pattern.startswith("-") else found | matching
    return sorted(found)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def code(path: Path) -> set[int]:
    """The numbers of the lines with code: no blanks, comments or docstrings."""
    nodes = list(ast.walk(parsed(path)))
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    written = {number for number, line in lines if line.strip() and not line.lstrip().startswith("#")}
    texts = within(node for node in nodes if isinstance(node, ast.JoinedStr | ast.Constant)
                   and node.lineno != node.end_lineno)  # any line of theirs is code, until they are docstrings
    return (written | texts) - within(node for node in nodes if isinstance(node, ast.Expr)
                                      and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))


def within(nodes: Iterable[ast.stmt | ast.expr]) -> set[int]:
    return {line for node in nodes for line in range(node.lineno, (node.end_lineno or 0) + 1)}


def tables(path: Path) -> set[int]:
    """The lines of a module's tables: what is assigned as a display of a dict, a list, a tuple or a set."""
    return within(node for node in parsed(path).body if isinstance(node, ast.Assign | ast.AnnAssign)
                  and isinstance(node.value, ast.Dict | ast.List | ast.Tuple | ast.Set))


def counted(what: str, room: list[Path]) -> list[tuple[int, str]]:
    """Lines of code: of the whole room, or of each file or function, the longest last."""
    if what == "a file, tables apart":
        return sorted((len(code(path) - tables(path)), str(path.relative_to(ROOT))) for path in room)
    if what == "a function":
        return sorted((len(code(path) & within([node])), f"{path.relative_to(ROOT)}: {node.name}")
                      for path in room for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef))
    return [(sum(len(code(path)) for path in room), "")]


def test_every_room_keeps_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    over = []
    with capsys.disabled():
        print("\n\nlines of code      limit")
        for what, (limit, patterns) in LIMITS.items():
            found = counted(what, files(patterns))
            print(f"{found[-1][0]:13,}  {limit:9,}  {what}  {found[-1][1]}".rstrip())
            over += [f"{name or what}: {lines} of at most {limit}" for lines, name in found if lines > limit]
    assert not over, "\n".join(over)


def test_import_takes_numpy_and_nothing_else() -> None:
    code = "import sys, refquant; print(*{name.split('.')[0] for name in sys.modules})"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    others = {n for n in names if n not in sys.stdlib_module_names and not n.startswith(("_", "cython_runtime"))}
    assert others - {"numpy", "refquant", "mpl_toolkits", "sitecustomize"} == set()
    assert "multiprocessing" not in names and "matplotlib" not in names


@pytest.mark.parametrize(("name", "thing"), DOCUMENTED, ids=[name for name, _ in DOCUMENTED])
def test_public_names_are_documented_by_an_example(name: str, thing: Any) -> None:
    first = (inspect.getdoc(thing) or "").splitlines()[0]
    assert first and not first.startswith(f"{thing.__name__}(bits") and len(first) > 20, name
    assert ">>> " in thing.__doc__, name


def test_rules_are_numbered_and_messages_cite_only_them() -> None:
    assert list(rq.RULES) == [f"R{i}" for i in range(1, 19)]
    for path in ROOT.rglob("*.py"):
        cited = set(re.findall(r"\bR\d+\b", path.read_text(encoding="utf-8")))
        assert cited <= set(rq.RULES), path


def test_the_package_runs_as_a_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["refquant", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("refquant", run_name="__main__")
    assert end.value.code == 0 and capsys.readouterr().out == f"refquant {rq.__version__}\n"


ELEMENTWISE = [rq.quantize, rq.fake_quantize, lambda x, p: rq.dequantize(rq.quantize(x, p), p)]


@pytest.mark.parametrize("f", ELEMENTWISE, ids=["quantize", "fake_quantize", "dequantize"])
def test_results_do_not_depend_on_layout_or_chunking_and_nothing_is_written_to(f: Any) -> None:
    x = np.random.default_rng(0).normal(size=(60, 40)).astype(np.float32)
    params = rq.dynamic_params(x, rq.INT8, 0)
    before, expected = x.tobytes(), f(x, params)
    views = (np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], x[::-1].copy()[::-1], x.astype(">f4"))
    for same in (*(f(view, params) for view in views), np.concatenate([f(part, params) for part in np.split(x, 6)]),
                 rq.in_chunks(f, x, params)):
        assert same.dtype == expected.dtype and (same == expected).all()
    assert x.tobytes() == before and not params.scale.flags.writeable


INTEGERS = """
import numpy as np, refquant as rq
rng = np.random.default_rng(0)
a, b = (rng.integers(-128, 128, s).astype(np.int8) for s in ((70, 3000), (3000, 50)))
net, x = rq.mlp.init(rng, (3000, 64, 10)), a.astype(np.float32)
step = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT8)
static = rq.mlp.quantize_net(net, [step, step], [rq.symmetric_params(*rq.minmax(w), rq.INT8) for w in net.weights])
print(hash(rq.integer_matmul(a, b).tobytes()), hash(rq.mlp.forward_integer(static, x).tobytes()),
      hash(rq.mlp.forward_quantized(rq.mlp.ptq_dynamic(net), x).tobytes()))
"""


@pytest.mark.slow
def test_integer_results_do_not_depend_on_blas_threads() -> None:
    def printed(threads: str) -> str:
        env = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "PYTHONHASHSEED": "0"}
        return subprocess.run([sys.executable, "-c", INTEGERS], env=env, capture_output=True, text=True,
                              check=True).stdout

    assert printed("1") == printed("2")


def test_every_name_of_the_map_exists() -> None:
    assert len(set(rq.__all__)) == len(rq.__all__)
    assert all(hasattr(rq, name) for name in rq.__all__)
