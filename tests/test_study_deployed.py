from pathlib import Path

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant import mlp
from refquant.study import cli, deployed
from refquant.study.datasets import digits
from refquant.study.methods import Plan
from refquant.study.saved import load


def test_a_difference_is_counted_and_is_a_tie() -> None:
    """acc * 0.1 / 0.2 is a tie for every odd acc; float32 rounds acc * 0.1 first, so some go the other way."""
    def layer(scale: float) -> mlp.QuantizedLayer:
        one = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT8)
        return mlp.QuantizedLayer(codes=np.array([[1]]), weight=one, bias=np.zeros(1, np.int32),
                                  activation=rq.AffineParams(scale=np.float32(scale), zero_point=0, grid=rq.INT8))

    found = deployed.agreement(mlp.QuantizedNet((layer(0.1), layer(0.2))), np.arange(0, 12.7, 0.1)[:, None])
    assert found.codes == 2 * 127 and found.differ > 0 and found.from_tie < 1e-6


def test_the_command_saves_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, nets = str(tmp_path / "out"), tmp_path / "nets"
    assert cli.main(["compare", "--quick", "--seeds", "1", "--jobs", "1", "--bits", "8", "--methods",
                     "ptq-static-minmax,ptq-dynamic-row,ptq-static-block-16", "--out", out, "--save", str(nets)]) == 0
    said = capsys.readouterr().out
    assert sorted(p.name for p in nets.iterdir()) == ["ptq-dynamic-row-W8A8.npz", "ptq-static-minmax-W8A8.npz"]
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if ".npz  " in line}
    static, dynamic = lines["ptq-static-minmax-W8A8.npz"], lines["ptq-dynamic-row-W8A8.npz"]
    size = (nets / "ptq-static-minmax-W8A8.npz").stat().st_size
    assert static[:2] == ["3,715", f"{size:,}"] and static[2] == static[3] and dynamic[3:] == ["–", "–"]
    assert "Written: 2 networks" in said
    qnet = load(nets / "ptq-static-minmax-W8A8.npz")
    assert qnet.nbytes == 3715
    assert mlp.accuracy(mlp.forward_integer(qnet, digits().x), digits().labels) > 0.9


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["compare", "--out", str(tmp_path / "out"), "--save", str(tmp_path / "file")]) == 2
    assert "`--save` must be a folder" in capsys.readouterr().err


def test_a_table_of_nothing() -> None:
    assert "at most 0.0e+00" in deployed.table([])


def test_same_predictions_on_all_digits_at_8_bits(tmp_path: Path) -> None:
    plan = Plan(methods=("ptq-static-minmax", "ptq-static-mse", "ptq-static-percentile-99.9", "ptq-static-channel",
                         "qat-ste", "qat-lsq"), bits=(8,), epochs=20)
    for name in [s.name for s in deployed.save_networks(plan, tmp_path)]:
        qnet = load(tmp_path / name)
        logits, codes = mlp.forward_quantized(qnet, digits().x), mlp.forward_integer(qnet, digits().x)
        assert (logits.argmax(axis=1) == codes.argmax(axis=1)).all(), name
    with refused(ValueError, "deploy"):
        mlp.deploy(mlp.ptq_dynamic(mlp.init(np.random.default_rng(0), (64, 10))))
