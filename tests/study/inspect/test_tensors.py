import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import Bomb, header, refused

from refquant.study.inspect.tensors import cuts, tensors

WHERE = "refquant inspect"


def npy(array: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def npz(**arrays: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return stream.getvalue()


FLOATS = npy(np.linspace(-1, 1, 1000))
ENTRIES = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }"
BAD = {
    "empty": (b"", "which is empty"),
    "text": (b"hello, world", "begins with b'hello,'"),
    "object": (npy(np.array([1.0, "a"], object)), "Python objects, which are never unpickled"),
    "complex": (npy(np.ones(3, complex)), "got complex values"),
    "integers": (npy(np.arange(3)), "got integers"),
    "bytes": (npy(np.ones(3, np.uint8)), "got integers"),
    "booleans": (npy(np.ones(3, bool)), "got booleans"),
    "records": (npy(np.ones(3, [("a", "f4"), ("b", "f4")])), "records of several fields"),
    "strings": (npy(np.array(["a"])), "dtype '<U1'"),
    "long double": (header(ENTRIES.replace("f4", "f16") % "3,"), "dtype '<f16'"),
    "bfloat16": (header(ENTRIES.replace("<f4", "|V2") % "3,"), "raw bytes (bfloat16, perhaps)"),
    "no values": (npy(np.ones((3, 0))), "an empty array of 2 axes"),
    "truncated": (FLOATS[:5000], "must hold 8,128 bytes, as its header says; got 5,000 bytes"),
    "truncated in its header": (FLOATS[:50], "must hold a whole header; got"),
    "truncated at once": (FLOATS[:8], "must hold a whole header; got"),
    "a shape of 10**30 values": (header(ENTRIES % "10**30,".replace("10**30", str(10**30))), "as its header says"),
    "a header of 4 GB": (header("", b"\x02\x00", 2**32 - 1), "a header that NumPy can read"),
    "a header without an end": (header("(" * 9000), "a header that NumPy can read"),
    "a header that is code": (header("__import__('os').abort()"), "a header that NumPy can read"),
    "a negative shape": (header(ENTRIES % "-3,"), "a header that NumPy can read"),
    "a shape of reals": (header(ENTRIES % "3.0,"), "a header that NumPy can read"),
    "a shape of booleans": (header(ENTRIES % "True,"), "a header that NumPy can read"),
    "a header of a list": (header("[1]"), "a header that NumPy can read"),
    "npz without members": (npz(), "an archive without members"),
    "npz of integers": (npz(a=npy(np.arange(3)), b=npy(np.array([{}]))), "'a': integers; 'b': Python objects"),
    "npz truncated": (npz(a=FLOATS)[:-30], "must be a whole .npz archive; got File is not a zip file"),
    "npz with a truncated array": (npz(a=FLOATS[:5000]), "'a.npy' must hold 8,128 bytes"),
    "npz with text": (npz(a=b"hello, world"), "'a.npy' must be in the .npy format"),
    "npz encrypted": (npz(a=FLOATS).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
                      .replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01"), "encrypted"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused(name: str, tmp_path: Path) -> None:
    content, said = BAD[name]
    path = tmp_path / "w.bin"
    path.write_bytes(content)
    with refused((TypeError, ValueError), said):
        tensors(WHERE, path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with refused(ValueError, "does not exist"):
        tensors(WHERE, tmp_path / "w.npy")
    with refused(ValueError, "is a folder"):
        tensors(WHERE, tmp_path)
    if os.path.exists(os.devnull) and os.name == "posix":
        with refused(ValueError, "is no file"):
            tensors(WHERE, os.devnull)


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "unpickled"
    monkeypatch.setenv("REFQUANT_BOMB", str(mark))
    content = npy(np.array([Bomb()], object))
    (tmp_path / "w.npy").write_bytes(content)
    (tmp_path / "w.npz").write_bytes(npz(bomb=content, w=FLOATS))
    with refused(TypeError, "never unpickled"):
        tensors(WHERE, tmp_path / "w.npy")
    found, left_out = tensors(WHERE, tmp_path / "w.npz")
    assert [t.name for t in found] == ["w"] and left_out == {"bomb": "Python objects, which are never unpickled"}
    assert not mark.exists()
    np.load(tmp_path / "w.npy", allow_pickle=True)[0].close()
    assert mark.exists()  # it would have


ARRAYS = {"f2": np.float16([[1, 2, 3], [4, 5, 6]]), "f4": np.float32(7.5), "f8": np.arange(24.0).reshape(2, 3, 4),
          "big endian": np.arange(5, dtype=">f4"), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
          "a/b $x$ \u4e2d": np.float64([-0.0])}


def test_npz_arrays_are_as_numpy_reads_them(tmp_path: Path) -> None:
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "w.npz", **ARRAYS, steps=np.int64(3))
        found, left_out = tensors(WHERE, tmp_path / "w.npz")
        assert left_out == {"steps": "integers"} and [t.name for t in found] == list(ARRAYS)
        for tensor in found:
            with tensor.opened(tmp_path) as x:
                assert x.dtype == ARRAYS[tensor.name].dtype and x.shape == tensor.shape
                assert np.array_equal(x, ARRAYS[tensor.name]) and not x.flags.writeable
        assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_of_every_version(version: tuple[int, int], tmp_path: Path) -> None:
    for array in ARRAYS.values():
        with (tmp_path / "w.npy").open("wb") as stream:
            np.lib.format.write_array(stream, np.asarray(array), version)
        [tensor], _ = tensors(WHERE, tmp_path / "w.npy")
        with tensor.opened(tmp_path) as x:
            assert np.array_equal(x, array) and tensor.name == "w" and tensor.size == array.size


def test_python_2_wrote_long_integers(tmp_path: Path) -> None:
    (tmp_path / "w.npy").write_bytes(header(ENTRIES % "2L, 1L") + np.float32([1, 2]).tobytes())
    [tensor], _ = tensors(WHERE, tmp_path / "w.npy")
    with tensor.opened(tmp_path) as x:
        assert x.tolist() == [[1], [2]]


def test_a_damaged_member_is_refused_when_it_is_read(tmp_path: Path) -> None:
    content = bytearray(npz(w=npy(np.random.default_rng(0).normal(size=10_000))))
    content[40_000] ^= 255
    (tmp_path / "w.npz").write_bytes(content)
    [tensor], _ = tensors(WHERE, tmp_path / "w.npz")
    with refused(ValueError, "must be a whole .npz archive"), tensor.opened(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


def test_a_member_larger_than_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.npz").write_bytes(npz(w=FLOATS))
    [tensor], _ = tensors(WHERE, tmp_path / "w.npz")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    with refused(ValueError, "needs 8,128 bytes of room", "100 free"), tensor.opened(tmp_path):
        pass


@pytest.mark.parametrize("shape", [(), (1,), (100,), (7, 11), (2, 3, 50), (1, 1, 40, 1), (50, 2)])
@pytest.mark.parametrize("unit", [1, 4])
def test_cuts_cover_everything_once(shape: tuple[int, ...], unit: int) -> None:
    x = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    pieces = [x[at] for at in cuts(shape, 12, unit)]
    assert np.concatenate([np.ravel(piece) for piece in pieces]).tolist() == x.ravel().tolist()
    assert max(np.size(piece) for piece in pieces) <= 12
    assert all(at[-1].start % unit == 0 for at in cuts(shape, 12, unit) if len(at) == len(shape) > 0)
