from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import other_predictions, refused

import refquant as rq
from refquant import mlp
from refquant.mlp.saved import load
from refquant.study import cli
from refquant.study.compare import deployed
from refquant.study.compare.methods import networks
from refquant.study.compare.tasks import Plan, prepare
from refquant.study.datasets import digits


def test_a_difference_is_counted_and_is_a_tie() -> None:
    """acc * 0.1 / 0.2 is a tie for every odd acc; float32 rounds acc * 0.1 first, so some go the other way."""
    def layer(scale: float) -> mlp.QuantizedLayer:
        one = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT8)
        return mlp.QuantizedLayer(codes=np.array([[1]]), weight=one, bias=np.zeros(1, np.int32),
                                  activation=rq.AffineParams(scale=np.float32(scale), zero_point=0, grid=rq.INT8))

    found = deployed.agreement(mlp.QuantizedNet((layer(0.1), layer(0.2))), np.arange(0, 12.7, 0.1)[:, None])
    assert found.codes == 2 * 127 and found.differ > 0 and found.from_tie < 1e-6 and found.logits > 0


def one_by_one(*scales: np.floating[Any]) -> mlp.QuantizedNet:
    return mlp.QuantizedNet(tuple(mlp.QuantizedLayer(
        codes=np.array([[1]]), weight=rq.AffineParams(scale=np.float16(1), zero_point=0, grid=rq.INT8),
        bias=np.zeros(1, np.int32), activation=rq.AffineParams(scale=scale, zero_point=0, grid=rq.UINT8))
        for scale in scales))


def test_scales_whose_dtype_cannot_hold_the_reals() -> None:
    found = deployed.agreement(one_by_one(np.float16(1000), np.float16(2000)), 1000 * np.arange(256.0)[:, None])
    assert found == deployed.Agreement(codes=512, differ=0, from_tie=0.0, logits=0, furthest=0, predictions=0)


def test_x_of_the_networks_width() -> None:
    with refused(ValueError, "agreement", "(n, 1)", "(1, 2)"):
        deployed.agreement(one_by_one(np.float16(1)), [[1.0, 2.0]])


def test_two_logits_on_one_code_are_another_prediction() -> None:
    """Logits of 5 and 6, in a network whose largest are 255 * 32767: one INT16 step is 255 and more."""
    one = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT16)
    qnet = mlp.QuantizedNet((mlp.QuantizedLayer(
        codes=np.array([[32767, 32767], [5, 6]]), weight=one, bias=np.zeros(2, np.int32),
        activation=rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.UINT8)),))
    found = deployed.agreement(qnet, [[0.0, 1.0], [0.0, 255.0]])
    assert (found.differ, found.logits, found.predictions) == (0, 0, 1)
    assert other_predictions(qnet, [[0.0, 1.0], [0.0, 255.0]]) == 1


def test_one_hidden_code_moves_logits_that_lie_near_no_tie() -> None:
    """The first layer's tie, 0.1 / 0.2, becomes a hidden code; 32767 steps of it are 128 of the logits'."""
    def layer(scale: float, code: int) -> mlp.QuantizedLayer:
        one = rq.AffineParams(scale=np.float32(1), zero_point=0, grid=rq.INT16)
        return mlp.QuantizedLayer(codes=np.array([[code]]), weight=one, bias=np.zeros(1, np.int32),
                                  activation=rq.AffineParams(scale=np.float32(scale), zero_point=0, grid=rq.UINT8))

    found = deployed.agreement(mlp.QuantizedNet((layer(0.1, 1), layer(0.2, 32767))), np.arange(0, 25, 0.1)[:, None])
    assert found.logits >= found.differ > 0 and found.furthest >= 128


@pytest.mark.slow
def test_the_command_saves_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, nets = str(tmp_path / "out"), tmp_path / "nets"
    assert cli.main(["compare", "--quick", "--seeds", "1", "--jobs", "1", "--bits", "8", "--methods",
                     "ptq-static-minmax,ptq-dynamic-row,ptq-static-block-16", "--out", out, "--save", str(nets)]) == 0
    said = capsys.readouterr().out
    assert sorted(p.name for p in nets.iterdir()) == [
        "ptq-dynamic-row-W8A8.npz", "ptq-static-block-16-W8A8.npz", "ptq-static-minmax-W8A8.npz"]
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if ".npz  " in line}
    static, dynamic = lines["ptq-static-minmax-W8A8.npz"], lines["ptq-dynamic-row-W8A8.npz"]
    size = (nets / "ptq-static-minmax-W8A8.npz").stat().st_size
    assert static[:2] == ["3,715", f"{size:,}"] and static[2] == static[3] and dynamic[3:] == ["–"] * 4
    assert "Written: 3 networks" in said
    qnet = load(nets / "ptq-static-minmax-W8A8.npz")
    assert qnet.nbytes == 3715
    assert mlp.accuracy(mlp.forward_integer(qnet, digits().x), digits().labels) > 0.9


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["compare", "--out", str(tmp_path / "out"), "--save", str(tmp_path / "file")]) == 2
    assert "`--save` must be a folder" in capsys.readouterr().err


def test_a_table_of_nothing() -> None:
    assert deployed.table([]).startswith("There is nothing to save")


@pytest.mark.slow
def test_predictions_over_seeds_differ_only_by_the_law(record_property: Any) -> None:
    plan = Plan(methods=("ptq-static-minmax", "ptq-static-channel", "qat-lsq"), bits=(8,))
    nets = [run.network for seed in (0, 1, 2, 9) for run in networks(prepare(plan, seed)[0])]
    other = [other_predictions(qnet, digits().x) for qnet in nets if isinstance(qnet, mlp.QuantizedNet)]
    record_property("other predictions", f"{sum(other)} of {len(other)} x {len(digits().x)}")
    assert len(other) == 12 and sum(other) <= 12


@pytest.mark.slow
def test_predictions_on_all_digits_at_8_bits_differ_only_by_the_law(tmp_path: Path) -> None:
    plan = Plan(methods=("ptq-static-minmax", "ptq-static-mse", "ptq-static-percentile-99.9", "ptq-static-channel",
                         "qat-ste-minmax", "qat-lsq"), bits=(8,), epochs=20)
    for name in [s.name for s in deployed.save_networks(plan, tmp_path)]:
        qnet = load(tmp_path / name)
        assert other_predictions(qnet, digits().x) == deployed.agreement(qnet, digits().x).predictions <= 2, name
    with refused(ValueError, "deploy"):
        mlp.deploy(mlp.ptq_dynamic(mlp.init(np.random.default_rng(0), (64, 10))))
