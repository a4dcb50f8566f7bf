import copy
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Bomb, header, refused

import refquant as rq
from refquant import mlp
from refquant.mlp import saved

RNG = np.random.default_rng(0)
NET = mlp.Net(weights=(RNG.normal(size=(3, 5)), RNG.normal(size=(5, 2))),
              biases=(RNG.normal(size=5), RNG.normal(size=2)))
X = RNG.normal(size=(9, 3)).astype(np.float32)
STATIC = mlp.ptq_static(NET, [X], weight_grid=rq.IntGrid(3, narrow=True))
NETWORKS = [mlp.ptq_static(NET, [X], weight_grid=rq.IntGrid(b, narrow=n), weight_axis=axis,
                           activation_grid=rq.IntGrid(b, signed=s))
            for b in (2, 3, 8, 16) for n, s, axis in ((True, False, None), (False, True, 0))]
NETWORKS += [mlp.ptq_dynamic(NET, weight_grid=rq.IntGrid(b), axis=axis, activation_grid=rq.UINT4)
             for b in (4, 7) for axis in (None, -1)]
NETWORKS += [mlp.QuantizedNet(tuple(mlp.QuantizedLayer(
    codes=la.codes, bias=la.bias, activation=la.activation, weight=rq.AffineParams(
        scale=la.weight.scale.astype(np.float64), zero_point=0, grid=la.weight.grid)) for la in STATIC.layers))]
OWN = rq.Codebook([-3, -1, 0.25, 2])
SYMMETRIC: dict[str, Any] = {"activation_fit": rq.symmetric_params}
MX: dict[str, Any] = {"weight_fit": rq.mx_params, "weight_block": 2, "weight_grid": rq.E2M1}
FORMATS = [
    mlp.ptq_static(NET, [X], weight_grid=rq.E4M3), mlp.ptq_static(NET, [X], weight_grid=rq.NF4, weight_block=2),
    mlp.ptq_static(NET, [X], weight_grid=rq.E4M3FNUZ, activation_grid=rq.E5M2, weight_axis=0, **SYMMETRIC),
    mlp.ptq_static(NET, [X], weight_grid=OWN, activation_grid=rq.FloatGrid(3, 4, specials=16), **SYMMETRIC),
    mlp.ptq_static(NET, [X], **MX, activation_grid=rq.E4M3, activation_fit=rq.mx_params),
    mlp.ptq_static(NET, [X], weight_grid=rq.E2M1, weight_fit=rq.two_level(rq.E4M3), weight_block=2,
                   activation_grid=OWN, activation_fit=rq.two_level(rq.E4M3, scale=2**-9)),
    mlp.ptq_static(NET, [X], activation_fit=rq.two_level(rq.UINT8, fit=rq.affine_params)),
    *(mlp.ptq_dynamic(NET, **MX, activation_grid=rq.E4M3, fit=fit)
      for fit in (rq.mx_params, rq.mx_ceil_params, rq.mx_even_params, rq.mx_rceil_params, rq.symmetric_params))]


def test_the_scale_grids_of_the_formats() -> None:
    """Those that a file must keep: at least one network has each."""
    kept = {(layer.weight.scale_grid, getattr(layer.activation, "scale_grid", None))
            for qnet in FORMATS for layer in qnet.layers}
    assert kept == {(None, None), (rq.E8M0, rq.E8M0), (rq.E4M3, rq.E4M3), (None, rq.UINT8), (rq.E8M0, None)}


@pytest.mark.parametrize("qnet", NETWORKS + FORMATS)
def test_what_is_saved_is_loaded_bit_for_bit(qnet: mlp.QuantizedNet, tmp_path: Path) -> None:
    size = saved.save(tmp_path / "net.npz", qnet)
    again = saved.load(tmp_path / "net.npz")
    assert size == (tmp_path / "net.npz").stat().st_size > qnet.nbytes == again.nbytes
    for a, b in zip(qnet.layers, again.layers, strict=True):
        assert (a.codes.dtype, a.bias.dtype) == (b.codes.dtype, b.bias.dtype)
        assert (a.codes == b.codes).all() and (a.bias == b.bias).all()
        assert (a.weight, a.activation) == (b.weight, b.activation)
    np.testing.assert_array_equal(mlp.forward_quantized(again, X), mlp.forward_quantized(qnet, X))
    saved.save(tmp_path / "twin.npz", again)
    assert (tmp_path / "twin.npz").read_bytes() == (tmp_path / "net.npz").read_bytes()


def test_plain_numpy_reads_it_without_pickle(tmp_path: Path) -> None:
    saved.save(tmp_path / "net.npz", STATIC)
    with np.load(tmp_path / "net.npz", allow_pickle=False) as arrays:
        assert dict(zip(saved.COLUMNS, arrays["layers"][0].tolist(), strict=True)) == {
            "n_in": 3, "n_out": 5, "range": 0, "range_fit": 0, "block_size": 0,
            "input_zero_point": int(STATIC.layers[0].activation.zero_point)}  # type: ignore[union-attr]
        assert arrays["0.weight_grid"].tolist() == [3, 1, 1] and arrays["0.input_grid"].tolist() == [8, 0, 0]
        assert arrays["0.weight_scale_grid"].shape == arrays["0.input_scale_grid"].shape == (0,)
        assert rq.unpack(arrays["0.codes"], rq.IntGrid(3), 15).tolist() == STATIC.layers[0].codes.ravel().tolist()
        packed = sum(arrays[f"{i}.codes"].size for i in (0, 1))
        assert packed == -(-15 * 3 // 8) + -(-10 * 3 // 8)


def contents(qnet: mlp.QuantizedNet, folder: Path) -> dict[str, bytes]:
    saved.save(folder / "good.npz", qnet)
    with zipfile.ZipFile(folder / "good.npz") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(members: Any, path: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return path


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def row(column: str, value: int) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """The first layer with another value in a column."""
    def change(good: dict[str, bytes]) -> dict[str, bytes]:
        table = np.load(io.BytesIO(good["layers.npy"])).copy()
        table[0, saved.COLUMNS.index(column)] = value
        return {**good, "layers.npy": npy(table)}
    return change


def member(name: str, content: Any) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    return lambda good: {**good, name: content if isinstance(content, bytes) else npy(content)}


ENTRIES = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }"
BAD: dict[str, tuple[Callable[[dict[str, bytes]], dict[str, bytes]], str]] = {
    "no version": (lambda good: {k: v for k, v in good.items() if k != "version.npy"}, "no version"),
    "future version": (member("version.npy", np.int64(3)), "version 3; this refquant reads 2"),
    "the first version": (member("version.npy", np.int64(1)), "version 1; this refquant reads 2"),
    "version of two": (member("version.npy", np.array([2, 2])), "version [2 2]"),
    "version in words": (member("version.npy", np.array("2")), "version of dtype <U1"),
    "missing array": (lambda good: {k: v for k, v in good.items() if k != "1.bias.npy"}, "1.bias.npy"),
    "missing table": (lambda good: {k: v for k, v in good.items() if k != "layers.npy"}, "layers.npy"),
    "extra array": (member("extra.npy", np.ones(3)), "extra.npy"),
    "extra file": (member("../evil.sh", b"rm"), "../evil.sh"),
    "no layers": (member("layers.npy", np.zeros((0, 6), int)), "layers of shape (0, 6)"),
    "more layers than members": (member("layers.npy", np.ones((19, 6), int)), "(19, 6) among 18 members"),
    "bits behind the codes": (lambda good: {**good, "0.codes.npy": good["0.codes.npy"][:-1]
                                            + bytes([good["0.codes.npy"][-1] | 0x80])}, "behind the last code"),
    "a table of another shape": (member("layers.npy", np.zeros((2, 5), int)), "layers of shape (2, 5)"),
    "a table of one axis": (member("layers.npy", np.zeros(10, int)), "layers of shape (10,)"),
    "objects": (member("0.codes.npy", np.array([1, "a"], object)), "0.codes of dtype |O"),
    "a bomb": (member("0.bias.npy", np.array([Bomb()], object)), "0.bias of dtype |O"),
    "records": (member("0.bias.npy", np.zeros(5, [("a", "i4")])), "0.bias of dtype records"),
    "a huge shape": (member("0.codes.npy", header(ENTRIES % ("|u1", "10000000000000,")) + b"abc"),
                     "0.codes of shape (10000000000000,)"),
    "a shape of 10**5000": (member("0.codes.npy", header(ENTRIES % ("|u1", "1" + "0" * 5000 + ","))), "0.codes"),
    "a negative shape": (member("0.codes.npy", header(ENTRIES % ("|u1", "-1,"))), "header that NumPy can read"),
    "no header": (member("0.codes.npy", b"hello"), ".npy format"),
    "a truncated member": (lambda good: {**good, "0.bias.npy": good["0.bias.npy"][:-1]}, "0.bias of shape (5,) in"),
    "a member too long": (lambda good: {**good, "0.bias.npy": good["0.bias.npy"] + b"\0"}, "0.bias of shape (5,) in"),
    "codes of another number": (member("0.codes.npy", np.zeros(7, np.uint8)), "15 codes of 3 bits are 6 bytes"),
    "a code off the narrow grid": (member("0.codes.npy", np.full(6, 0x24, np.uint8)), "`packed`"),
    "biases of another number": (member("0.bias.npy", np.zeros(4, np.int32)), "must fit"),
    "float biases where static": (member("0.bias.npy", np.zeros(5, np.float32)), "int32 when static"),
    "biases of 8 bytes": (member("0.bias.npy", np.zeros(5, np.int64)), "0.bias of dtype <i8"),
    "a scale of 0": (member("0.weight_scale.npy", np.float32(0)), "`scale` must be positive"),
    "a scale of NaN": (member("0.input_scale.npy", np.float32(np.nan)), "NaN"),
    "an infinite scale": (member("0.weight_scale.npy", np.float64(np.inf)), "positive and finite"),
    "scales of another number": (member("0.weight_scale.npy", np.ones((1, 4), np.float32)), "must fit"),
    "input scales": (member("0.input_scale.npy", np.ones(3, np.float32)), "per tensor"),
    "layers that do not chain": (lambda good: {**row("n_out", 3)(row("n_in", 5)(good)), "0.bias.npy": npy(
        np.zeros(3, np.int32))}, "must chain"),
    "huge layers": (row("n_in", 2**40), "codes of 3 bits are"),
    "weights of 32 bits": (lambda good: {**good, "0.weight_grid.npy": npy([32, 1, 0]), "0.codes.npy": npy(
        np.zeros(60, np.uint8))}, "at most 16 bits"),
    "no inputs": (row("n_in", 0), "`n_in`"),
    "negative sizes": (row("n_out", -5), "`n_out`"),
    "1 bit": (member("0.weight_grid.npy", [1, 1, 1]), "`bits`"),
    "17 bits": (member("0.input_grid.npy", [17, 0, 0]), "at most 16 bits"),
    "33 bits": (member("0.input_grid.npy", [33, 0, 0]), "`bits` must be an integer from 2 to 32"),
    "signed in part": (member("0.input_grid.npy", [8, 2, 0]), "0.input_grid: `flag`"),
    "unsigned and narrow": (member("0.input_grid.npy", [8, 0, 1]), "`narrow`"),
    "no grid": (member("0.weight_grid.npy", np.zeros(0, int)), "0.weight_grid: `grid` must be a grid"),
    "no grid of the input": (member("0.input_grid.npy", np.zeros(0, int)), "0.input_grid: `grid` must be a grid"),
    "a grid of two numbers": (member("0.weight_grid.npy", [3, 1]), "0.weight_grid of shape (2,)"),
    "a grid of five numbers": (member("0.weight_grid.npy", [4, 3, 1, 0, 0]), "0.weight_grid of shape (5,)"),
    "a grid of two axes": (member("0.input_grid.npy", [[8, 0, 0]]), "0.input_grid of shape (1, 3)"),
    "a grid of one number": (member("0.input_grid.npy", np.int64(8)), "0.input_grid of shape ()"),
    "a grid in words": (member("0.input_grid.npy", np.array(["INT8"])), "0.input_grid of dtype <U4"),
    "a grid of objects": (member("0.input_grid.npy", np.array([Bomb()], object)), "0.input_grid of dtype |O"),
    "a float grid of flags": (member("0.weight_grid.npy", [4, 3, 1, 2]), "0.weight_grid: `flag`"),
    "no exponent": (member("0.weight_grid.npy", [0, 3, 1, 0]), "`exponent`"),
    "no mantissa": (member("0.weight_grid.npy", [4, 0, 0, 0]), "`mantissa`"),
    "an exponent of 8 bits": (member("0.weight_grid.npy", [8, 3, 0, 0]), "`exponent`"),
    "specials below 0": (member("0.weight_grid.npy", [4, 3, -1, 0]), "`specials`"),
    "nothing but specials": (member("0.weight_grid.npy", [2, 1, 7, 0]), "`specials`"),
    "a codebook in float64": (member("0.weight_grid.npy", np.float64([-1, 1])), "0.weight_grid of dtype <f8"),
    "a codebook without values": (member("0.weight_grid.npy", np.float32([])), "2 to 256 finite float32 reals"),
    "a codebook of one value": (member("0.weight_grid.npy", np.float32([1])), "2 to 256 finite float32 reals"),
    "a codebook of 257": (member("0.weight_grid.npy", np.arange(257, dtype=np.float32)), "2 to 256 finite"),
    "a codebook that falls": (member("0.weight_grid.npy", np.float32([0, 2, 1])), "reals that ascend"),
    "a codebook that repeats": (member("0.weight_grid.npy", np.float32([0, 1, 1])), "reals that ascend"),
    "a codebook with NaN": (member("0.weight_grid.npy", np.float32([0, np.nan])), "NaN"),
    "a codebook with infinity": (member("0.weight_grid.npy", np.float32([0, np.inf])), "finite float32 reals"),
    "a codebook of two axes": (member("0.weight_grid.npy", np.float32([[0, 1]])), "of shape (1, 2)"),
    "scales off their grid": (member("0.weight_scale_grid.npy", rq.E8M0.table), "`scale` must lie on scale_grid=E8M0"),
    "an input scale off its grid": (member("0.input_scale_grid.npy", rq.E8M0.table), "`scale` must lie on scale_grid"),
    "a scale grid of one number": (member("0.weight_scale_grid.npy", [8]), "0.weight_scale_grid of shape (1,)"),
    "no scale grid": (lambda good: {k: v for k, v in good.items() if k != "0.weight_scale_grid.npy"},
                      "0.weight_scale_grid.npy"),
    "a zero point on a float grid": (member("0.input_grid.npy", [4, 3, 1, 0]), "`grid` must have equal steps"),
    "a zero point off the grid": (row("input_zero_point", 256), "`zero_point`"),
    "a range of another kind": (row("range", 3), "`range`"),
    "static as dynamic": (lambda good: row("range", 1)(row("input_zero_point", 0)(good)), "0.input_scale.npy"),
}


@pytest.mark.parametrize("name", BAD)
def test_hostile_files_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFQUANT_BOMB", str(tmp_path / "bombed"))
    change, saying = BAD[name]
    path = written(change(contents(STATIC, tmp_path)).items(), tmp_path / "bad.npz")
    with refused(ValueError, "load", "bad.npz", saying):
        saved.load(path)
    assert not (tmp_path / "bombed").exists()


def test_the_version_comes_first(tmp_path: Path) -> None:
    """A future version may compress, and have other members."""
    path = written([("version.npy", npy(np.int64(3))), ("all", b"")], tmp_path / "new.npz", zipfile.ZIP_DEFLATED)
    with refused(ValueError, "load", "version 3; this refquant reads 2"):
        saved.load(path)
    path = written([("version.npy", npy(np.zeros(10**6, int)))], tmp_path / "bomb.npz", zipfile.ZIP_DEFLATED)
    with refused(ValueError, "load", "version of shape (1000000,) in 1000 bytes"):
        saved.load(path)


def test_members_that_overlap(tmp_path: Path) -> None:
    """Two names in the directory, one place in the file: what is read would be more than what is there."""
    good = contents(STATIC, tmp_path)
    with zipfile.ZipFile(tmp_path / "twice.npz", "w") as archive:
        for name, content in {**good, "0.codes.npy": npy(np.zeros(10_000, np.uint8))}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        twin = copy.copy(archive.getinfo("0.codes.npy"))
        twin.filename = "1.codes.npy"
        archive.filelist[[info.filename for info in archive.filelist].index("1.codes.npy")] = twin
    with refused(ValueError, "load", "overlap"):
        saved.load(tmp_path / "twice.npz")


def test_an_unused_field_holds_its_one_value(tmp_path: Path) -> None:
    good = contents(mlp.ptq_dynamic(NET), tmp_path)
    with refused(ValueError, "load", "`input_zero_point` where the range is dynamic"):
        saved.load(written(row("input_zero_point", 9)(good).items(), tmp_path / "bad.npz"))


def test_paths_that_are_none_or_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "net.npz", tmp_path / "nowhere" / "net.npz", tmp_path / ("a" * 300)):
        with refused(ValueError, "save", "`path`", "can be written", Path(path).name):
            saved.save(path, STATIC)
    saved.save(tmp_path / ("a" * 245 + ".npz"), STATIC)
    for path in (None, 5):
        with refused(TypeError, "load", "`path`", path):
            saved.load(path)  # type: ignore[arg-type]
        with refused(TypeError, "save", "`path`", path):
            saved.save(path, STATIC)  # type: ignore[arg-type]


def test_a_dynamic_range_is_one_of_two(tmp_path: Path) -> None:
    good = contents(mlp.ptq_dynamic(NET), tmp_path)
    path = written(row("range", 3)(good).items(), tmp_path / "bad.npz")
    with refused(ValueError, "load", "`range`", "from 0 to 2"):
        saved.load(path)


def test_compressed_double_encrypted_and_no_files(tmp_path: Path) -> None:
    good = contents(STATIC, tmp_path)
    for path, saying in (
            (written(good.items(), tmp_path / "small.npz", zipfile.ZIP_DEFLATED), "compressed members"),
            (tmp_path / "nowhere.npz", "No such file"), (tmp_path, "")):
        with refused(ValueError, "load", saying):
            saved.load(path)
    with pytest.warns(UserWarning, match="Duplicate"):
        double = written([*good.items(), ("0.bias.npy", good["0.bias.npy"])], tmp_path / "double.npz")
    with refused(ValueError, "load", "double"):
        saved.load(double)
    content = bytearray((tmp_path / "good.npz").read_bytes())
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the flag "encrypted" in every header
        place = content.find(magic)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(magic, place + 1)
    (tmp_path / "locked.npz").write_bytes(content)
    with refused(ValueError, "load", "locked.npz"):
        saved.load(tmp_path / "locked.npz")


def test_truncated_anywhere(tmp_path: Path) -> None:
    contents(STATIC, tmp_path)
    whole = (tmp_path / "good.npz").read_bytes()
    for size in range(0, len(whole), 13):
        (tmp_path / "cut.npz").write_bytes(whole[:size])
        with refused(ValueError, "load", "cut.npz"):
            saved.load(tmp_path / "cut.npz")


@pytest.mark.slow
def test_one_byte_wrong_anywhere_is_refused_or_harmless(tmp_path: Path) -> None:
    contents(STATIC, tmp_path)
    whole, rng = (tmp_path / "good.npz").read_bytes(), np.random.default_rng(0)
    expected = mlp.forward_quantized(STATIC, X)
    loaded = 0
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        (tmp_path / "bad.npz").write_bytes(damaged)
        try:
            again = saved.load(tmp_path / "bad.npz")  # a date, an attribute: nothing that is read
        except ValueError as refusal:
            assert str(refusal).startswith("load: "), refusal
        else:
            loaded += 1
            np.testing.assert_array_equal(mlp.forward_quantized(again, X), expected)
    assert loaded < len(whole) / 5 / 2


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    saved.save(tmp_path / "net.npz", STATIC)
    before = (tmp_path / "net.npz").read_bytes()
    for net in (None, NET, mlp.deploy(STATIC)):
        with refused(TypeError, "save", "`qnet` must be a QuantizedNet", type(net).__name__):
            saved.save(tmp_path / "net.npz", net)  # type: ignore[arg-type]
    assert (tmp_path / "net.npz").read_bytes() == before and os.listdir(tmp_path) == ["net.npz"]
