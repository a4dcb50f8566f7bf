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


@pytest.mark.parametrize("qnet", NETWORKS)
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
            "n_in": 3, "n_out": 5, "weight_bits": 3, "weight_signed": 1, "weight_narrow": 1, "input_bits": 8,
            "input_signed": 0, "input_narrow": 0, "input_zero_point": int(STATIC.layers[0].activation.zero_point),
            "range_fit": 0, "block_size": 0,
            "range": 0}  # type: ignore[union-attr]
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
    "future version": (member("version.npy", np.int64(2)), "version 2; this refquant reads 1"),
    "version of two": (member("version.npy", np.array([1, 1])), "version [1 1]"),
    "version in words": (member("version.npy", np.array("1")), "version of dtype <U1"),
    "missing array": (lambda good: {k: v for k, v in good.items() if k != "1.bias.npy"}, "1.bias.npy"),
    "missing table": (lambda good: {k: v for k, v in good.items() if k != "layers.npy"}, "layers.npy"),
    "extra array": (member("extra.npy", np.ones(3)), "extra.npy"),
    "extra file": (member("../evil.sh", b"rm"), "../evil.sh"),
    "no layers": (member("layers.npy", np.zeros((0, 10), int)), "layers of shape (0, 10)"),
    "more layers than members": (member("layers.npy", np.ones((11, 10), int)), "(11, 10) among 10 members"),
    "bits behind the codes": (lambda good: {**good, "0.codes.npy": good["0.codes.npy"][:-1]
                                            + bytes([good["0.codes.npy"][-1] | 0x80])}, "behind the last code"),
    "a table of another shape": (member("layers.npy", np.zeros((2, 9), int)), "layers of shape (2, 9)"),
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
    "weights of 32 bits": (row("weight_bits", 32), "`weight_bits`"),
    "no inputs": (row("n_in", 0), "`n_in`"),
    "negative sizes": (row("n_out", -5), "`n_out`"),
    "1 bit": (row("weight_bits", 1), "`weight_bits`"),
    "17 bits": (row("input_bits", 17), "from 2 to 16"),
    "signed in part": (row("input_signed", 2), "`input_signed`"),
    "unsigned and narrow": (row("input_narrow", 1), "`narrow`"),
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
    path = written([("version.npy", npy(np.int64(2))), ("all", b"")], tmp_path / "new.npz", zipfile.ZIP_DEFLATED)
    with refused(ValueError, "load", "version 2; this refquant reads 1"):
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
    for size in range(0, len(whole), 7):
        (tmp_path / "cut.npz").write_bytes(whole[:size])
        with refused(ValueError, "load", "cut.npz"):
            saved.load(tmp_path / "cut.npz")


def test_one_byte_wrong_anywhere_is_refused_or_harmless(tmp_path: Path) -> None:
    contents(STATIC, tmp_path)
    whole, rng = (tmp_path / "good.npz").read_bytes(), np.random.default_rng(0)
    expected = mlp.forward_quantized(STATIC, X)
    loaded = 0
    for place in range(0, len(whole), 3):
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
    assert loaded < len(whole) / 3 / 2


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    saved.save(tmp_path / "net.npz", STATIC)
    before = (tmp_path / "net.npz").read_bytes()
    for net in (None, NET, mlp.deploy(STATIC)):
        with refused(TypeError, "save", "`qnet` must be a QuantizedNet", type(net).__name__):
            saved.save(tmp_path / "net.npz", net)  # type: ignore[arg-type]
    assert (tmp_path / "net.npz").read_bytes() == before and os.listdir(tmp_path) == ["net.npz"]
