"""Saved networks at their limits: the smallest and the deepest load, and each field refuses its first wrong value."""

import hashlib
import io
import zipfile
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import header, refused
from test_saved import ENTRIES, STATIC, contents, member, npy, row, written

import refquant as rq
from refquant import mlp
from refquant.mlp import saved

WIDE = len(saved.COLUMNS)
FORMAT = "ff83739b34cb89768cfb0d383a7c0542bfb54ddc276f1fc9f56cb7bc648f2e8e"


def layer(n_in: int, n_out: int, bits: int = 2, dynamic: Any = None, **other: Any) -> mlp.QuantizedLayer:
    """All codes are the highest."""
    weight, at = (rq.AffineParams(scale=np.float32(0.5), zero_point=0, grid=rq.IntGrid(bits)) for _ in range(2))
    bias = np.arange(n_out).astype(np.int32 if dynamic is None else np.float32)
    return mlp.QuantizedLayer(codes=np.full((n_in, n_out), weight.grid.qmax), weight=weight, bias=bias,
                              activation=dynamic or at, **other)


def again(qnet: mlp.QuantizedNet, folder: Path) -> mlp.QuantizedNet:
    saved.save(folder / "net.npz", qnet)
    return saved.load(folder / "net.npz")


def test_the_format_is_this_one(tmp_path: Path) -> None:
    """Another hash is another format: then VERSION must say so, and files of this one must still be read or refused."""
    assert saved.VERSION == 2
    blocks = [rq.AffineParams(scale=np.ones((2, 1, 2), np.float16), zero_point=0, grid=grid, scale_grid=rq.E8M0)
              for grid in (rq.Codebook([-1, 0.5]), rq.E2M3)]
    inputs = mlp.Dynamic(rq.E4M3, fit=rq.mx_rceil_params), rq.AffineParams(scale=1.0, zero_point=0, grid=rq.E5M2FNUZ)
    floats = [mlp.QuantizedLayer(codes=np.ones((2, 2), int), weight=weight, bias=np.float32([1, -1]), activation=at,
                                 block_size=1) for weight, at in zip(blocks, inputs, strict=True)]
    saved.save(tmp_path / "net.npz", mlp.QuantizedNet((layer(3, 2), layer(2, 2), *floats)))
    with zipfile.ZipFile(tmp_path / "net.npz") as archive:
        members = b"".join(name.encode() + archive.read(name) for name in archive.namelist())
    assert hashlib.sha256(members).hexdigest() == FORMAT


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 7, 8, 11, 16])
def test_every_width_and_every_number_of_codes(bits: int, tmp_path: Path) -> None:
    """The bits behind the last code are 0; one that is set, wherever it is, is named."""
    for n in range(1, 10):
        qnet = mlp.QuantizedNet((layer(n, 1, bits),))
        assert again(qnet, tmp_path) == qnet
        good = contents(qnet, tmp_path)
        for bit in range(n * bits % 8 or 8, 8):
            codes = good["0.codes.npy"]
            bad = {**good, "0.codes.npy": codes[:-1] + bytes([codes[-1] | 1 << bit])}
            with refused(ValueError, "load", "0.codes with bits set behind the last code"):
                saved.load(written(bad.items(), tmp_path / "bad.npz"))


@pytest.mark.parametrize("sizes", [(1, 1), (1, 1, 1), (2, 1, 2), (1, 3, 2, 4, 1)])
def test_networks_of_any_depth(sizes: tuple[int, ...], tmp_path: Path) -> None:
    qnet = mlp.QuantizedNet(tuple(layer(a, b) for a, b in pairwise(sizes)))
    assert again(qnet, tmp_path) == qnet


@pytest.mark.parametrize("axis", [None, -1])
@pytest.mark.parametrize("fit", [rq.affine_params, rq.symmetric_params])
@pytest.mark.parametrize("size", [None, 1, 2, 5])
def test_ranges_fits_and_blocks(axis: Any, fit: Any, size: Any, tmp_path: Path) -> None:
    net = mlp.init(np.random.default_rng(0), (5, 3))
    qnet = mlp.ptq_dynamic(net, axis=axis, fit=fit, weight_block=size, activation_grid=rq.UINT2)
    assert again(qnet, tmp_path) == qnet
    static = mlp.ptq_static(net, [np.eye(5)], activation_fit=fit, weight_block=size, activation_grid=rq.INT2)
    assert again(static, tmp_path) == static


def test_functions_of_your_own_are_not_stored(tmp_path: Path) -> None:
    own = partial(rq.affine_params)
    for options in ({"clip": rq.octav}, {"fit": own}, {"clip": rq.octav, "fit": own},
                    {"fit": rq.two_level(rq.UINT8)}):
        qnet = mlp.QuantizedNet((layer(2, 1, dynamic=mlp.Dynamic(rq.UINT8, **options)),))  # type: ignore[arg-type]
        with refused(ValueError, "save", "a dynamic range must be min-max"):
            saved.save(tmp_path / "net.npz", qnet)
    assert not list(tmp_path.iterdir())


class Own(rq.Grid):
    """A grid of one's own; a file has no numbers for it."""

    bits, dtype, qmin, qmax = 2, np.dtype("uint8"), -1, 2

    def round(self, v: Any, out: Any = None) -> Any:
        return np.rint(v, out=out)

    def encode(self, v: Any) -> Any:
        return (v + 1).astype(np.uint8)

    def decode(self, q: Any) -> Any:
        return q.astype(np.int16) - 1

    def check(self, where: str, q: Any, name: str = "q") -> Any:  # noqa: ARG002
        return np.asarray(q)


def test_grids_of_your_own_are_not_stored(tmp_path: Path) -> None:
    at = rq.AffineParams(scale=1.0, zero_point=0, grid=Own())
    for weight, activation in ((at, layer(2, 1).activation), (layer(2, 1).weight, at)):
        own = mlp.QuantizedLayer(codes=np.ones((2, 1), int), weight=weight, bias=np.float32([0]), activation=activation)
        with refused(TypeError, "save", "a grid must be an IntGrid, a FloatGrid or a Codebook", "Own"):
            saved.save(tmp_path / "net.npz", mlp.QuantizedNet((own,)))
    assert not list(tmp_path.iterdir())


FIRST_WRONG = {("n_in", 0), ("n_out", 0), ("range", 3), ("range", -1), ("range_fit", 6), ("range_fit", -1),
               ("block_size", 4), ("block_size", -1)}


@pytest.mark.parametrize(("column", "value"), sorted(FIRST_WRONG))
def test_the_first_wrong_value_of_each_field(column: str, value: int, tmp_path: Path) -> None:
    good = contents(STATIC, tmp_path)
    with refused(ValueError, "load", f"`{column}` must be an integer"):
        saved.load(written(row(column, value)(good).items(), tmp_path / "bad.npz"))


def test_a_fit_where_nothing_is_fitted(tmp_path: Path) -> None:
    with refused(ValueError, "load", "layer 0: a `range_fit` where the range is static"):
        saved.load(written(row("range_fit", 1)(contents(STATIC, tmp_path)).items(), tmp_path / "bad.npz"))


@pytest.mark.parametrize(("table", "saying"), [
    (np.zeros((0, WIDE), int), f"layers of shape (0, {WIDE}) among 18"),
    (np.ones((19, WIDE), int), f"layers of shape (19, {WIDE}) among 18"),
    (np.ones((2, WIDE, 1), int), f"layers of shape (2, {WIDE}, 1)"), (np.ones((2, WIDE - 1), int), "layers of shape"),
    (np.ones((2, WIDE + 1), int), "layers of shape"), (np.ones((18, WIDE), int), "range")])
def test_tables(table: Any, saying: str, tmp_path: Path) -> None:
    with refused(ValueError, "load", saying):
        saved.load(written(member("layers.npy", table)(contents(STATIC, tmp_path)).items(), tmp_path / "bad.npz"))


def test_as_many_layers_as_members_are_too_many(tmp_path: Path) -> None:
    """The table is read, and what it calls for is missing."""
    table = np.load(io.BytesIO(contents(STATIC, tmp_path)["layers.npy"]))
    table[1, :2] = table[0, :2] = 3, 3
    members = [("version.npy", npy(np.int64(2))), ("layers.npy", npy(table))]
    with refused(ValueError, "load", "members missing, foreign or double: 0.bias.npy, 0.codes.npy, 0.input_grid.npy"):
        saved.load(written(members, tmp_path / "bad.npz"))


def test_what_is_missing_foreign_or_double_is_named(tmp_path: Path) -> None:
    good = contents(STATIC, tmp_path)
    foreign = {**{k: v for k, v in good.items() if k != "1.bias.npy"}, "2.bias.npy": good["1.bias.npy"]}
    with refused(ValueError, "load", "members missing, foreign or double: 1.bias.npy, 2.bias.npy)"):
        saved.load(written(foreign.items(), tmp_path / "foreign.npz"))


def test_one_version_of_one_axis_and_one_compressed_member(tmp_path: Path) -> None:
    good = contents(STATIC, tmp_path)
    with refused(ValueError, "load", "version [2]; this refquant reads 2"):
        saved.load(written(member("version.npy", np.array([2]))(good).items(), tmp_path / "bad.npz"))
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        for i, (name, content) in enumerate(good.items()):
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED if i == 5 else zipfile.ZIP_STORED)
    with refused(ValueError, "load", "compressed members"):
        saved.load(tmp_path / "bad.npz")


def test_arrays_in_either_order_and_sizes_below_0(tmp_path: Path) -> None:
    """np.save writes what is laid out by columns by columns."""
    good = contents(STATIC, tmp_path)
    table = np.asfortranarray(np.load(io.BytesIO(good["layers.npy"])))
    path = written(member("layers.npy", table)(good).items(), tmp_path / "columns.npz")
    assert b"'fortran_order': True" in path.read_bytes() and saved.load(path) == STATIC
    for shape in ("-1, 5", "5, -1"):
        bad = member("0.codes.npy", header(ENTRIES % ("|u1", shape)))(good)
        with refused(ValueError, "load", "0.codes without a header that NumPy can read"):
            saved.load(written(bad.items(), tmp_path / "bad.npz"))
