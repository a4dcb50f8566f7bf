"""Float arrays in .npy and .npz files, opened without reading them: a header, then a memory map.

Nothing is unpickled, and nothing that a header claims is believed before the file's size confirms it.
"""

from __future__ import annotations

import ast
import math
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

import numpy as np

from ... import arguments
from ...arguments import Reals

Index: TypeAlias = tuple[int | slice, ...]
MAGIC, ZIP = b"\x93NUMPY", b"PK"
try:
    from lzma import LZMAError
except ImportError:  # Python in a browser may have no lzma: zipfile then raises a RuntimeError
    LZMAError = zipfile.BadZipFile  # type: ignore[misc, assignment]
BROKEN = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError, struct.error,
          ValueError, IndexError)


class Header(NamedTuple):
    """What a .npy begins with: the dtype as it is written, whether columns come first, the shape; its own bytes."""

    descr: str
    fortran: bool
    shape: tuple[int, ...]
    offset: int

    @property
    def nbytes(self) -> int:
        """What a file of this header holds, header included; for floats."""
        return self.offset + math.prod(self.shape) * int(self.descr[-1])


class Tensor(NamedTuple):
    """A float array in a file; `with tensor.opened(scratch) as x` maps it, an .npz's by way of the folder scratch."""

    name: str
    shape: tuple[int, ...]
    opened: Callable[[Path], AbstractContextManager[Reals]]

    @property
    def size(self) -> int:
        """How many values."""
        return math.prod(self.shape)


def tensors(where: str, path: str | Path) -> tuple[list[Tensor], dict[str, str]]:
    """The file's float arrays, and why its other members are left out.

    Raises:
        ValueError: no such file, an empty, truncated or damaged one, of another format, without a float array.
        TypeError: a .npy whose dtype is not float16, float32 or float64.
    Source: the formats of numpy.lib.format, versions 1.0 to 3.0, and numpy.savez.
    """
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is no file" if file.exists() else "does not exist"
        raise arguments.error(ValueError, where, "FILE must be a .npy or .npz file", f"{str(path)!r}, which {what}",
                              "np.save('w.npy', w) makes one")
    with file.open("rb") as stream:
        start = stream.read(len(MAGIC))
        stream.seek(0)
        if start == MAGIC:
            return [_single(where, file, stream)], {}
    if start.startswith(ZIP):
        return _members(where, file)
    raise arguments.error(ValueError, where, "FILE must be a .npy or .npz file", f"{file.name!r}, which "
                          + (f"begins with {start!r}" if start else "is empty"), "np.save('w.npy', w) makes one; other "
                          "formats are converted first, torch's tensors by tensor.float().numpy()")


def _single(where: str, file: Path, stream: IO[bytes]) -> Tensor:
    header = read_header(where, file.name, stream)
    unfit = _unfit(header)
    if unfit:
        kind = ValueError if unfit == _unfit(header._replace(descr="f4")) else TypeError
        raise arguments.error(kind, where, f"{file.name!r} must hold float16, float32 or float64 values", *unfit)
    _whole(where, file.name, header, file.stat().st_size)
    return Tensor(file.stem, header.shape, partial(_mapped, file, header))


def _members(where: str, file: Path) -> tuple[list[Tensor], dict[str, str]]:
    found: list[Tensor] = []
    left_out: dict[str, str] = {}
    with readable(where, file.name), zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            if name == info.filename:
                left_out[name] = "it is no .npy"
                continue
            with archive.open(info) as stream:
                header = read_header(where, info.filename, stream)
            unfit = _unfit(header)
            if unfit:
                left_out[name] = unfit[0]
            else:
                _whole(where, info.filename, header, info.file_size)
                found.append(Tensor(name, header.shape, partial(_extracted, where, file, info, header)))
    if not found:
        first = "; ".join(f"{name!r}: {why}" for name, why in list(left_out.items())[:3])
        raise arguments.error(ValueError, where, f"{file.name!r} must hold an array of float16, float32 or float64",
                              first or "an archive without members", "np.savez('w.npz', w=w) makes one of floats")
    return found, left_out


@contextmanager
def readable(where: str, name: str) -> Iterator[None]:
    """What zipfile raises on damaged archives, as one message."""
    try:
        yield
    except BROKEN as cause:
        if str(cause).startswith(where):
            raise
        raise arguments.error(ValueError, where, f"{name!r} must be a whole .npz archive", str(cause) or repr(cause),
                              "it is truncated, damaged or encrypted; write it again with np.savez") from cause


# ---------------------------------------------------------------------------------------------- headers

def read_header(where: str, name: str, stream: IO[bytes]) -> Header:
    """The header, parsed as a Python literal of at most 10,000 bytes, as NumPy's."""
    start = stream.read(12)
    wide = start[6:7] in (b"\x02", b"\x03")
    length = int.from_bytes(start[8:12] if wide else start[8:10], "little")
    offset = (12 if wide else 10) + length
    if not start.startswith(MAGIC):
        raise arguments.error(ValueError, where, f"{name!r} must be in the .npy format",
                              f"{start[:6]!r} at its beginning", "np.save makes such files")
    text = (start + stream.read(length))[12 if wide else 10:offset] if length <= 10_000 else b""
    if len(start) < 12 or len(text) < length <= 10_000:
        raise arguments.error(ValueError, where, f"{name!r} must hold a whole header",
                              f"{len(start) + len(text)} bytes", "it is truncated; write it again")
    try:
        words = text.decode("utf-8" if start[6] == 3 else "latin-1").strip()
        entries = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", words))  # Python 2 wrote 3L
        descr, fortran, shape = (entries[key] for key in ("descr", "fortran_order", "shape"))
        if not (isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape) and len(shape) <= 64):
            raise ValueError("no valid shape")
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as cause:
        raise arguments.error(ValueError, where, f"{name!r} must have a header that NumPy can read", repr(text[:40]),
                              "it is damaged; write it again") from cause
    return Header(descr if isinstance(descr, str) else "", bool(fortran), shape, offset)


KINDS = {"O": ("Python objects, which are never unpickled", "np.save(file, np.asarray(x, np.float32)) saves numbers"),
         "c": ("complex values", "inspect x.real and x.imag, each by itself"),
         "b": ("booleans", "there is nothing to quantize; np.asarray(x, np.float32) makes floats"),
         "i": ("integers", "quantization begins with reals; np.asarray(x, np.float32) makes them"),
         "V": ("raw bytes (bfloat16, perhaps)", "np.asarray(x, np.float32) makes floats"),
         "": ("records of several fields", "save each field by itself")}
KINDS["u"] = KINDS["i"]


def _unfit(header: Header) -> tuple[str, str] | None:
    """Why the array cannot be inspected, and what to do."""
    if not re.fullmatch("[<>=|]?f[248]", header.descr):
        kind = header.descr.lstrip("<>=|")[:1]
        return KINDS.get(kind, (f"dtype {header.descr!r}", "np.asarray(x, np.float32) makes floats"))
    if math.prod(header.shape) == 0:
        return f"an empty array of {len(header.shape)} axes", "there is nothing to inspect"
    if len(header.shape) > 63:
        return f"{len(header.shape)} axes", "NumPy holds 64, and blocks need one: reshape it"
    return None


def _whole(where: str, name: str, header: Header, size: int) -> None:
    if size < header.nbytes:
        wanted = f"{header.nbytes:,}" if header.nbytes < 10**30 else "over 10**30"
        raise arguments.error(ValueError, where, f"{name!r} must hold {wanted} bytes, as its header says",
                              f"{size:,} bytes", "it is truncated; write it again")


# ---------------------------------------------------------------------------------------------- opening

@contextmanager
def _mapped(file: Path, header: Header, _: Path) -> Iterator[Reals]:
    with file.open("rb") as stream:
        yield _map(stream, header)


@contextmanager
def _extracted(where: str, file: Path, info: zipfile.ZipInfo, header: Header, scratch: Path) -> Iterator[Reals]:
    """The member as a file without a name, which vanishes with the process, whatever ends it."""
    if info.file_size > (free := shutil.disk_usage(scratch).free):
        raise arguments.error(ValueError, where, f"{info.filename!r} needs {info.file_size:,} bytes of room, unpacked",
                              f"{free:,} free", "choose --out on a larger disk")
    with tempfile.TemporaryFile(dir=scratch) as unpacked:
        with readable(where, file.name), zipfile.ZipFile(file) as archive, archive.open(info) as stream:
            shutil.copyfileobj(stream, unpacked, 2**20)
        unpacked.flush()
        _whole(where, info.filename, header, unpacked.tell())
        yield _map(unpacked, header)


def _map(stream: IO[bytes], header: Header) -> Reals:
    mapped = np.memmap(stream, np.dtype(header.descr), "r", header.offset, header.shape,
                       "F" if header.fortran else "C")
    return mapped.view(np.ndarray)


# ---------------------------------------------------------------------------------------------- cutting

def cuts(shape: tuple[int, ...], size: int, unit: int = 1) -> Iterator[Index]:
    """Indices of pieces of at most `size` values, in C order; the last axis is cut at multiples of `unit` only.

    >>> list(cuts((2, 3), 2))
    [(0, slice(0, 2, None)), (0, slice(2, 4, None)), (1, slice(0, 2, None)), (1, slice(2, 4, None))]
    """
    inner = math.prod(shape[1:])
    if math.prod(shape) <= size:
        yield ()
    elif inner > size:
        yield from ((i, *rest) for i in range(shape[0]) for rest in cuts(shape[1:], size, unit))
    else:
        rows = size // inner if len(shape) > 1 else max(1, size // unit) * unit
        yield from ((slice(i, i + rows),) for i in range(0, shape[0], rows))
