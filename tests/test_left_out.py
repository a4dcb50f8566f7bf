"""The plain command says in its last line which tests it left out, and how to run them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = ["tests/testing/test_strategies.py", "tests/test_packing.py"]


def said(*words: str) -> tuple[str, str]:
    """The number of tests that pytest collects, and its last line."""
    end = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", *FILES, *words], cwd=ROOT,
                         capture_output=True, text=True, check=True)
    return re.findall(r"^(\d+)/\d+ tests collected", end.stdout, re.MULTILINE)[0], end.stdout.splitlines()[-1]


def test_the_last_line_counts_what_was_left_out() -> None:
    number, last = said()
    assert last == 'Left out: 6 tests (slow 2, conformance 4). Run them: pytest -m "slow or conformance"'
    assert int(number) > 20
    number, last = said("-m", "slow or conformance")
    assert number == "6" and not last.startswith("Left out")


def test_every_marker_is_left_out(request: pytest.FixtureRequest) -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("markers = [")[1].split("]")[0]
    names = re.findall(r'"(\w+): ', lines)
    assert request.config.getini("addopts")[-1] == f"not ({' or '.join(names)})"
