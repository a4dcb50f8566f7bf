"""`refquant compare --net`: a float network from a file, quantized and fine-tuned; no other is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from refquant import mlp
from refquant.study.cli import main
from refquant.study.compare.tasks import Plan, prepare
from refquant.study.datasets import Data, Split

NET = mlp.init(np.random.default_rng(0), (64, 8, 10))


def write(path: Path, net: mlp.Net) -> str:
    layers = zip(net.weights, net.biases, strict=True)
    arrays: dict[str, Any] = {f"{kind}_{i}": array for i, layer in enumerate(layers)
                              for kind, array in zip(("weights", "biases"), layer, strict=True)}
    np.savez(path, **arrays)
    return str(path)


def test_a_network_from_a_file_is_quantized_and_fine_tuned(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refquant.study.compare.output.FIGURES", {})
    words = ["--net", write(tmp_path / "net.npz", NET), "--methods", "ptq-static-minmax", "qat-lsq", "qat-ste-scratch"]
    assert main(["compare", *words, "--bits", "8", "--seeds", "2", "--jobs", "1", "--quick", "--out",
                 str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert "qat-ste-scratch left out" in err and "qat-ste-scratch" not in out
    assert all(f"\n{method} " in out for method in ("float", "ptq-static-minmax", "qat-lsq"))
    assert "order of fine-tuning" in " ".join(out.split())


def test_seeds_draw_the_calibration_images_of_data_already_split() -> None:
    x = np.random.default_rng(0).random((300, 64), np.float32)
    data = Split(Data(x, np.arange(300) % 10), Data(x[:20], np.arange(20) % 10))
    tasks = [prepare(Plan((), data=data, net=NET), seed)[0] for seed in (0, 1, 0)]
    drawn = [np.concatenate(task.calibration).tobytes() for task in tasks]
    assert drawn[0] == drawn[2] != drawn[1] and all(task.net == NET for task in tasks)
    order = [{row.tobytes(): label for row, label in zip(*task.data.train, strict=True)} for task in tasks]
    assert order[0] == order[1], "images keep their labels"


@pytest.mark.parametrize(("sizes", "more", "says"), [
    ((63, 10), [], "64 pixels"), ((64, 9), [], "10 classes"), ((64, 10), ["--sizes", "64,10"], "without `--sizes`")])
def test_a_network_that_does_not_fit_is_one_line(sizes: tuple[int, ...], more: list[str], says: str, tmp_path: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "net.npz", mlp.init(np.random.default_rng(0), sizes))
    assert main(["compare", "--net", path, *more, "--out", str(tmp_path / "out")]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("arrays", [{}, {"weights_0": np.eye(3)}, {"weights_0": np.eye(3), "biases_0": np.ones(2)},
                                    {"weights_0": np.eye(3), "biases_0": np.ones(3), "more": np.ones(3)}])
def test_a_file_that_is_no_network_is_one_line(arrays: dict[str, Any], tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "net.npz", **arrays)
    for name in ("net.npz", "missing.npz"):
        assert main(["compare", "--net", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
        error, = capsys.readouterr().err.splitlines()
        assert "`--net` must be a .npz file of the arrays weights_0" in error and "Hint: np.savez" in error
