"""safetensors, read with NumPy alone; headers that lie, bombs, and an index that leads elsewhere."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.study.cli import main
from refquant.study.inspect.tensors import tensors

WHERE = "refquant inspect"
X = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
OK: dict[str, Any] = {"dtype": "F32", "shape": [6, 8], "data_offsets": [0, 192]}


def packed(entries: Any, data: bytes = X.tobytes(), length: int | None = None) -> bytes:
    text = (entries if isinstance(entries, str) else json.dumps(entries)).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def read(found: Any) -> dict[str, np.ndarray]:
    result = {}
    for t in found:
        with t.opened(Path(".")) as (raw, forget):
            result[t.name] = t.stored.decode(raw).copy()
            forget()
    return result


def test_every_dtype(tmp_path: Path) -> None:
    """float8 codes without a value are NaN."""
    half, codes = X.astype(np.float16), np.arange(256, dtype=np.uint8)
    upper = (X.view(np.uint32) >> 16).astype(np.uint16)
    stored = {"F64": X.astype(np.float64), "F32": X, "F16": half, "BF16": upper, "F8_E4M3": codes, "F8_E5M2": codes,
              "F8_E4M3FNUZ": codes, "I8": codes.view(np.int8), "BOOL": codes > 3}
    entries, data = {"__metadata__": {"format": "pt"}}, b""
    for name, x in stored.items():
        entries[f"w.{name}"] = {"dtype": name, "shape": [*x.shape], "data_offsets": [len(data), len(data) + x.nbytes]}
        data += x.tobytes()
    (tmp_path / "m.safetensors").write_bytes(packed(entries, data))
    found, left_out = tensors(WHERE, tmp_path / "m.safetensors")
    assert left_out == {"w.I8": "dtype I8", "w.BOOL": "dtype BOOL"}
    x = read(found)
    assert np.array_equal(x["w.F32"], X) and np.array_equal(x["w.F64"], X) and np.array_equal(x["w.F16"], half)
    assert x["w.BF16"].dtype == np.float32 and (np.abs(x["w.BF16"] - X) <= np.abs(X) / 128).all()
    for name, grid in (("E4M3", rq.E4M3), ("E5M2", rq.E5M2), ("E4M3FNUZ", rq.E4M3FNUZ)):
        assert np.array_equal(x[f"w.F8_{name}"], grid.decode(codes), equal_nan=True)


BAD: dict[str, tuple[bytes, str]] = {
    "a length of 2**63": (packed({"w": OK}, length=2**63), "a header of 9,223,372,036,854,775,808 bytes in a file of"),
    "a length beyond the file": (packed({"w": OK}, length=5000), "a header of 5,000 bytes"),
    "cut in the length": (b"\x08\0\0", "a header of"),
    "cut in the data": (packed({"w": OK})[:-1], "which takes 192 bytes, from 0 to 192 of 191."),
    "a header that is cut": (packed('{"w": {"dtype"'), "a header that cannot be read"),
    "a list": (packed("[1, 2]"), "a header that is a list"),
    "NaN": (packed('{"w": NaN}'), "cannot be read"),
    "infinity": (packed('{"w": {"dtype": "F32", "shape": [Infinity], "data_offsets": [0, 4]}}'), "cannot be read"),
    "a bomb of lists": (packed("[" * 100_000), "cannot be read"),
    "a bomb of objects": (packed('{"a":' * 100_000), "cannot be read"),
    "digits": (packed('{"w": ' + "9" * 100_000 + "}"), "cannot be read"),
    "a name twice": (packed('{"w": %s, "w": %s}' % ((json.dumps(OK),) * 2)), "cannot be read: 'a name stands twice'"),
    "a key twice": (packed('{"w": {"dtype": "F32", "dtype": "F32", "shape": [6, 8], "data_offsets": [0, 192]}}'),
                    "cannot be read: 'a name stands twice'"),
    "no entry": (packed({"w": 3}), "'w' with 3"),
    "no offsets": (packed({"w": {"dtype": "F32", "shape": [6, 8]}}), "'w' with"),
    "a negative offset": (packed({"w": {**OK, "data_offsets": [-192, 0]}}), "'w' with"),
    "an end before the beginning": (packed({"w": {**OK, "data_offsets": [192, 0]}}), "'w' with"),
    "an offset of reals": (packed({"w": {**OK, "data_offsets": [0, 192.0]}}), "'w' with"),
    "booleans": (packed({"w": {**OK, "shape": [True, 48]}}), "'w' with"),
    "a negative shape": (packed({"w": {**OK, "shape": [-6, -8]}}), "'w' with"),
    "a huge shape": (packed({"w": {**OK, "shape": [2**62, 2**62]}}), "'w' of shape"),
    "a shape that overflows to the size": (packed({"w": {**OK, "shape": [2**64 + 6, 8]}}), "'w' of shape"),
    "a shape as text": (packed({"w": {**OK, "shape": "68"}}), "'w' with"),
    "a dtype that is no text": (packed({"w": {**OK, "dtype": ["F32"]}}), "'w' with"),
    "too few bytes": (packed({"w": {**OK, "data_offsets": [0, 188]}}),
                      "'w' of shape (6, 8), which takes 192 bytes, from 0 to 188 of 192."),
    "bytes behind the last array": (packed({"w": OK}, X.tobytes() + b"1234"), "a gap at 192."),
    "a gap": (packed({"v": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "w": {
        **OK, "data_offsets": [8, 200]}}, X.tobytes() + bytes(8)), "a gap at 4."),
    "an overlap": (packed({"v": {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]}, "w": OK}),
                   "arrays that overlap at 8"),
    "the same twice": (packed({"v": OK, "w": OK}), "arrays that overlap at 0"),
    "beyond the file, of integers": (packed({"w": {"dtype": "I64", "shape": [3], "data_offsets": [0, 10**15]}}),
                                     "'w' of shape"),
    "no arrays": (packed({}, b""), "no array"),
    "integers alone": (packed({"w": {**OK, "dtype": "I32"}}), "'w': dtype I32"),
    "bytes that are no text": (b"\x04" + bytes(7) + b"{\xff\xfe}" + X.tobytes(), "cannot be read"),
    "a terminal's codes": (packed({"\x1b[2J": 3}), "with 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_header_that_lies_is_one_line_and_leaves_no_folder(name: str, tmp_path: Path,
                                                             capfd: pytest.CaptureFixture[str]) -> None:
    content, said = BAD[name]
    (tmp_path / "m.safetensors").write_bytes(content)
    assert main(["inspect", str(tmp_path / "m.safetensors"), "--out", str(tmp_path / "out")]) == 2
    out, err = capfd.readouterr()
    assert out == "" and said in err and err.count("\n") == 1 and "\x1b" not in err and "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_header_larger_than_allowed_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "m.safetensors").open("wb") as stream:
        stream.write((2 * 10**7).to_bytes(8, "little") + b"{")
        stream.truncate(3 * 10**7)  # a hole: no room on the disk
    with refused(ValueError, "a header of 20,000,000 bytes"):
        tensors(WHERE, tmp_path / "m.safetensors")


def index(folder: Path, weight_map: Any) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def test_a_folder_with_its_index(tmp_path: Path) -> None:
    (tmp_path / "1.safetensors").write_bytes(packed({"a": OK}))
    (tmp_path / "2.safetensors").write_bytes(packed({"b": OK, "spare": {**OK, "data_offsets": [192, 384]}},
                                                    X.tobytes() + X.tobytes()))
    index(tmp_path, {"a": "1.safetensors", "b": "2.safetensors"})
    found, _ = tensors(WHERE, tmp_path)
    assert [t.name for t in found] == ["a", "b"] and np.array_equal(read(found)["b"], X)
    os.rename(tmp_path / "1.safetensors", tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors.index.json").unlink()
    assert [t.name for t in tensors(WHERE, tmp_path)[0]] == ["a"]


@pytest.mark.parametrize(("weight_map", "said"), [
    ({"a": "../secret.safetensors"}, "in its own folder; got '../secret.safetensors'"),
    ({"a": "sub/../../secret.safetensors"}, "own folder"), ({"a": "/etc/passwd"}, "own folder"),
    ({"a": ""}, "own folder"),
    ({"a": "."}, "own folder"), ({"a": ".."}, "own folder"), ({"a": "link.safetensors"}, "own folder"),
    ({"a": "none.safetensors"}, "got 'none.safetensors'"),
    ({"a": 3}, "no weight_map"), ([], "no weight_map"), (None, "no weight_map"), ({}, "no array"),
    ({"b": "1.safetensors"}, "'b', which '1.safetensors' does not hold"),
])
def test_an_index_that_leads_elsewhere(weight_map: Any, said: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.safetensors").write_bytes(packed({"a": OK}))
    (folder / "1.safetensors").write_bytes(packed({"a": OK}))
    (folder / "link.safetensors").symlink_to(tmp_path / "secret.safetensors")
    index(folder, weight_map)
    with refused(ValueError, said):
        tensors(WHERE, folder)


def test_the_cache_of_a_hub_is_a_folder_of_links(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "models--a" / "blobs", tmp_path / "models--a" / "snapshots" / "abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (blobs / "0123").write_bytes(packed({"a": OK}))
    (snapshot / "model.safetensors").symlink_to(blobs / "0123")
    assert [t.name for t in tensors(WHERE, snapshot)[0]] == ["a"]


@pytest.mark.slow
def test_the_same_figures_from_every_format(tmp_path: Path) -> None:
    from refquant.study.inspect.report import inspect_arrays

    w = np.random.default_rng(0).normal(size=(70, 64)).astype(np.float32)
    (tmp_path / "w.safetensors").write_bytes(packed({"w": {"dtype": "F32", "shape": [70, 64], "data_offsets": [
        0, w.nbytes]}}, w.tobytes()))
    np.save(tmp_path / "w.npy", np.asfortranarray(w))
    np.savez(tmp_path / "w.npz", w=w)
    found = [inspect_arrays(tmp_path / name, bits=[4]).records[0] for name in ("w.safetensors", "w.npy", "w.npz")]
    assert found[0] == found[2]
    for a, b in zip(found[0].schemes, found[1].schemes, strict=True):
        assert a.bytes == b.bytes and a.sqnr_db == pytest.approx(b.sqnr_db, abs=1e-4)
