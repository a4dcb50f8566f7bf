import pytest

from refquant.testing import MUTANTS, kills


def test_kills_are_counted_beside_plain_floats(capsys: pytest.CaptureFixture[str]) -> None:
    assert kills.main(["--runs", "2", "--examples", "40", "R4 ties up"]) == 0
    out = capsys.readouterr().out
    assert "  2             " in out and out.endswith("1 of 1 mutants died in every run.\n")
    assert kills.main(["--runs", "1", "--examples", "40", "R13 int64 always"]) == 0
    assert "–  R13" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--runs", "0"], ["--examples", "0"], ["no such mutant"]])
def test_nothing_tried_is_no_success(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        kills.main(words)
    assert end.value.code == 2 and "there must be a run, an example and a mutant" in capsys.readouterr().err


def test_a_survivor_is_an_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kills, "killed", lambda *_: False)
    assert kills.main(["--runs", "1", "R13 int64 always"]) == 1 and "0 of 1" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", [
    "ties of values away from zero", "ties of values toward zero", "float64 through float32", "subnormals flushed",
    "the code of -0 is that of 0", "the sign of zero lost", "overflow of values decided before rounding",
    "shared exponent by float32 log2", "an MX scale one too large"])
def test_mutants_of_values_die_in_20_of_20_runs(name: str) -> None:
    assert sum(kills.killed(MUTANTS[name], 100) for _ in range(20)) == 20
