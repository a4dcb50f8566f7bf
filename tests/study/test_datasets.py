import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

from refquant.study.datasets import digits, idx, split


def test_the_digits_are_complete() -> None:
    x, labels = digits()
    assert x.dtype == np.float32 and (x.min(), x.max()) == (0, 1)
    assert (x * 16 == np.rint(x * 16)).all()
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # as UCI's page says


def test_a_split_loses_nothing() -> None:
    data = digits()
    train, test = split(data, np.random.default_rng(3))
    assert sorted(map(bytes, np.concatenate([train.x, test.x]))) == sorted(map(bytes, data.x))
    assert (np.bincount(train.labels) + np.bincount(test.labels)).tolist() == np.bincount(data.labels).tolist()


def write_idx(folder: Path, images: Any, labels: Any, name: str = "train", gz: bool = False) -> None:
    for kind, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        content = header + array.astype(np.uint8).tobytes()
        path = folder / f"{name}-{kind}"
        if gz:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
        else:
            path.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = np.arange(5 * 2 * 3).reshape(5, 2, 3)
    write_idx(tmp_path, images, np.arange(5) % 3)
    write_idx(tmp_path, images[:2] + 200, np.array([2, 0]), "t10k", gz=True)
    return tmp_path


def test_idx_files_plain_and_gzipped(folder: Path) -> None:
    train, test = idx(folder)
    assert train.x.shape == (5, 6) and train.x.dtype == np.float32 and train.labels.tolist() == [0, 1, 2, 0, 1]
    assert test.x[1, 0] == np.float32(206) / np.float32(255) and test.labels.tolist() == [2, 0]


def test_idx_names_as_emnist_has_them(tmp_path: Path) -> None:
    for name in ("emnist-letters-train", "emnist-letters-test"):
        write_idx(tmp_path, np.zeros((3, 2, 2)), np.zeros(3), name, gz=True)
    assert idx(tmp_path).train.x.shape == (3, 4)


def damaged(name: str, change: Any) -> Any:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))
    return damage


IMAGES, LABELS, ZIPPED = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte.gz"


@pytest.mark.parametrize(("damage", "parts"), [
    (damaged(IMAGES, lambda b: b[:-1]), [IMAGES, "46 bytes", "45 bytes", "truncated"]),
    (damaged(IMAGES, lambda b: b + b"0"), ["46 bytes", "47 bytes"]),
    (damaged(IMAGES, lambda b: b"\0\0\x08\x01" + b[4:]), ["magic number 00000803", "00000801"]),
    (damaged(IMAGES, lambda _: b""), ["magic number", "an empty file"]),
    (damaged(IMAGES, lambda b: b[:6]), ["truncated"]),
    (damaged(IMAGES, lambda b: gzip.compress(b)), ["magic number", "1f8b", ".gz"]),
    (damaged(LABELS, lambda b: b[:7] + b"\4" + b[8:-1]), ["5 images of train and 4 labels"]),
    (damaged(ZIPPED, lambda b: b[:-9]), [ZIPPED, "whole"]),
    (damaged(ZIPPED, lambda _: b"not gzip"), [ZIPPED, "readable"]),
    (lambda folder: (folder / LABELS).unlink(), ["train with labels-idx1-ubyte"]),
    (lambda folder: write_idx(folder, np.zeros((2, 3, 3)), np.zeros(2), "t10k", gz=True), ["6 and 9 pixels"]),
    (lambda folder: write_idx(folder, np.zeros((0, 2, 3)), np.zeros(0)), ["0 images of train and 0 labels"]),
])
def test_damaged_data(damage: Any, parts: list[str], folder: Path) -> None:
    damage(folder)
    with refused(ValueError, "refquant compare", *parts):
        idx(folder)


def test_no_folder(tmp_path: Path) -> None:
    with refused(ValueError, "`--data`", "nothing"):
        idx(tmp_path / "nothing")
