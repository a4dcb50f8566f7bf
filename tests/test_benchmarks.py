"""The benchmarks run, and both sides of them learn: a figure from code that does nothing would be worthless."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "benchmarks"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_step_here_and_in_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.environ.get("CI_CONFORMANCE"):
        pytest.importorskip("torch", reason="the conformance extra is not installed: torch is the peer timed")
    monkeypatch.setattr(os, "environ", dict(os.environ))  # the benchmark pins its threads
    module = load("qat_step")
    x = np.random.default_rng(0).random((module.BATCH * 3, module.SIZES[0]), np.float32)
    labels = np.zeros(len(x), int)
    for run in (module.numpy_steps(x, labels), module.torch_steps(x, labels)):
        assert module.milliseconds_per_step(run) > 0
