"""A quantized network in a file: a .npz of plain numbers, whose every claim is checked before it is believed.

    version.npy              ()      which format this is: 1
    layers.npy               (L, 12) the columns below, for each layer
    0.codes.npy              (n,)    its weights as refquant.pack packs them
    0.weight_scale.npy               (), (1, n_out) or (blocks, 1, n_out), in its own dtype
    0.bias.npy               (n_out,) int32, float32 where the range is dynamic or the weights are in blocks
    0.input_scale.npy        ()      where the range is static
    1.codes.npy              ...     and so on

Nothing is compressed, and members that overlap are refused, so no file unpacks to more than its size; nothing is
pickled or unpickled; the same network gives the same bytes. The zip's checksums find what is damaged, the constructors
what is out of range.
"""

from __future__ import annotations

import io
import math
import zipfile
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arguments
from ..affine import AffineParams
from ..clipping import minmax
from ..files import write
from ..grids import IntGrid
from ..packing import pack, unpack
from ..ranges import affine_params, symmetric_params
from .quantized import Dynamic, QuantizedLayer, QuantizedNet

VERSION = 1
COLUMNS = ("n_in", "n_out", "weight_bits", "weight_signed", "weight_narrow", "input_bits", "input_signed",
           "input_narrow", "input_zero_point", "range", "range_fit", "block_size")  # block_size 0: no blocks
AXES = (None, -1)  # of dynamic ranges, which are min-max; `range` is 0 where static, 1 per tensor, 2 per row
FITS = (affine_params, symmetric_params)  # of dynamic ranges; `range_fit` is the place here
SCALES = ("<f2", "<f4", "<f8")


def save(path: str | Path, qnet: QuantizedNet) -> int:
    """Write the network, whole or not at all; the file's size in bytes. (qnet.nbytes is its payload.)

    >>> import tempfile
    >>> from refquant.mlp import init, ptq_dynamic
    >>> qnet = ptq_dynamic(init(np.random.default_rng(0), (64, 10)), weight_grid=IntGrid(4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     size = save(Path(folder) / "net.npz", qnet)
    ...     again = load(Path(folder) / "net.npz")
    >>> qnet.nbytes, size < 2000, again == qnet
    (364, True, True)

    Raises:
        TypeError: something other than a QuantizedNet or a path.
        ValueError: a file that cannot be written.
    """
    arguments.instance("save", qnet, QuantizedNet, "`qnet` must be a QuantizedNet", "the network that deploy and "
                       "forward_quantized take; one deployed is made again by deploy")
    file = _path("save", path)
    rows = np.array([_row(layer) for layer in qnet.layers], np.int64)
    arrays: dict[str, Any] = {"version": np.int64(VERSION), "layers": rows}
    for i, layer in enumerate(qnet.layers):
        arrays[f"{i}.codes"] = pack(layer.codes, layer.weight.grid)
        arrays |= {f"{i}.weight_scale": layer.weight.scale, f"{i}.bias": layer.bias}
        if isinstance(layer.activation, AffineParams):
            arrays[f"{i}.input_scale"] = layer.activation.scale
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            little = np.asarray(array, np.asarray(array).dtype.newbyteorder("<"))
            np.lib.format.write_array(member, little, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    try:
        write(file, stream.getvalue())
    except (OSError, ValueError) as cause:
        raise arguments.error(ValueError, "save", "`path` must name a file that can be written",
                              f"{str(path)!r} ({getattr(cause, 'strerror', None) or cause})",
                              "name a file in a folder that exists") from cause
    return len(stream.getvalue())


def load(path: str | Path) -> QuantizedNet:
    """The network that save wrote.

    >>> import tempfile
    >>> from refquant.mlp import init, ptq_dynamic
    >>> qnet = ptq_dynamic(init(np.random.default_rng(0), (64, 10)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     size = save(Path(folder) / "net.npz", qnet)
    ...     load(Path(folder) / "net.npz") == qnet
    True

    Raises:
        ValueError: no such file, a truncated, damaged, compressed or foreign one, a future version, arrays that are
            missing, too many, of other shapes or dtypes, or that claim more than they hold, values out of range.
        TypeError: something other than a path.
    """
    file = _path("load", path)
    try:
        with zipfile.ZipFile(file) as archive:
            return _network(archive, file.stat().st_size)
    except Exception as cause:  # zipfile, its decompressors and NumPy raise a dozen kinds on damaged bytes
        why = (str(cause) or type(cause).__name__).split(". Hint:")[0]
        raise arguments.error(ValueError, "load", "the file must be a network that refquant saved",
                              f"{str(path)!r} ({why})", "refquant compare --save DIR writes some") from cause


def _path(where: str, path: str | Path) -> Path:
    arguments.instance(where, path, (str, Path), "`path` must be a string or a Path", "'net.npz', say")
    return Path(path)


def _row(layer: QuantizedLayer) -> tuple[int, ...]:
    at, grids, ranged = layer.activation, (layer.weight.grid, layer.activation.grid), (0, 0)
    if isinstance(at, Dynamic):
        if at.clip is not minmax or at.fit not in FITS:
            raise arguments.error(ValueError, "save", "a dynamic range must be min-max, by affine_params or "
                                  "symmetric_params", f"clip={at.clip!r}, fit={at.fit!r}",
                                  "pickle keeps functions of your own")
        ranged = 1 + AXES.index(at.axis), FITS.index(at.fit)
    zero_point = int(at.zero_point) if isinstance(at, AffineParams) else 0
    columns: Any = map(astuple, grids)  # type: ignore[arg-type]
    bits_signed_narrow = (v for grid in columns for v in grid)
    return (*layer.codes.shape, *bits_signed_narrow, zero_point, *ranged, layer.block_size or 0)


def _network(archive: zipfile.ZipFile, size: int) -> QuantizedNet:
    names = [info.filename for info in archive.infolist()]
    if "version.npy" not in names:
        raise ValueError("no version")
    version = _array(archive, "version", ("<i8",), 1000)  # before anything else: another version may do otherwise
    if version.shape != () or version != VERSION:
        raise ValueError(f"version {version}; this refquant reads {VERSION}")
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise ValueError("compressed members")
    if sum(info.file_size for info in archive.infolist()) > size:
        raise ValueError("members that overlap")
    rows = _rows(archive, len(names))
    parts = [f"{i}.{part}" for i, row in enumerate(rows) for part in ("codes", "weight_scale", "bias", "input_scale")
             if part != "input_scale" or row["range"] == 0]
    expected = sorted(f"{name}.npy" for name in ("version", "layers", *parts))
    if sorted(names) != expected:
        odd = sorted(set(names) ^ set(expected)) or sorted(names)
        raise ValueError(f"members missing, foreign or double: {', '.join(odd[:3])}")
    return QuantizedNet(tuple(_layer(archive, i, row) for i, row in enumerate(rows)))


def _rows(archive: zipfile.ZipFile, members: int) -> list[dict[str, int]]:
    """The table, if it is one of a network: all that can be said before any codes are read."""
    table = _array(archive, "layers", ("<i8",))
    if table.ndim != 2 or table.shape[1] != len(COLUMNS) or not 1 <= len(table) <= members:
        raise ValueError(f"layers of shape {table.shape} among {members} members")
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in table.tolist()]
    for i, row in enumerate(rows):
        for name, least, most in (("n_in", 1, None), ("n_out", 1, None), ("range", 0, len(AXES)),
                                  ("range_fit", 0, len(FITS) - 1), ("block_size", 0, row["n_in"]),
                                  ("weight_bits", 2, 16), ("input_bits", 2, 16)):
            arguments.whole(f"layer {i}", row[name], name, least, most)
        if i and rows[i - 1]["n_out"] != row["n_in"]:
            raise ValueError(f"layers {i - 1} and {i} must chain: {rows[i - 1]['n_out']} and {row['n_in']}")
        if row["range"] and row["input_zero_point"]:
            raise ValueError(f"layer {i}: an `input_zero_point` where the range is dynamic")
        if row["range_fit"] and not row["range"]:
            raise ValueError(f"layer {i}: a `range_fit` where the range is static")
    return rows


def _layer(archive: zipfile.ZipFile, i: int, row: dict[str, int]) -> QuantizedLayer:
    n_in, n_out, kind = row["n_in"], row["n_out"], row["range"]
    weight, at = (_grid(i, row, which) for which in ("weight", "input"))
    packed = _array(archive, f"{i}.codes", ("|u1",))
    codes = unpack(packed, weight, n_in * n_out).reshape(n_in, n_out)
    if packed[-1] >> (codes.size * weight.bits - 1) % 8 + 1:
        raise ValueError(f"{i}.codes with bits set behind the last code")
    activation: AffineParams | Dynamic = AffineParams(
        scale=_array(archive, f"{i}.input_scale", SCALES), zero_point=row["input_zero_point"], grid=at
    ) if kind == 0 else Dynamic(at, AXES[kind - 1], fit=FITS[row["range_fit"]])
    return QuantizedLayer(
        codes=codes, bias=_array(archive, f"{i}.bias", ("<i4", "<f4")), activation=activation,
        weight=AffineParams(scale=_array(archive, f"{i}.weight_scale", SCALES), zero_point=0, grid=weight),
        block_size=row["block_size"] or None)


def _grid(i: int, row: dict[str, int], which: str) -> IntGrid:
    signed, narrow = (bool(arguments.whole(f"layer {i}", row[name], name, 0, 1))
                      for name in (f"{which}_signed", f"{which}_narrow"))
    return IntGrid(row[f"{which}_bits"], signed=signed, narrow=narrow)


def _array(archive: zipfile.ZipFile, name: str, dtypes: tuple[str, ...], most: int = -1) -> NDArray[Any]:
    """The member, of which at most so many bytes are read, if they are what its header says."""
    with archive.open(f"{name}.npy") as member:
        content = member.read(most)
    stream = io.BytesIO(content)
    if not content.startswith(b"\x93NUMPY\x01\x00"):
        raise ValueError(f"{name} not in the .npy format, version 1.0")
    try:
        np.lib.format.read_magic(stream)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        if min(shape, default=0) < 0:
            raise ValueError("a negative shape")
    except ValueError as cause:
        raise ValueError(f"{name} without a header that NumPy can read") from cause
    if dtype.str not in dtypes:
        raise ValueError(f"{name} of dtype {'records' if dtype.names else dtype.str} instead of {' or '.join(dtypes)}")
    if stream.tell() + math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{name} of shape {shape} in {len(content)} bytes")
    return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
