"""Quantizers of others are held to the kit, by the lines that its page shows; each verdict is the one in the table."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from helpers import needs
from quantizers.pasted import FIRST, QUANTIZERS, Quantizer

from refquant.engines.conventions import OWN
from refquant.testing import Deviation, identify

PYPROJECT = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
MODULES = {"faiss-cpu": "faiss", "optimum-quanto": "optimum.quanto"}


def said(quantizer: Quantizer) -> str:
    """What the lines print, or the rule that is broken and what it would be right with."""
    names: dict[str, Any] = {}
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            exec(compile(f"{FIRST}\n{quantizer.lines}", quantizer.name, "exec"), names)
    except Deviation as found:
        first, *rest = str(found).splitlines()
        return "\n".join([first, *(line for line in rest if line.startswith(("As it would be", "identify may")))])
    return re.sub("; its codes differ .*", "", printed.getvalue().strip(), flags=re.DOTALL)


@pytest.mark.quantizers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quantizer", QUANTIZERS, ids=lambda q: f"{q.package} {q.name}")
def test_the_verdict_is_the_one_in_the_table(quantizer: Quantizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    needs(MODULES.get(quantizer.package, quantizer.package.replace("-", "_")), "quantizers")
    found = said(quantizer)
    if quantizer.package == "qwix" and quantizer.says.endswith("rounding."):
        found = found.splitlines()[0]  # which hints ten examples leave depends on what hypothesis draws
    assert found == quantizer.says


#: The convention of those whose function takes (x, params), or (x, lo, hi), as their source has it.
CONVENTIONS = {
    "uniform_quantize, asymmetric": "zero_point=before_rounding", "uniform_quantize, symmetric": OWN,
    "IntQuant.to_int": "zero_point=before_rounding", "quantize": "zero_point=before_rounding",
    "quantize_by_scale_and_zp": OWN, "quantize_with_zero_point": "zero_point=before_rounding",
    "reference evaluator, QuantizeLinear": "cast=through_int32", "quantize_nparray": OWN, "quantize_symmetric": OWN,
    "quantize_affine": OWN, "quantized_decomposed.quantize_per_tensor (PT2E)": "division=reciprocal",
    "ScalarQuantizer, QT_8bit_uniform": "zero_point=offset_first, rounding=downward",
    "quantize_embeddings, uint8": "zero_point=offset_first, rounding=downward"}


@pytest.mark.quantizers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CONVENTIONS)
def test_identify_names_the_convention(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same lines, with identify in place of check_quantizer."""
    quantizer = next(quantizer for quantizer in QUANTIZERS if quantizer.name == name)
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    needs(MODULES.get(quantizer.package, quantizer.package.replace("-", "_")), "quantizers")
    names: dict[str, Any] = {}
    asked: list[tuple[Any, Any]] = []
    exec(FIRST, names)
    names["check_quantizer"] = lambda f, grids, symmetric=False, arrays=None, **_: asked.append(
        (identify(f, grid=grids, symmetric=symmetric, arrays=arrays), symmetric))
    exec(compile(quantizer.lines, quantizer.name, "exec"), names)
    for found, symmetric in asked:
        named = [str(c) for c in found.conventions]
        assert CONVENTIONS[name] in named, str(found)
        assert len(named) == 1 or symmetric or "lo, hi" in quantizer.lines, str(found)


def test_ten_packages_are_pinned_and_take_five_lines_each() -> None:
    pinned = re.findall(r'"([\w-]+)==', PYPROJECT.split("\nquantizers = [")[1].split("]")[0])
    packages = {quantizer.package for quantizer in QUANTIZERS}
    assert len(packages) >= 10 and packages <= set(pinned)
    assert all(len(quantizer.lines.splitlines()) <= 5 for quantizer in QUANTIZERS)


def test_right_is_said_of_those_that_raise_nothing() -> None:
    for quantizer in QUANTIZERS:
        rules = set(re.findall(r"R\d+(?= is broken)", quantizer.says))
        assert quantizer.verdict.startswith("right") == (not quantizer.says), quantizer.name
        assert rules <= set(re.findall(r"R\d+", quantizer.verdict)), quantizer.name
