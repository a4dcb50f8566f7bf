"""Float arrays in files, opened without reading them: a header, then a memory map. .npy and .npz here.

Nothing is unpickled, and nothing that a header claims is believed before the file's size confirms it.
"""

from __future__ import annotations

import io
import math
import shutil
import tempfile
import tokenize
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from ... import arguments
from . import safetensors
from .foreign import FOREIGN, foreign, line
from .stored import BFLOAT16, Found, Opened, Stored, Tensor, many, mapped, numpy_float

MAGIC, ZIP, HEADER = b"\x93NUMPY", b"PK", 10_012  # NumPy's limit of a header, and what stands before it
KINDS = {"O": "Python objects, which are never unpickled", "V": "raw bytes (a float8, perhaps) or records"}


class Header(NamedTuple):
    """What a .npy begins with, and how many bytes that takes."""

    dtype: np.dtype[Any]
    fortran: bool
    shape: tuple[int, ...]
    offset: int

    @property
    def stored(self) -> Stored:
        """The dtype; ml_dtypes' bfloat16 is written as two bytes without a meaning."""
        return BFLOAT16 if self.dtype == np.dtype("V2") else numpy_float(self.dtype)

    @property
    def nbytes(self) -> int:
        """What a file of this header holds, header included."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize

    @property
    def unfit(self) -> str:
        """Why the array cannot be inspected."""
        if self.dtype != np.dtype("V2") and self.dtype.newbyteorder("=") not in (np.float16, np.float32, np.float64):
            return KINDS.get(self.dtype.kind, f"dtype {self.dtype}")
        return "" if math.prod(self.shape) and len(self.shape) < 64 else f"an array of shape {self.shape}"


def tensors(where: str, path: str | Path) -> Found:
    """The float arrays of a file or a folder, and why others are left out.

    Raises:
        ValueError: no such file, an empty, truncated or damaged one, of another format, without a float array.
    Source: the formats of numpy.lib.format, versions 1.0 to 3.0, and numpy.savez; safetensors.py.
    """
    file = Path(path)
    found, left_out = safetensors.folder(where, file) if file.is_dir() else _of_file(where, file)
    if not found:
        first = "; ".join(f"{name!r}: {why}" for name, why in list(left_out.items())[:3])
        raise arguments.error(ValueError, where, f"{file.name!r} must hold an array of floats",
                              first or "no array", "np.savez('w.npz', w=x) saves an array x of float16, float32 or "
                              "float64")
    return found, left_out


def _of_file(where: str, file: Path) -> Found:
    rule = "FILE must be a .safetensors, .npy or .npz file"
    if not file.is_file():
        raise arguments.error(ValueError, where, rule, f"{str(file)!r}, which "
                              f"{'is no file' if file.exists() else 'does not exist'}", "check the path")
    with file.open("rb") as stream:
        start = stream.read(4096)
        stream.seek(0)
        if start.startswith(MAGIC):
            header = read_header(where, file.name, stream)
            if header.unfit:
                return [], {file.stem: header.unfit}
            _whole(where, file.name, header, file.stat().st_size)
            return [Tensor(file.stem, header.shape, header.stored, partial(_mapped, file, header))], {}
    if (kind := foreign(file, start)):
        raise arguments.error(ValueError, where, rule, f"{file.name!r}, {FOREIGN[kind].name}", "this line converts it: "
                              f"{line(kind, file)}  # after: pip install {FOREIGN[kind].needs}")
    if start.startswith(ZIP):
        return _members(where, file)
    if start[8:9] == b"{" or (start and file.suffix == ".safetensors"):
        return safetensors.single(where, file)
    said, hint = (f"begins with {start[:6]!r}", "give the file that holds the weights, or np.savez('w.npz', **arrays)"
                  ) if start else ("is empty", "download it or write it again")
    raise arguments.error(ValueError, where, rule, f"{file.name!r}, which {said}", hint)


def _members(where: str, file: Path) -> Found:
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
            if header.unfit:
                left_out[name] = header.unfit
            else:
                _whole(where, info.filename, header, info.file_size)
                found.append(Tensor(name, header.shape, header.stored, partial(_extracted, where, file, info, header)))
    return found, left_out


@contextmanager
def readable(where: str, name: str) -> Iterator[None]:
    """What zipfile and its decoders raise on damaged archives, as one message; what a disk lacks is no damage."""
    try:
        yield
    except OSError:
        raise
    except Exception as cause:
        if str(cause).startswith(where):
            raise
        raise arguments.error(ValueError, where, f"{name!r} must be a whole zip archive", str(cause) or repr(cause),
                              "it is truncated, damaged or encrypted; write it again") from cause


def read_header(where: str, name: str, stream: IO[bytes]) -> Header:
    """The header, which NumPy parses as a literal; no more of the file is read than a header may take."""
    start = io.BytesIO(stream.read(HEADER))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python 2 wrote 3L
            version, _ = np.lib.format.read_magic(start)
            read = np.lib.format.read_array_header_1_0 if version == 1 else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(start)
        if not all(type(n) is int and n >= 0 for n in shape):
            raise ValueError(f"the shape {shape}")
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError, tokenize.TokenError) as cause:
        raise arguments.error(ValueError, where, f"{name!r} must have a .npy header that NumPy can read",
                              arguments.shown(str(cause)), "it is truncated or damaged; write it again") from cause
    return Header(dtype, fortran, shape, start.tell())


def _whole(where: str, name: str, header: Header, size: int) -> None:
    if size < header.nbytes:
        raise arguments.error(ValueError, where, f"{name!r} must hold {many(header.nbytes)} bytes, as its header says",
                              f"{size:,} bytes", "it is truncated; write it again")


@contextmanager
def _mapped(file: Path, header: Header, _: Path) -> Iterator[Opened]:
    with file.open("rb") as stream:
        yield mapped(stream, header.stored.raw, header.offset, header.shape, header.fortran)


@contextmanager
def _extracted(where: str, file: Path, info: zipfile.ZipInfo, header: Header, scratch: Path) -> Iterator[Opened]:
    """The member as a file without a name, which vanishes with the process, whatever ends it."""
    if info.file_size > (free := shutil.disk_usage(scratch).free):
        raise arguments.error(ValueError, where, f"{info.filename!r} needs {info.file_size:,} bytes of room, unpacked",
                              f"{free:,} free", "choose --out on a larger disk")
    with tempfile.TemporaryFile(dir=scratch) as unpacked:
        with readable(where, file.name), zipfile.ZipFile(file) as archive, archive.open(info) as stream:
            shutil.copyfileobj(stream, unpacked, 2**20)
        unpacked.flush()
        _whole(where, info.filename, header, unpacked.tell())
        yield mapped(unpacked, header.stored.raw, header.offset, header.shape, header.fortran)
