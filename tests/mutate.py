"""Mutation test: does a test notice every small mistake that somebody could make in the core, its rules and the mlp?

    python tests/mutate.py 300 --seed 0

draws 300 mutants. In each, the text of one module is changed in one place: a number or bool, a keyword argument, a
condition, an operator or a name of SWAPS. A child process imports the changed text in place of the file, which stays as
it is, and runs the tests concerned, the module's own first, until one fails. The survivors are printed,

    refquant/ranges.py:77: the source line
        -> the line as it was changed
        why nobody can notice

and one without a reason in equivalent_mutants.json, {source line: {changed line: reason}}, is a failure, as is a reason
without its line. Most mutants take two seconds, a survivor half a minute: 300 take ten minutes on two quiet cores.
"""
import argparse
import ast
import json
import os
import random
import sys
from collections import namedtuple
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from itertools import accumulate, pairwise
from multiprocessing import Process, pool
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = [p for room in ("", "grids", "clipping", "observers", "mlp") for p in (ROOT / "refquant" / room).glob("*.py")
           if p.stem not in ("__main__", "_start", "export")]  # export is held by the tests of conformance
TESTS = (("test_*.py", "clipping/test_*.py", "observers/test_*.py", "testing/**/test_laws*.py"),
         ("mlp/test_*.py", "test_values.py"))  # of all but mlp, and of mlp
OPTIONS = ("-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-k",
           "not (mutant_dies or dask or package.py or layers.py or left_out.py or readme.py or benchmarks.py)")
PASSED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "is": "is not", "is not": "is", "in": "not in",
    "not in": "in", "and": "or", "or": "and", "+": "-", "-": "+", "*": "/", "/": "*", "//": "/", "%": "*", "**": "*",
    "@": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "^": "&", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=",
    "|=": "&=", "&=": "|=", "<<=": ">>=", ">>=": "<<=", "min": "max", "max": "min", "minimum": "maximum",
    "maximum": "minimum", "argmin": "argmax", "argmax": "argmin", "any": "all", "all": "any", "floor": "ceil",
    "ceil": "floor", "rint": "trunc", "qmin": "qmax", "qmax": "qmin", "int8": "int16", "int16": "int32",
    "int32": "int64", "int64": "int32", "uint8": "uint16", "float16": "float32", "float32": "float64",
    "float64": "float32"}
Mutant = namedtuple("Mutant", "path number line changed text")  # one line of the module's text is changed


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a module; types and messages stay."""
    source = path.read_text("utf-8")
    starts, tree = list(accumulate(map(len, source.splitlines(keepends=True)), initial=0)), ast.parse(source)
    for node in ast.walk(tree):
        node.annotation = node.returns = node.exc = None
        if isinstance(node, ast.JoinedStr):
            node.values = []
        if hasattr(node, "lineno"):
            node.begin = starts[node.lineno - 1] + node.col_offset
            node.end = starts[node.end_lineno - 1] + node.end_col_offset
    for node in ast.walk(tree):
        for start, old, new in changes(node, source):
            at = source.index(old, start)
            text, number = source[:at] + new + source[at + len(old):], source.count("\n", 0, at)
            line, changed = (t.splitlines()[number].strip() for t in (source, text))
            yield Mutant(path, number + 1, line, changed, text)


def changes(node: ast.AST, source: str) -> Iterator[tuple[int, str, str]]:
    """(start, old, new) of each change to this very node: the first `old` behind `start` becomes `new`."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.BinOp() | ast.AugAssign():
            for left, right in pairwise(n for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr)):
                symbol = source[left.end:right.begin].strip(" ()\n")
                yield left.end, symbol, SWAPS[symbol]
        case ast.UnaryOp():
            yield node.begin, "not" if isinstance(node.op, ast.Not) else source[node.begin], ""
        case ast.Constant(value=bool() | int() | float() as value):
            yield node.begin, source[node.begin:node.end], repr(not value if isinstance(value, bool) else value + 1)
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str() as name) if name in SWAPS:
            yield node.end - len(name) - 1, name, SWAPS[name]
        case ast.keyword(arg=str()):
            yield node.begin, source[node.begin:node.end] + "," * source.startswith(",", node.end), ""
        case ast.If() | ast.IfExp() if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield node.test.begin, "", "not "


def judge(mutant: Mutant) -> None:
    """With the mutant in place of its file, run the tests concerned, its own first; exit with 0 if none fails."""
    SourceFileLoader.get_code = lambda loader, name, of_file=SourceFileLoader.get_code: (
        compile(mutant.text, loader.path, "exec") if Path(loader.path) == mutant.path else of_file(loader, name))
    sys.path.insert(0, str(ROOT))
    stem, room, tests = mutant.path.stem, mutant.path.parent.name, ROOT / "tests"
    found = [p for pattern in TESTS[room == "mlp"] for p in sorted(tests.glob(pattern))]
    stages = [mutant.path, *(p for p in found if stem in p.stem or room in p.stem)], found
    with open(os.devnull, "w") as sys.stdout:
        sys.exit(any(pytest.main([*OPTIONS, *map(str, stage)]) not in PASSED for stage in stages))


def survives(mutant: Mutant) -> bool:
    """Whether the tests concerned pass, in a process of its own, in time."""
    child = Process(target=judge, args=(mutant,))
    child.start()
    child.join(120)  # seconds: what takes longer is noticed
    child.kill()
    return child.exitcode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="draw from the modules whose path holds this")
    args = parser.parse_args()
    every = sorted(mutant for path in MODULES for mutant in mutants(path) if args.only in str(path))
    chosen = random.Random(args.seed).sample(every, min(args.count, len(every)))
    reasons, unexplained = json.loads(Path(__file__).with_name("equivalent_mutants.json").read_text()), 0
    intact = [Mutant(p, 0, "", "", p.read_text("utf-8")) for p in {p.parent.name == "mlp": p for p in MODULES}.values()]
    with pool.ThreadPool(os.cpu_count()) as workers:
        assert all(workers.map(survives, intact)), "a test fails without a mutant"
        for i, (mutant, alive) in enumerate(zip(chosen, workers.imap(survives, chosen), strict=True), 1):
            print(f"\r{i} of {len(chosen)}", end="", file=sys.stderr)
            if alive:
                reason = reasons.get(mutant.line, {}).get(mutant.changed)
                unexplained += reason is None
                print(f"\n{mutant.path.relative_to(ROOT)}:{mutant.number}: {mutant.line}", f"-> {mutant.changed}",
                      reason or "NO REASON", sep="\n    ", flush=True)
    sys.exit(unexplained > 0)


if __name__ == "__main__":
    main()
