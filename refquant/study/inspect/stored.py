"""How floats lie in a file, and a file's arrays, each opened without reading it."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...arguments import Reals, quiet
from ...grids import E4M3, E4M3FNUZ, E5M2, E5M2FNUZ

Raw: TypeAlias = NDArray[Any]
Opened: TypeAlias = tuple[Raw, Callable[[], object]]  # and what gives the memory of pages that were read back


class Stored(NamedTuple):
    """A dtype by its name, the NumPy dtype of its bytes, and how they become float32."""

    name: str
    raw: np.dtype[Any]
    decode: Callable[[Raw], Reals]


class Tensor(NamedTuple):
    """A float array; `with tensor.opened(scratch) as (raw, forget)` maps it, an .npz's by way of the folder scratch."""

    name: str
    shape: tuple[int, ...]
    stored: Stored
    opened: Callable[[Path], AbstractContextManager[Opened]]

    @property
    def size(self) -> int:
        """How many values."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes they take in the file."""
        return self.size * self.stored.raw.itemsize


Found: TypeAlias = tuple[list[Tensor], dict[str, str]]  # the arrays, and why others are left out


def numpy_float(dtype: np.dtype[Any]) -> Stored:
    """float16, float32 or float64 of any byte order; beyond float32 is infinite."""
    return Stored(dtype.name, dtype, quiet(lambda raw: np.array(raw, np.float32, order="C")))


def _bfloat16(raw: Raw) -> Reals:
    """The upper half of a float32.

    >>> _bfloat16(np.array([0x3F80, 0xC000], np.uint16))
    array([ 1., -2.], dtype=float32)
    """
    return np.left_shift(raw, np.uint32(16), dtype=np.uint32, order="C").view(np.float32)


BFLOAT16 = Stored("bfloat16", np.dtype("<u2"), _bfloat16)
#: The names of safetensors. A float8 whose code has no value becomes NaN.
STORED: dict[str, Stored] = {
    "F64": numpy_float(np.dtype("<f8")), "F32": numpy_float(np.dtype("<f4")), "F16": numpy_float(np.dtype("<f2")),
    "BF16": BFLOAT16} | {f"F8_{grid}": Stored(f"float8 {grid}", np.dtype("u1"), grid.decode)
                         for grid in (E4M3, E5M2, E4M3FNUZ, E5M2FNUZ)}


def mapped(stream: IO[bytes], dtype: np.dtype[Any], offset: int, shape: tuple[int, ...],
           fortran: bool = False) -> Opened:
    """The array in an open file, from `offset` on."""
    pages = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    raw = np.frombuffer(pages, dtype, math.prod(shape), offset).reshape(shape, order="F" if fortran else "C")
    return raw, partial(pages.madvise, mmap.MADV_DONTNEED) if hasattr(pages, "madvise") else int


@contextmanager
def in_memory(x: Reals, _: Path) -> Iterator[Opened]:
    """An array that is there already."""
    yield x, int


def many(n: int) -> str:
    """The number with commas; Python does not print one of over 4,300 digits."""
    return f"{n:,}" if n < 10**30 else "over 10**30"


def printable(name: str) -> str:
    """The name without what would move a terminal's cursor."""
    return "".join(c if c.isprintable() else "?" for c in name)
