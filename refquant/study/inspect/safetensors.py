"""Arrays in .safetensors: 8 bytes of length, a header in JSON, raw bytes. One file, or a folder with its index.

Nothing that a header claims is believed before the file's size confirms it; nothing outside the folder is opened.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from ... import arguments
from .stored import STORED, Found, Opened, Stored, Tensor, many, mapped

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"
MOST = 10**7  # bytes of a header: some 70,000 arrays


def single(where: str, file: Path) -> Found:
    """The float arrays of one file, and why others are left out.

    Raises:
        ValueError: a file that is truncated or damaged, or whose header contradicts it.
    Source: the format of huggingface/safetensors.
    """
    with file.open("rb") as stream:
        length, size = int.from_bytes(stream.read(8), "little"), file.stat().st_size
        if size < 8 or length > min(MOST, size - 8):
            raise _broken(where, file, f"a header of {length:,} bytes in a file of {size:,}")
        entries = _parsed(where, file, stream.read(length))
    entries.pop("__metadata__", None)
    found: list[Tensor] = []
    left_out: dict[str, str] = {}
    spans = []
    for name, entry in entries.items():
        dtype, shape, begin, end = _entry(where, file, name, entry)
        stored = STORED.get(dtype)
        wanted = math.prod(shape) * stored.raw.itemsize if stored else end - begin
        if end > size - 8 - length or end - begin != wanted:
            raise _broken(where, file, f"{name!r} of shape {arguments.shown(shape)}, which takes {many(wanted)} bytes, "
                          f"from {begin:,} to {end:,} of {size - 8 - length:,}")
        spans.append((begin, end))
        if stored and math.prod(shape) > 0 and len(shape) < 64:
            found.append(Tensor(name, shape, stored, partial(_opened, file, stored, 8 + length + begin, shape)))
        else:
            left_out[name] = "no values, or too many axes" if stored else f"dtype {dtype}"
    for (_, at), (begin, _) in pairwise([(0, 0), *sorted(spans), (size - 8 - length,) * 2]):
        if begin != at:
            raise _broken(where, file, f"{'arrays that overlap' if begin < at else 'a gap'} at {min(begin, at):,}")
    return found, left_out


@contextmanager
def _opened(file: Path, stored: Stored, offset: int, shape: tuple[int, ...], _: Path) -> Iterator[Opened]:
    with file.open("rb") as stream:
        yield mapped(stream, stored.raw, offset, shape)


def folder(where: str, path: Path) -> Found:
    """The same of a folder: of the files that its index names, or of its model.safetensors."""
    if not (path / INDEX).is_file() and (path / SINGLE).is_file():
        return single(where, _inside(where, path, SINGLE))
    index = path / INDEX
    if not index.is_file():
        files = sorted(file.name for file in path.iterdir() if file.suffix in (".safetensors", ".npz", ".npy"))
        raise arguments.error(ValueError, where, f"a folder must hold {SINGLE} or {INDEX}", f"{str(path)!r} with "
                              f"{', '.join(files[:5]) or 'no file to inspect'}{', ...' * (len(files) > 5)}",
                              "name one of its files, or download all files of the model")
    if index.stat().st_size > MOST:
        raise _broken(where, index, f"{index.stat().st_size:,} bytes, where {MOST:,} are the most")
    names = _parsed(where, index, _inside(where, path, INDEX).read_bytes()).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise _broken(where, index, "no weight_map from names to files")
    found: list[Tensor] = []
    left_out: dict[str, str] = {}
    for part in dict.fromkeys(names.values()):
        tensors, others = single(where, _inside(where, path, part))
        held = {t.name for t in tensors} | set(others)
        if missing := [name for name, file in names.items() if file == part and name not in held]:
            raise _broken(where, index, f"{missing[0]!r}, which {part!r} does not hold")
        found += [t for t in tensors if names.get(t.name) == part]
        left_out |= others
    return found, left_out


def _inside(where: str, path: Path, part: str) -> Path:
    """A file of the folder itself; a link may lead to the blobs of a hub's cache, and nowhere else."""
    home, real = path.resolve(), (path / part).resolve()
    homes = [home, *([home.parent.parent / "blobs"] if home.parent.name == "snapshots" else [])]
    if Path(part).name != part or "\\" in part or real.parent not in homes or not real.is_file():
        raise arguments.error(ValueError, where, "a model's files must be there, in its own folder", repr(part),
                              "download all of them; a link may not lead elsewhere")
    return real


def _parsed(where: str, file: Path, text: bytes) -> dict[str, Any]:
    """A JSON object; names stand once, and numbers are finite."""
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name stands twice")
        return found

    try:
        found = json.loads(text.decode(), object_pairs_hook=once, parse_constant=int)  # no int is NaN
    except (ValueError, RecursionError) as cause:
        raise _broken(where, file, f"a header that cannot be read: {arguments.shown(str(cause))}") from cause
    if not isinstance(found, dict):
        raise _broken(where, file, f"a header that is a {type(found).__name__}")
    return found


def _entry(where: str, file: Path, name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """dtype, shape, begin, end."""
    try:
        dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        if not (all(type(n) is int and n >= 0 for n in (*shape, begin, end)) and begin <= end and len(shape) < 1000
                and isinstance(dtype, str)):
            raise ValueError
    except (KeyError, TypeError, ValueError) as cause:
        raise _broken(where, file, f"{name!r} with {arguments.shown(entry)}") from cause
    return dtype, shape, begin, end


def _broken(where: str, file: Path, got: str) -> Exception:
    return arguments.error(ValueError, where, f"{file.name!r} must hold what its header says, and no more",
                           "".join(c if c.isprintable() else "?" for c in got),
                           "it is truncated, damaged or made to mislead; fetch it again")
