"""What the package promises about itself: small, layered, documented, light to import."""

import ast
import inspect
import io
import os
import re
import runpy
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import refquant as rq

ROOT = Path(rq.__file__).parent
CORE = ["arguments", "rules", "grids", "affine", "ranges", "clipping", "observers", "calibration", "blocks",
        "chunks", "gradients", "integer", "packing", "metrics"]
MLP = ["model", "train", "quantized", "ptq", "deploy", "qat", "export"]
PUBLIC = [(f"{module.__name__}.{name}", getattr(module, name)) for module in (rq, rq.mlp) for name in module.__all__]
DOCUMENTED = [(name, thing) for name, thing in PUBLIC if inspect.isfunction(thing) or inspect.isclass(thing)]


def imported(path: Path) -> set[str]:
    """What a file imports of the package, from its root: {"grids", "mlp.model"}."""
    here, found = path.relative_to(ROOT).parts[:-1], set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*here[:len(here) - node.level + 1], *([node.module] if node.module else [])])
            found |= {base} if node.module else {f"{base}.{a.name}".strip(".") for a in node.names}
    return found


def code_lines(path: Path) -> int:
    """Lines with code: no blanks, comments or docstrings."""
    source, lines = path.read_text(encoding="utf-8"), set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
                              tokenize.ENDMARKER):
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return len(lines)


def test_core_and_mlp_read_in_an_evening(capsys: pytest.CaptureFixture[str]) -> None:
    count = sum(code_lines(path) for path in [*ROOT.glob("*.py"), *(ROOT / "mlp").glob("*.py")])
    with capsys.disabled():
        print(f"\ncore and mlp: {count} lines of code of at most 1200")
    assert count <= 1200


def test_every_core_module_is_in_the_reading_order() -> None:
    assert {p.stem for p in ROOT.glob("*.py")} == {*CORE, "__init__", "__main__"}
    assert {p.stem for p in (ROOT / "mlp").glob("*.py")} == {*MLP, "__init__"}


@pytest.mark.parametrize("module", CORE)
def test_core_imports_go_down(module: str) -> None:
    assert imported(ROOT / f"{module}.py") <= set(CORE[:CORE.index(module)])


def test_the_formula_knows_grids_and_checks_alone() -> None:
    assert imported(ROOT / "affine.py") == {"arguments", "grids"}


@pytest.mark.parametrize("module", MLP)
def test_mlp_imports_go_down(module: str) -> None:
    methods = (f"methods.{p.stem}" for p in (ROOT / "methods").glob("*.py"))
    below = {*CORE, *methods, *(f"mlp.{name}" for name in MLP[:MLP.index(module)])}
    assert imported(ROOT / "mlp" / f"{module}.py") <= below


@pytest.mark.parametrize("path", sorted((ROOT / "methods").glob("*.py")), ids=lambda p: p.stem)
def test_methods_stand_on_the_core(path: Path) -> None:
    assert imported(path) <= {*CORE, *(f"methods.{p.stem}" for p in path.parent.glob("*.py"))}


@pytest.mark.parametrize("path", sorted((ROOT / "engines").rglob("*.py")), ids=lambda p: p.stem)
def test_engines_stand_on_the_core(path: Path) -> None:
    assert {name for name in imported(path) if not name.startswith("engines.")} <= set(CORE)


@pytest.mark.parametrize("path", sorted((ROOT / "testing").glob("*.py")), ids=lambda p: p.stem)
def test_testing_does_not_import_study(path: Path) -> None:
    assert not any(name.startswith("study") for name in imported(path))


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
    assert list(rq.RULES) == [f"R{i}" for i in range(1, 17)]
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


def test_integer_results_do_not_depend_on_blas_threads() -> None:
    def printed(threads: str) -> str:
        env = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "PYTHONHASHSEED": "0"}
        return subprocess.run([sys.executable, "-c", INTEGERS], env=env, capture_output=True, text=True,
                              check=True).stdout

    assert printed("1") == printed("2")


def test_every_name_of_the_map_exists() -> None:
    assert len(set(rq.__all__)) == len(rq.__all__)
    assert all(hasattr(rq, name) for name in rq.__all__)
