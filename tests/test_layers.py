"""Imports go down only: one list of rooms is the order, and what a package's function hides nobody needs."""

import ast
import pkgutil
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import refquant as rq

ROOT = Path(rq.__file__).parent
CORE = ("_start", "arguments", "rules", "grids", "affine", "ranges", "scales", "gradients", "clipping", "observers",
        "calibration", "blocks", "chunks", "integer", "packing", "metrics", "gaussian", "files")  # in reading order
MLP = ("model", "optim", "training", "quantized", "ptq", "integers", "qat", "reconstruction", "saved", "export")
LM = ("text", "network", "model", "quantized", "training")
ROOMS = (*CORE, "methods", "mlp", "lm", "refquant", "engines", "testing", "study", "course")  # refquant: its __init__


def module(path: Path) -> str:
    """Its name within refquant: "affine", "mlp.ptq", "mlp", "refquant"."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").strip(".") or "refquant"


FILES = {module(path): path for path in sorted(ROOT.rglob("*.py"))}


def hidden() -> set[str]:
    """The modules whose name in their package is a function's: clipping.entropy."""
    found = {}
    for info in pkgutil.walk_packages(rq.__path__, "refquant."):
        if not info.name.endswith("__main__"):
            import_module(info.name)
            package, _, name = info.name.rpartition(".")
            found[info.name.removeprefix("refquant.")] = getattr(import_module(package), name)
    return {name for name, thing in found.items() if not isinstance(thing, ModuleType)}


HIDDEN = hidden()


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """What a file imports of refquant: (the module, the name that is taken from it, or "")."""
    here = ("refquant", *path.relative_to(ROOT).parts[:-1])
    known = {f"refquant.{name}" for name in FILES if name not in HIDDEN}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "refquant")
        elif isinstance(node, ast.ImportFrom) and (node.level or str(node.module).split(".")[0] == "refquant"):
            parents = here[:len(here) - node.level + 1] if node.level else ()
            base = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner, "") if inner in known else (base, alias.name)


IMPORTS = {name: [(found.removeprefix("refquant."), taken) for found, taken in imported(path)]
           for name, path in FILES.items()}


def room(name: str) -> str:
    """A room of the map; a folder of study and course."""
    parts = name.split(".")
    return ".".join(parts[:2 if parts[0] in ("study", "course") else 1])


def test_every_room_stands_in_the_order() -> None:
    assert {name.split(".")[0] for name in FILES} - {"__main__"} == set(ROOMS)
    assert {name for name in FILES if name.startswith("mlp.")} == {f"mlp.{name}" for name in MLP}
    assert {name for name in FILES if name.startswith("lm.")} == {f"lm.{name}" for name in LM}


def test_imports_go_down() -> None:
    def place(name: str) -> int:
        return ROOMS.index(name.split(".")[0])

    up = [f"{name} imports {found}" for name, imports in IMPORTS.items() if name not in ("refquant", "__main__")
          for found, _ in imports if place(found) > place(name)]
    assert not up, "\n".join(up)


@pytest.mark.parametrize(("package", "names"), [("mlp", MLP), ("lm", LM)])
def test_imports_within_a_package_go_down(package: str, names: tuple[str, ...]) -> None:
    place = {f"{package}.{name}": i for i, name in enumerate(names)}
    up = [f"{name} imports {found}" for name in place for found, _ in IMPORTS[name]
          if place.get(found, -1) >= place[name]]
    assert not up, "\n".join(up)


def test_no_room_imports_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for name, imports in IMPORTS.items():
        if name not in ("refquant", "__main__"):
            graph.setdefault(room(name), set()).update({room(found) for found, _ in imports} - {room(name), "refquant"})
    assert set(TopologicalSorter(graph).static_order()) >= set(CORE)


def test_the_formula_knows_grids_and_arguments_alone() -> None:
    assert {found for found, _ in IMPORTS["affine"]} == {"arguments", "grids"}


@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_what_a_function_hides_nobody_needs(name: str) -> None:
    """The package itself may import all of the module: there people find it."""
    package, _, function = name.rpartition(".")
    needed = [f"{other} imports {taken}" for other, imports in IMPORTS.items() if other != package
              for found, taken in imports if found == name and taken != function]
    assert not needed, "\n".join(needed)
