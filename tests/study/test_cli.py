import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import hears_interrupts

import refquant as rq
from refquant.study import jobs
from refquant.study.cli import main, parser
from refquant.study.compare import METHODS, output
from refquant.study.compare.methods import groups
from refquant.study.datasets import digits
from refquant.study.options import folder_for

HERE = {**os.environ, "PYTHONPATH": str(Path(rq.__file__).parents[1])}  # for a process in another folder
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
    (["--grids", "E9"], "must have a known name; got 'E9'"), (["--grids"], "--grids"), (["--grids", ""], "empty"),
    (["--formats", "--bits", "8"], "`--formats` must stand alone"), (["--sizes", "64,x,10"], "got 'x'"),
    (["--data", __file__], "`--data` must be a folder"), (["--out", ""], "empty"),
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
    (["--jobs", "0"], "`--jobs`"), (["--out", __file__], "`--out` must be a folder"), (["--out", ""], "empty"),
])
def test_bad_claims_are_one_line_and_status_2(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", *words]) == 2
    out, err = capfd.readouterr()
    assert out == "" and said in err and "Hint: " in err and err.count("\n") == 1


@pytest.mark.slow
def test_claims_from_the_shell(tmp_path: Path) -> None:
    words = ["claims", "--quick", "--seeds", "2", "--jobs", "2", "--only", "channel-better", "formats"]
    end = run(*words, "--out", str(tmp_path))
    assert end.returncode == 0 and end.stderr == "refquant claims: claims: 0 of 4\n"
    assert "A scale for each channel is better than one for the tensor." in end.stdout
    assert end.stdout.endswith(f"\nWritten: 5 files in {tmp_path}{os.sep}\n")
    claims = json.loads((tmp_path / "claims.json").read_text())["claims"]
    assert {c["records"] for c in claims} == {"records/formats.json", "records/granularity.json"}
    assert main(["claims", "--seeds", "2", "--out", str(tmp_path)]) == 2, "other settings, epochs"


def test_claims_are_listed() -> None:
    listed = run("claims", "--list").stdout
    assert re.search(r"^labels: W4A4", listed, re.M) and "qat-labels" in listed


@pytest.mark.parametrize("words", [[], ["comparr"], ["--nothing"]])
def test_unknown_commands(words: list[str]) -> None:
    end = run(*words)
    assert end.returncode == 2 and end.stdout == "" and end.stderr.count("\n") == 1 and "Traceback" not in end.stderr


def test_version_and_help() -> None:
    assert run("--version").stdout == f"refquant {rq.__version__}\n"
    assert "--seeds" in run("compare", "--help").stdout


@pytest.mark.parametrize("name", [None, *parser()[1]])
def test_every_help_ends_with_two_examples_that_the_command_understands(name: str | None) -> None:
    whole, commands = parser()
    *_, head, first, second = (commands[name] if name else whole).format_help().splitlines()
    assert head == "examples:" and first != second
    for example in (first, second):
        program, *words = example.split()
        assert program == "refquant" and len(example) < 80
        options = whole.parse_args(words)
        assert name in (None, options.command)


def test_the_groups_in_the_help_are_those_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"groups of them: {', '.join(groups())}; float" in " ".join(parser()[1]["compare"].format_help().split())
    monkeypatch.setitem(METHODS, "mine", METHODS["float"]._replace(groups=("my-group",)))
    assert "my-group" in parser()[1]["compare"].format_help()


def every_option() -> Iterator[tuple[str, str]]:
    """Each command with each argument that takes a value."""
    for name, each in parser()[1].items():
        for action in each._actions:
            if action.nargs != 0 and not isinstance(action.default, bool):
                yield name, action.option_strings[0] if action.option_strings else ""


@pytest.mark.parametrize(("name", "option"), [*every_option()])
@pytest.mark.parametrize("unset", ["", " "])
def test_an_unset_variable_is_no_missing_option(name: str, option: str, unset: str,
                                                capfd: pytest.CaptureFixture[str]) -> None:
    needed = {"inspect": ["FILE"], "explain": ["1", "--scale", "1"]}.get(name, [])
    words = [unset, *needed[1:]] if not option else [*needed, option, unset]
    assert main([name, *words]) == 2
    out, err = capfd.readouterr()
    said = f"`{option or ('X' if name == 'explain' else 'FILE')}` must not be empty; got {unset!r}. Hint: "
    assert out == "" and err.startswith(f"refquant {name}: {said}") and err.count("\n") == 1


@pytest.mark.parametrize(("words", "said"), [
    (["explain", "abc", "--scale", "1"], "`x` must be a number"),
    (["explain", "1", "--scale", "1", "--zero-point", "999"], "`--zero-point` must be"),
    (["explain", "1", "--scale", "1", "--bits", "1"], "`--bits` must be"),
    (["engines", "--x", "1", "--zero-point", "999"], "`--zero-point` must be"),
    (["inspect", "none.npy"], "FILE must be"), (["compare", "--bits", "1"], "`--bits` must be")])
def test_every_message_has_the_commands_name_first(words: list[str], said: str,
                                                   capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capfd.readouterr().err.startswith(f"refquant {words[0]}: {said}")


SAYS_ALL = (("compare", "--list-methods"), ("claims", "--list"), ("engines", "--only", "ties"),
            ("explain", "0.35", "--scale", "0.1"), ("explain", "2.5", "--scale", "1", "--engine", "litert,pytorch"))


@pytest.mark.slow
@pytest.mark.parametrize("words", SAYS_ALL, ids=" ".join)
def test_without_docstrings_it_says_the_same(words: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    end = subprocess.run([sys.executable, "-OO", "-m", "refquant", *words], capture_output=True, text=True, timeout=100)
    assert main([*words]) == 0
    assert (end.returncode, end.stderr) == (0, "") and end.stdout == capfd.readouterr().out


@pytest.mark.parametrize("words", [*SAYS_ALL, ("engines", "--list"), ("inspect", "w.npy")], ids=" ".join)
def test_output_fits_a_narrow_terminal(words: tuple[str, ...], capfd: pytest.CaptureFixture[str], tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("w.npy", np.sin(np.arange(200, dtype=np.float32)).reshape(4, 50))
    monkeypatch.setattr("refquant.study.inspect.figures.trade_offs", lambda _: {})
    monkeypatch.setenv("COLUMNS", "80")
    terminal = SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("refquant.study.aligned.sys", terminal)
    assert main([*words]) == 0
    assert max(map(len, capfd.readouterr().out.splitlines())) <= 80


def test_progress_without_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with jobs.spoken("refquant compare", seconds=0.02):
        jobs.run(time.sleep, [0.1, 0.1], 1, "seeds")
    began, *later = capfd.readouterr().err.splitlines()
    assert began == "refquant compare: seeds: 0 of 2" and began in later
    assert any(re.fullmatch(r"refquant compare: seeds: 1 of 2, about \d+ s left", line) for line in later)
    jobs.run(abs, [1], 1, "seeds")
    time.sleep(0.05)
    assert capfd.readouterr().err == "", "in a notebook or a test nobody asked"


def test_a_large_inspection_says_that_it_begins(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refquant.study.inspect.figures.trade_offs", lambda _: {})
    monkeypatch.setattr("refquant.study.inspect.job.LONG", 100)
    np.savez(tmp_path / "w.npz", a=np.ones(99, np.float32), b=np.ones(2, np.float32))
    assert main(["inspect", str(tmp_path / "w.npz"), "--out", str(tmp_path / "out")]) == 0
    assert capfd.readouterr().err == "refquant inspect: 2 arrays of w.npz, 101 values\n"


ONE = ("compare", "--quick", "--seeds", "1", "--jobs", "1", "--bits", "2", "--methods", "ptq-static-minmax")


@pytest.mark.slow
def test_a_quick_run_has_its_own_folder_and_says_what_it_replaces(
        tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in set(output.FIGURES) - {"accuracy.png", "logit_sqnr.png"}:
        monkeypatch.delitem(output.FIGURES, name)
    assert main([*ONE, "--svg"]) == 0
    assert capfd.readouterr().err == "refquant compare: seeds: 0 of 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["comparison-quick"]
    folder = tmp_path / "comparison-quick"
    names = {"comparison.csv", "comparison.json", "accuracy.png", "accuracy.svg", "logit_sqnr.png", "logit_sqnr.svg"}
    assert {path.name for path in folder.iterdir()} == names
    (folder / "mine.png").write_bytes(b"mine")
    monkeypatch.delitem(output.FIGURES, "logit_sqnr.png")
    assert main([*ONE]) == 0
    out, err = capfd.readouterr()
    assert err.startswith("refquant compare: comparison-quick holds the results of another run; this one will replace")
    assert out.endswith(
        f"Written: 3 files in comparison-quick{os.sep}\n"
        "Replaced, because they were there: comparison.csv, comparison.json and accuracy.png.\n"
        "Removed, because this run does not draw them: accuracy.svg, logit_sqnr.png and logit_sqnr.svg.\n")
    assert {path.name for path in folder.iterdir()} == {"comparison.csv", "comparison.json", "accuracy.png", "mine.png"}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs the limit of a file's size")
def test_a_full_disk_leaves_none_of_the_files_and_names_one(tmp_path: Path) -> None:
    def limited() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))  # inspect.json fits, pictures do not

    np.save(tmp_path / "w.npy", np.sin(np.arange(9, dtype=np.float32)))
    end = run("inspect", "w.npy", "--out", "out", cwd=tmp_path, preexec_fn=limited,
              env=HERE)
    assert end.returncode == 2 and end.stderr.count("\n") == 1
    assert re.fullmatch(r"refquant inspect: .*File too large: 'out/trade_off\.png'\n", end.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["w.npy"]


@pytest.mark.slow
def test_compare_from_the_shell(tmp_path: Path) -> None:
    end = run(*QUICK, "--jobs", "1", "--out", str(tmp_path / "out"))
    assert end.returncode == 0 and end.stderr == "refquant compare: seeds: 0 of 1\n"
    for row in ("ptq-static-minmax +W2A2", "qat-lsq +W2A2"):
        assert re.search(f"^{row} ", end.stdout, re.MULTILINE)
    assert len(json.loads((tmp_path / "out" / "comparison.json").read_text())) == 2 + 8


@pytest.mark.slow
def test_methods_are_listed_and_chosen_on_any_terminal(tmp_path: Path) -> None:
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    assert re.search(r"^qat-lsq +QAT", run("compare", "--list-methods").stdout, re.M)
    end = run(*QUICK, "--methods", "ptq-static-channel", "--out", str(tmp_path), env=ascii_only)
    assert end.returncode == 0 and end.stderr == "refquant compare: seeds: 0 of 1\n"
    records = json.loads((tmp_path / "comparison.json").read_text())
    assert [r["method"] for r in records] == ["float", "ptq-static-channel"]


def test_git_ignores_the_folders_of_results() -> None:
    ignored = (Path(rq.__file__).parents[1] / ".gitignore").read_text(encoding="utf-8").splitlines()
    for words in ("compare", "compare --quick", "claims", "claims --quick", "inspect FILE", "vectors"):
        options = parser()[0].parse_args(words.split())
        folder = folder_for(options) if "default_out" in options else options.out or "inspection"
        assert f"/{folder}/" in ignored
    assert "/formats/" in ignored


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a closed pipe is another error on Windows")
@pytest.mark.parametrize(("words", "files"), [
    (["inspect", "w.npz"], 3), (["engines", "--only", "ties", "--list"], 0), (["engines", "--only", "ties"], 3),
    pytest.param(["vectors"], 15, marks=pytest.mark.slow), pytest.param([*ONE], 10, marks=pytest.mark.slow)])
def test_a_closed_pipe_loses_no_file(words: list[str], files: int, tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **{name: np.sin(np.arange(n, n + 9, dtype=np.float32)) for n, name in enumerate("ab")})
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen([sys.executable, "-m", "refquant", *words, "--out", "out"], stdout=writer, cwd=tmp_path,
                               stderr=subprocess.PIPE, env=HERE)
    os.close(writer)
    err = process.communicate(timeout=100)[1]
    assert process.returncode == 0 and b"Error" not in err and b"Broken" not in err
    assert len(list((tmp_path / "out").glob("*"))) == files


@pytest.mark.skipif(os.name != "posix", reason="needs a signal of the terminal")
def test_an_interrupt_while_numpy_loads_shows_no_traceback(tmp_path: Path) -> None:
    """A NumPy that takes long to load stands for the first tenths of a second."""
    (tmp_path / "numpy.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    script = Path(sys.executable).with_name("refquant")
    for words in [sys.executable, "-m", "refquant"], *([[sys.executable, str(script)]] if script.exists() else []):
        process = subprocess.Popen([*words, "compare"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env={**HERE, "PYTHONPATH": f"{tmp_path}{os.pathsep}{HERE['PYTHONPATH']}"},
                                   preexec_fn=hears_interrupts)
        assert process.stdout is not None and process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[1] == "" and process.returncode == -signal.SIGINT


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
            assert (process.returncode, out) == (130, "") and err.splitlines() == [
                "refquant compare: seeds: 0 of 200", "refquant compare: interrupted; no file is half-written."]
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
