"""The data: handwritten digits, and how they are split; any data set in MNIST's IDX format."""

from __future__ import annotations

import gzip
import zlib
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .. import arguments
from ..arguments import Codes, Reals

_refused = partial(arguments.error, ValueError, "refquant compare")


class Data(NamedTuple):
    """Samples (n, features) float32 from 0 to 1, and their classes (n,)."""

    x: Reals
    labels: Codes


class Split(NamedTuple):
    """Data to train and calibrate on, and data to test on."""

    train: Data
    test: Data


def digits() -> Data:
    """1,797 handwritten digits of 8 x 8 pixels, x = pixel / 16 (exact in float32).

    >>> x, labels = digits()
    >>> x.shape, labels[:5], float(x.max())
    ((1797, 64), array([0, 1, 2, 3, 4]), 1.0)

    Source: UCI Machine Learning Repository, doi:10.24432/C50P49, CC BY 4.0; see data/README.md.
    """
    with (files(__package__) / "data" / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    return Data(images.reshape(len(images), -1).astype(np.float32) / 16, labels.astype(np.int64))


def split(data: Data, rng: np.random.Generator, test_share: float = 0.3) -> Split:
    """A random permutation cut in two: the first rows train, the last ceil(n * test_share) test.

    >>> train, test = split(digits(), np.random.default_rng(0))
    >>> len(train.x), len(test.x)
    (1257, 540)
    """
    order = rng.permutation(len(data.x))
    at = len(order) - int(np.ceil(len(order) * test_share))
    first, last = (Data(data.x[rows], data.labels[rows]) for rows in (order[:at], order[at:]))
    return Split(first, last)


def idx(folder: str | Path) -> Split:
    """A data set in MNIST's IDX format, plain or gzipped: x = pixel / 255, the test set as it was published.

    The folder holds four files, found by what their names hold: `train` or `test` (or `t10k`), and `images-idx3-ubyte`
    or `labels-idx1-ubyte`: MNIST, Fashion-MNIST, EMNIST.

    Raises:
        ValueError: no folder, a missing or truncated file, a wrong magic number, unequal numbers of images and labels.
    Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", 1998, file formats.
    """
    path = Path(folder)
    if not path.is_dir():
        raise _refused("`--data` must be a folder of IDX files", f"{str(folder)!r}",
                       "put train-images-idx3-ubyte and its three siblings there, .gz or plain")
    train, test = (_idx_pair(path, names) for names in (("train",), ("test", "t10k")))
    if train.x.shape[1] != test.x.shape[1]:
        raise _refused("training and test images must have one size", f"{train.x.shape[1]} and {test.x.shape[1]} "
                       "pixels", "keep each data set in its own folder")
    return Split(train, test)


def _idx_pair(folder: Path, names: tuple[str, ...]) -> Data:
    images = _idx_array(_idx_file(folder, names, "images-idx3-ubyte"), 3)
    labels = _idx_array(_idx_file(folder, names, "labels-idx1-ubyte"), 1)
    if len(images) != len(labels) or not images.size:
        raise _refused("every image needs a label, and there must be some",
                       f"{len(images)} images of {names[0]} and {len(labels)} labels",
                       "check that both files belong together")
    return Data(images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels.astype(np.int64))


def _idx_file(folder: Path, names: tuple[str, ...], kind: str) -> Path:
    found = sorted(path for path in folder.iterdir() if kind in path.name.replace(".idx", "-idx")
                   and any(name in path.name for name in names) and path.name.endswith(("ubyte", ".gz")))
    if not found:
        raise _refused(f"`--data` must hold a file of {names[0]} with {kind} in its name", f"{str(folder)!r}",
                       "names are as published: train-images-idx3-ubyte.gz")
    return found[0]


def _idx_array(path: Path, axes: int) -> Any:
    """The bytes after a header: 0, 0, 8 (unsigned bytes), the number of axes, then the size of each in four bytes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.name.endswith(".gz") else path.read_bytes()
    except (OSError, EOFError, zlib.error) as cause:
        raise _refused("an IDX file must be readable and whole", f"{path.name!r} ({cause})",
                       "download it again") from cause
    magic = bytes([0, 0, 8, axes])
    if content[:4] != magic:
        raise _refused(f"an IDX file of {axes} axes must begin with the magic number {magic.hex()}",
                       f"{content[:4].hex() or 'an empty file'} in {path.name!r}",
                       "check that this is the right file, and that it is gzipped if and only if its name says .gz")
    sizes = [int(n) for n in np.frombuffer(content[4:4 + 4 * axes].ljust(4 * axes, b"\0"), ">u4")]
    expected = 4 + 4 * axes + int(np.prod(sizes, dtype=object))
    if len(content) != expected:
        raise _refused(f"{path.name!r} must hold {expected} bytes, as its header says", f"{len(content)} bytes",
                       "it is truncated or damaged; download it again")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(sizes)
