"""The plain command says in its last line which tests it left out, and how to run them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ["tests/testing/test_strategies.py", "tests/test_packing.py"]


def test_the_last_line_counts_what_was_left_out() -> None:
    end = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", *FILES], cwd=ROOT,
                         capture_output=True, text=True, check=True)
    assert end.stdout.splitlines()[-1] == (
        'Left out: 9 tests (slow 5, conformance 4). Run them: pytest -m "slow or conformance"')


def test_every_marker_is_left_out(request: pytest.FixtureRequest) -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("markers = [")[1].split("]")[0]
    names = re.findall(r'"(\w+): ', lines)
    assert request.config.getini("addopts")[-1] == f"not ({' or '.join(names)})"
