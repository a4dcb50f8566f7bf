import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import hears_interrupts

import refquant as rq
from refquant.study.cli import main
from refquant.study.datasets import digits

QUICK = ("compare", "--quick", "--seeds", "1", "--bits", "2")


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "refquant", *words], capture_output=True, text=True, timeout=100,
                          **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(("words", "said"), [
    (["--bits", "1"], "`--bits` must be a whole number from 2 to 16; got '1'"), (["--bits", "x"], "got 'x'"),
    (["--bits", "17"], "2 to 16"), (["--bits", "8,,4"], "got ''"),
    (["--seeds", "0"], "`--seeds` must be a whole number from 1 to 10000; got '0'"), (["--seeds", "2.5"], "got '2.5'"),
    (["--methods", "qat-lsd"], "did you mean qat-lsq?"), (["--calibration", "0"], "`--calibration`"),
    (["--sizes", "64,32,11"], "must begin with 64 pixels and end with 10 classes"), (["--sizes", "64"], "`--sizes`"),
    (["--sizes", "64,x,10"], "got 'x'"), (["--data", __file__], "`--data` must be a folder"), (["--out", ""], "empty"),
    (["--jobs", "-1"], "`--jobs`"), (["--frobnicate"], "--frobnicate"), (["extra"], "extra"),
    (["--seed", "3"], "--seed"), (["--seeds"], "--seeds"), (["--out", __file__], "`--out` must be a folder"),
    (["--out", __file__ + "/below"], "`--out` must be a folder"),
])
def test_bad_input_is_one_line_and_status_2(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["compare", *words])
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capfd.readouterr()
    assert status == 2 and out == "" and said in err and "Hint: " in err
    assert err.endswith("\n") and err.count("\n") == 1


@pytest.mark.parametrize(("words", "said"), [
    (["--only", "lables"], "did you mean labels?"), (["--only", "qat-lables"], "did you mean qat-labels?"),
    (["--only", "qat,,steps"], "got ''"), (["--seeds", "0"], "`--seeds` must be a whole number from 1 to 1000"),
    (["--seeds", ""], "got ''"),
    (["--jobs", "0"], "`--jobs`"), (["--out", __file__], "`--out` must be a folder"), (["--out", ""], "empty"),
])
def test_bad_claims_are_one_line_and_status_2(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", *words]) == 2
    out, err = capfd.readouterr()
    assert out == "" and said in err and "Hint: " in err and err.count("\n") == 1


def test_claims_from_the_shell(tmp_path: Path) -> None:
    words = ["claims", "--quick", "--seeds", "2", "--jobs", "2", "--only", "channel-better", "definitions"]
    end = run(*words, "--out", str(tmp_path))
    assert end.returncode == 0 and end.stderr == ""
    assert "A scale for each channel is better than one for the tensor." in end.stdout
    assert "definitions.json" in end.stdout.split("Written: ")[1]
    claims = json.loads((tmp_path / "claims.json").read_text())["claims"]
    assert {c["records"] for c in claims} == {"records/definitions.json", "records/granularity.json"}
    assert main(["claims", "--seeds", "2", "--out", str(tmp_path)]) == 2, "other settings, epochs"


def test_claims_are_listed() -> None:
    listed = run("claims", "--list").stdout
    assert re.search(r"^labels: W3A3", listed, re.M) and "qat-labels" in listed


@pytest.mark.parametrize("words", [[], ["comparr"], ["--nothing"]])
def test_unknown_commands(words: list[str]) -> None:
    end = run(*words)
    assert end.returncode == 2 and end.stdout == "" and end.stderr.count("\n") == 1 and "Traceback" not in end.stderr


def test_version_and_help() -> None:
    assert run("--version").stdout == f"refquant {rq.__version__}\n"
    assert "--seeds" in run("compare", "--help").stdout


def test_compare_from_the_shell(tmp_path: Path) -> None:
    end = run(*QUICK, "--jobs", "1", "--out", str(tmp_path / "out"))
    assert end.returncode == 0 and end.stderr == ""
    for row in ("ptq-static-minmax +W2A2", "qat-lsq +W2A2"):
        assert re.search(f"^{row} ", end.stdout, re.MULTILINE)
    assert len(json.loads((tmp_path / "out" / "comparison.json").read_text())) == 2 + 8


def test_methods_are_listed_and_chosen_on_any_terminal(tmp_path: Path) -> None:
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    assert re.search(r"^qat-lsq +QAT: ", run("compare", "--list-methods").stdout, re.M)
    end = run(*QUICK, "--methods", "ptq-static-channel", "--out", str(tmp_path), env=ascii_only)
    assert end.returncode == 0 and end.stderr == ""
    records = json.loads((tmp_path / "comparison.json").read_text())
    assert [r["method"] for r in records] == ["float", "ptq-static-channel"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_reader_who_leaves_loses_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "refquant", "vectors", "--out", str(tmp_path), "| true"]
    end = subprocess.run(" ".join(words), shell=True, capture_output=True, text=True, timeout=100)
    assert end.stderr == "" and (tmp_path / "README.md").exists()


def ends(group: int) -> bool:
    """Whether every process of the group is gone within five seconds."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs process groups")
def test_interrupted_it_leaves_nothing_behind_and_killed_no_worker(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "refquant", "compare", "--seeds", "200", "--jobs", "2", "--out"]
    stops = {stop: subprocess.Popen([*words, str(tmp_path / stop.name)], stderr=subprocess.PIPE, text=True,
                                    stdout=subprocess.PIPE, start_new_session=True, preexec_fn=hears_interrupts)
             for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)}
    time.sleep(2.5)  # all are at work
    for stop, process in stops.items():
        process.send_signal(stop)
    for stop, process in stops.items():
        out, err = process.communicate(timeout=90)
        if stop != signal.SIGKILL:
            assert (process.returncode, out) == (130, "") and err.count("\n") == 1 and "interrupted" in err
            assert list((tmp_path / stop.name).iterdir()) == []
        assert ends(process.pid), stop


@pytest.mark.slow
def test_the_same_on_data_in_mnists_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digits, written as IDX files of 0 to 240 instead of 0 to 16, are the same data but for the scale."""
    x, labels = digits()
    for name, rows in (("train", slice(0, 1257)), ("t10k", slice(1257, None))):
        images = np.rint(x[rows] * 240).astype(np.uint8).reshape(-1, 8, 8)
        for kind, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels[rows].astype(np.uint8))):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (tmp_path / f"{name}-{kind}").write_bytes(header + array.tobytes())
    monkeypatch.setattr("refquant.study.compare.output.FIGURES", {})  # pictures are drawn in other tests
    assert main(["compare", "--seeds", "1", "--quick", "--bits", "8", "2", "--methods", "ptq-static-minmax", "qat-lsq",
                 "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    accuracy = {(r["method"], r["weight_bits"]): r["accuracy"]
                for r in json.loads((tmp_path / "out" / "comparison.json").read_text())}
    assert accuracy["float", 32] > 0.85  # other writers in the test set: harder than a random split
    assert abs(accuracy["ptq-static-minmax", 8] - accuracy["float", 32]) < 0.02
    assert accuracy["ptq-static-minmax", 2] < 0.5 < accuracy["qat-lsq", 2]
