import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Bomb, Extra, header, refused

from refquant.study.inspect.foreign import FOREIGN, foreign, line
from refquant.study.inspect.tensors import tensors

WHERE = "refquant inspect"
ml_dtypes = Extra("ml_dtypes", "test")


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


def read(tensor: Any, scratch: Path) -> np.ndarray:
    with tensor.opened(scratch) as (raw, forget):
        found = tensor.stored.decode(raw)
        assert not raw.flags.writeable
        forget()
    return found


FLOATS = npy(np.linspace(-1, 1, 1000))
ENTRIES = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }"
UNREAD = "must have a .npy header that NumPy can read"
BAD = {
    "empty": (b"", "which is empty. Hint: download it or write it again"),
    "picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "PNG\\r\\n'. Hint: give the file that holds the weights, or np"),
    "text": (b"hello, world", "begins with b'hello,'"),
    "object": (npy(np.array([1.0, "a"], object)), "Python objects, which are never unpickled"),
    "complex": (npy(np.ones(3, complex)), "dtype complex128. Hint: np.savez('w.npz', w=x) saves an array x of float"),
    "integers": (npy(np.arange(3)), "'w': dtype int64"),
    "bytes": (npy(np.ones(3, np.uint8)), "dtype uint8"),
    "booleans": (npy(np.ones(3, bool)), "dtype bool"),
    "records": (npy(np.ones(3, [("a", "f4"), ("b", "f4")])), "or records"),
    "strings": (npy(np.array(["a"])), "dtype <U1"),
    "long double": (header(ENTRIES.replace("f4", "f16") % "3,"), "dtype float128"),
    "float8": (header(ENTRIES.replace("<f4", "|V1") % "3,"), "raw bytes (a float8, perhaps"),
    "no values": (npy(np.ones((3, 0))), "an array of shape (3, 0)"),
    "truncated": (FLOATS[:5000], "must hold 8,128 bytes, as its header says; got 5,000 bytes"),
    "truncated in its header": (FLOATS[:50], UNREAD),
    "truncated at once": (FLOATS[:8], UNREAD),
    "a shape of 10**30 values": (header(ENTRIES % "10**30,".replace("10**30", str(10**30))), "as its header says"),
    "a header of 4 GB": (header("", b"\x02\x00", 2**32 - 1), UNREAD),
    "a header without an end": (header("(" * 9000), UNREAD),
    "a header that is code": (header("__import__('os').abort()"), UNREAD),
    "a negative shape": (header(ENTRIES % "-3,"), UNREAD),
    "a shape of reals": (header(ENTRIES % "3.0,"), UNREAD),
    "a shape of booleans": (header(ENTRIES % "True,"), UNREAD),
    "a header of a list": (header("[1]"), UNREAD),
    "npz without members": (npz(), "no array"),
    "npz of integers": (npz(a=npy(np.arange(3)), b=npy(np.array([{}]))), "'a': dtype int64; 'b': Python objects"),
    "npz truncated": (npz(a=FLOATS)[:-30], "must be a whole zip archive; got File is not a zip file"),
    "npz with a truncated array": (npz(a=FLOATS[:5000]), "'a.npy' must hold 8,128 bytes"),
    "npz with text": (npz(a=b"hello, world"), f"'a.npy' {UNREAD}"),
    "npz encrypted": (npz(a=FLOATS).replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
                      .replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01"), "encrypted"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused(name: str, tmp_path: Path) -> None:
    if name == "long double" and np.dtype(np.longdouble).itemsize != 16:
        pytest.skip("no such dtype here")
    content, said = BAD[name]
    path = tmp_path / "w.bin"
    path.write_bytes(content)
    with refused(ValueError, said):
        tensors(WHERE, path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with refused(ValueError, "does not exist"):
        tensors(WHERE, tmp_path / "w.npy")
    for name in ("b.npz", "a.npy", "c.txt"):
        (tmp_path / name).touch()
    with refused(ValueError, "a folder must hold model.safetensors", "with a.npy, b.npz. Hint: name one"):
        tensors(WHERE, tmp_path)
    (tmp_path / "empty.safetensors").touch()
    with refused(ValueError, "which is empty. Hint: download it or write it again"):
        tensors(WHERE, tmp_path / "empty.safetensors")
    if os.path.exists(os.devnull) and os.name == "posix":
        with refused(ValueError, "is no file"):
            tensors(WHERE, os.devnull)


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "unpickled"
    monkeypatch.setenv("REFQUANT_BOMB", str(mark))
    content = npy(np.array([Bomb()], object))
    (tmp_path / "w.npy").write_bytes(content)
    (tmp_path / "w.npz").write_bytes(npz(bomb=content, w=FLOATS))
    with refused(ValueError, "never unpickled"):
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
        assert left_out == {"steps": "dtype int64"} and [t.name for t in found] == list(ARRAYS)
        for tensor in found:
            x = read(tensor, tmp_path)
            assert x.dtype == np.float32, "float64 too, as its scales are"
            assert x.shape == tensor.shape and np.array_equal(x, ARRAYS[tensor.name])
        assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_of_every_version(version: tuple[int, int], tmp_path: Path) -> None:
    for array in ARRAYS.values():
        with (tmp_path / "w.npy").open("wb") as stream:
            np.lib.format.write_array(stream, np.asarray(array), version)
        [tensor], _ = tensors(WHERE, tmp_path / "w.npy")
        assert np.array_equal(read(tensor, tmp_path), array) and tensor.name == "w" and tensor.size == array.size


def test_python_2_wrote_long_integers(tmp_path: Path) -> None:
    (tmp_path / "w.npy").write_bytes(header(ENTRIES % "2L, 1L") + np.float32([1, 2]).tobytes())
    [tensor], _ = tensors(WHERE, tmp_path / "w.npy")
    assert read(tensor, tmp_path).tolist() == [[1], [2]]


@pytest.mark.parametrize("descr", ["<V2", "|V2"])
def test_bfloat16_is_two_bytes_without_a_meaning(descr: str, tmp_path: Path) -> None:
    x = np.float32([1, -2.5, 0, 3e38])
    upper = (x.view(np.uint32) >> 16).astype("<u2").tobytes()
    (tmp_path / "w.npy").write_bytes(header(ENTRIES.replace("<f4", descr) % "4,") + upper)
    [tensor], _ = tensors(WHERE, tmp_path / "w.npy")
    found = read(tensor, tmp_path)
    assert found[:2].tolist() == [1, -2.5] and abs(found[3] / x[3] - 1) < 2**-7


@pytest.mark.conformance
def test_bfloat16_of_ml_dtypes(tmp_path: Path) -> None:
    x = np.float32([[1, -2.5, 3e38], [1e-40, -0.0, 0.1]]).astype(ml_dtypes.bfloat16)
    np.save(tmp_path / "w.npy", x)
    [tensor], _ = tensors(WHERE, tmp_path / "w.npy")
    assert tensor.stored.name == "bfloat16" and np.array_equal(read(tensor, tmp_path), x.astype(np.float32))


def test_a_damaged_member_is_refused_when_it_is_read(tmp_path: Path) -> None:
    content = bytearray(npz(w=npy(np.random.default_rng(0).normal(size=10_000))))
    content[40_000] ^= 255
    (tmp_path / "w.npz").write_bytes(content)
    [tensor], _ = tensors(WHERE, tmp_path / "w.npz")
    with refused(ValueError, "must be a whole zip archive"):
        read(tensor, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


def test_a_member_larger_than_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.npz").write_bytes(npz(w=FLOATS))
    [tensor], _ = tensors(WHERE, tmp_path / "w.npz")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 100}))
    with refused(ValueError, "needs 8,128 bytes of room", "100 free"):
        read(tensor, tmp_path)


# ---------------------------------------------------------------------------------------------- other formats

def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return stream.getvalue()


STARTS = {"gguf": b"GGUF\x03\0\0\0", "parquet": b"PAR1\x15\x04", "torch": zipped("archive/data.pkl", "archive/data/0"),
          "script": zipped("m/data.pkl", "m/code/a.py"), "csv": b"1.5, -2e3\n3,4\n", "headed": b"a,b\n1,2\n",
          "onnx": b"\x08\x08\x12\x07pytorch", "": b"hello, world\nfoo, bar\n"}


@pytest.mark.parametrize("kind", STARTS)
def test_other_formats_are_known_by_their_first_bytes(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a model.bin"
    path.write_bytes(STARTS[kind])
    assert foreign(path, STARTS[kind]) == kind and (not kind or kind in FOREIGN)
    if kind:
        with refused(ValueError, FOREIGN[kind].name,
                     f"{line(kind, path)}  # after: pip install {FOREIGN[kind].needs}"):
            tensors(WHERE, path)


def converted(kind: str, path: Path) -> dict[str, np.ndarray]:
    """What the printed line makes of the file, as a shell runs it."""
    with pytest.raises(ValueError, match="this line converts it") as said:
        tensors(WHERE, path)
    words = re.search("this line converts it: (.*)", str(said.value))[1].replace("python", f"'{sys.executable}'", 1)
    subprocess.run(words, shell=True, check=True, cwd=path.parent, timeout=100)
    found, _ = tensors(WHERE, path.with_name(path.stem + FOREIGN[kind].ending))
    return {t.name: read(t, path.parent) for t in found}


X = np.random.default_rng(0).normal(size=(5, 32)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a line for a POSIX shell")
@pytest.mark.parametrize("head", ["", "a" + ",b" * 31])
def test_the_line_for_csv_works(head: str, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "my w.csv", X, delimiter=",", header=head, comments="")
    if not head:
        (tmp_path / "my w.csv").write_text("\n".join(",".join(map(str, row)) for row in X.tolist()))
    assert np.allclose(converted("headed" if head else "csv", tmp_path / "my w.csv")["my w"], X)


@pytest.mark.conformance
@pytest.mark.skipif(os.name != "posix", reason="a line for a POSIX shell")
def test_the_line_for_onnx_works(tmp_path: Path) -> None:
    onnx: Any = Extra("onnx", "onnx")
    h = onnx.helper
    inner = h.make_graph([h.make_node("Constant", [], ["y"], value=onnx.numpy_helper.from_array(X[:2], "k"))], "b", [],
                         [h.make_tensor_value_info("y", 1, (2, 32))])
    graph = h.make_graph([h.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)], "g",
                         [h.make_tensor_value_info("c", 9, ())], [h.make_tensor_value_info("z", 1, None)],
                         [onnx.numpy_helper.from_array(X, "w"), onnx.numpy_helper.from_array(np.arange(3), "i")])
    onnx.save(h.make_model(graph), tmp_path / "m.onnx")
    found = list(converted("onnx", tmp_path / "m.onnx").values())
    assert sorted(x.shape for x in found) == [(2, 32), (2, 32), (5, 32)], "branches, too; no integers"
    assert any(np.array_equal(x, X) for x in found)


@pytest.mark.conformance
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.skipif(os.name != "posix", reason="a line for a POSIX shell")
def test_the_line_for_torch_works(tmp_path: Path) -> None:
    torch: Any = Extra("torch", "torch")
    state = {"w": torch.tensor(X).bfloat16(), "steps": torch.tensor(3)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "m.pt")
    assert np.array_equal(converted("torch", tmp_path / "m.pt")["w"], state["w"].float().numpy())
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert list(converted("torch", tmp_path / "old.pth")) == ["w"]
    torch.jit.script(torch.nn.Linear(3, 4)).save(tmp_path / "s.pt")
    assert set(converted("script", tmp_path / "s.pt")) == {"weight", "bias"}


@pytest.mark.conformance
@pytest.mark.skipif(os.name != "posix", reason="a line for a POSIX shell")
def test_the_line_for_gguf_works(tmp_path: Path) -> None:
    gguf: Any = Extra("gguf", "gguf")
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_tensor("w", X)
    q8 = gguf.GGMLQuantizationType.Q8_0
    writer.add_tensor("q", gguf.quantize(X, q8), raw_dtype=q8)
    for step in ("write_header_to_file", "write_kv_data_to_file", "write_tensors_to_file", "close"):
        getattr(writer, step)()
    found = converted("gguf", tmp_path / "m.gguf")
    assert np.array_equal(found["w"], X) and np.allclose(found["q"], X, atol=0.03)
