"""The benchmarks run, and both sides of them learn: a figure from code that does nothing would be worthless."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import needs

FOLDER = Path(__file__).parent / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """A benchmark by name; it pins its threads and finds its neighbours."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def plausible(rows: Any, names: int) -> None:
    assert len(rows) == names
    for row in rows:
        assert (np.asarray(row.ours) > 0).all() and (np.asarray(row.theirs) > 0).all()
        assert len(row.cells()) == 8 and row.cells()[4].startswith("**")


@pytest.mark.conformance
def test_a_step_here_and_in_pytorch(load: Callable[[str], Any]) -> None:
    needs("torch", "conformance")
    module = load("qat_step")
    x = np.random.default_rng(0).random((module.BATCH * 3, module.SIZES[0]), np.float32)
    labels = np.zeros(len(x), int)
    for run in (module.numpy_steps(x, labels), module.torch_steps(x, labels)):
        assert module.milliseconds_per_step(run) > 0


def test_gptq_and_its_sums_alone(load: Callable[[str], Any]) -> None:
    plausible(load("gptq").rows(n=40, rounds=2), 2)


@pytest.mark.conformance
def test_a_step_of_the_language_model_here_and_in_pytorch(load: Callable[[str], Any]) -> None:
    needs("torch", "conformance")
    module = load("lm_step")
    model = module.lm.init(np.random.default_rng(0), module.SYMBOLS, module.lm.Sizes(8, 2, 6, 1))
    codes = np.arange(100) % 72
    ours = module.numpy_steps(model, codes, 3)().arrays
    for fused in (True, False):  # the same model learns the same there
        theirs = module.torch_steps(model, codes, 3, fused)()
        assert set(theirs) == set(ours)
        for name, a in ours.items():
            np.testing.assert_allclose(theirs[name], a, atol=1e-3, err_msg=name)
            assert not np.array_equal(a, model.arrays[name])
    plausible(module.rows(rounds=2, steps=1, sizes=model.sizes), 2)


@pytest.mark.conformance
def test_products_here_and_in_onnxruntime(load: Callable[[str], Any]) -> None:
    needs("onnx", "conformance"), needs("onnxruntime", "conformance")
    plausible(load("matmul").rows(n=8, rounds=2, slow_rounds=1), 4)


@pytest.mark.conformance
def test_quantize_here_and_in_onnx(load: Callable[[str], Any]) -> None:
    needs("onnx", "conformance")
    plausible(load("elementwise").rows(n=1000, rounds=2), 6)


@pytest.mark.conformance
def test_floats_here_and_in_their_peers(load: Callable[[str], Any]) -> None:
    for package in ("ml_dtypes", "torch", "torchao"):
        needs(package, "conformance")
    plausible(load("floats").rows(sizes=(1000, 2000), rounds=2), 9)
    plausible(load("floats").mx_rows(n=3200, rounds=2), 1)


def test_memory_is_the_output_and_one_temporary_in_chunks_one_megabyte(load: Callable[[str], Any]) -> None:
    for line in load("elementwise").memory(n=4_000_000):
        assert line[2].endswith("met"), line


def test_cost_against_size(load: Callable[[str], Any], tmp_path: Path) -> None:
    lines = load("elementwise").scaling(sizes=(100, 1000, 10_000), rounds=2, picture=tmp_path / "linear.png")
    assert len(lines) == 6 and all(len(line[1].split(",")) == 3 for line in lines)
    assert (tmp_path / "linear.png").stat().st_size > 10_000


@pytest.mark.slow
def test_inference_and_import(load: Callable[[str], Any]) -> None:
    plausible(load("inference").rows(rounds=2, epochs=3), 4)
    plausible(load("importing").rows(rounds=1), 1)


@pytest.mark.conformance
def test_one_command_runs_them_all(load: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("ml_dtypes", "onnx", "onnxruntime", "torch", "torchao"):
        needs(package, "conformance")
    everything, measure = load("all"), load("measure")
    one = [measure.Row("this", "that", [2.0, 2.0], [3.0, 5.0], 2)]
    for module, name in ((everything.matmul, "rows"), (everything.elementwise, "rows"), (everything.importing, "rows"),
                         (everything.inference, "rows"), (everything.floats, "rows"), (everything.floats, "mx_rows"),
                         (everything.lm_step, "rows")):
        monkeypatch.setattr(module, name, lambda: one)
    monkeypatch.setattr(everything.qat_step, "row", lambda: one[0])
    monkeypatch.setattr(everything.elementwise, "memory", lambda: [("quantize", "1 MB", "2 MB: met")])
    monkeypatch.setattr(everything.elementwise, "scaling", lambda **_: [("quantize", "1.00", "1.00")])
    everything.main(tmp_path / "out")
    written = (tmp_path / "out" / "benchmarks.md").read_text()
    assert written.count("| this | that | 2 | 4 | **2.00** | 1.75 to 2.25 | 2 | 2: met |") == 8
    assert "VNNI" in written and "onnxruntime" in written
