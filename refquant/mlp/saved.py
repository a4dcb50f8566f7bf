"""A quantized network in a file: a .npz of plain numbers, whose every claim is checked before it is believed.

    version.npy              ()      which format this is: 2
    layers.npy               (L, 6)  the columns below, for each layer
    0.weight_grid.npy        (k,)    bits, signed, narrow; or exponent, mantissa, specials, fnuz; or a codebook's
                                     values, in float32
    0.codes.npy              (n,)    its weights as refquant.pack packs them
    0.weight_scale.npy               (), (1, n_out) or (blocks, 1, n_out), in its own dtype
    0.weight_scale_grid.npy  (k,)    as weight_grid; (0,) where the scales lie on no grid
    0.bias.npy               (n_out,) int32 in steps of both scales, float32 where QuantizedLayer wants reals
    0.input_grid.npy         (k,)    as weight_grid
    0.input_scale.npy        ()      where the range is static
    0.input_scale_grid.npy   (k,)    likewise
    1.weight_grid.npy        ...     and so on

Nothing is compressed, and members that overlap are refused, so no file unpacks to more than its size; nothing is
pickled or unpickled; the same network gives the same bytes. The zip's checksums find what is damaged, the constructors
what is out of range.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import arguments
from ..affine import AffineParams
from ..clipping import minmax
from ..files import write
from ..grids import Grid, known
from ..grids.stored import grid_of, numbers
from ..packing import pack, unpack
from ..ranges import affine_params, symmetric_params
from ..scales import mx_ceil_params, mx_even_params, mx_params, mx_rceil_params
from .quantized import Dynamic, QuantizedLayer, QuantizedNet

VERSION = 2
COLUMNS = ("n_in", "n_out", "input_zero_point", "range", "range_fit", "block_size")  # block_size 0: no blocks
PARTS = ("weight_grid", "codes", "weight_scale", "weight_scale_grid", "bias", "input_grid")
STATIC = ("input_scale", "input_scale_grid")
AXES = (None, -1)  # of dynamic ranges, which are min-max; `range` is 0 where static, 1 per tensor, 2 per row
# of dynamic ranges; `range_fit` is the place here
FITS = (affine_params, symmetric_params, mx_params, mx_ceil_params, mx_even_params, mx_rceil_params)
SCALES = ("<f2", "<f4", "<f8")


def save(path: str | Path, qnet: QuantizedNet) -> int:
    """Write the network, whole or not at all; the file's size in bytes. (qnet.nbytes is its payload.)

    >>> import tempfile
    >>> from refquant import INT4
    >>> from refquant.mlp import init, ptq_dynamic
    >>> qnet = ptq_dynamic(init(np.random.default_rng(0), (64, 10)), weight_grid=INT4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     size = save(Path(folder) / "net.npz", qnet)
    ...     again = load(Path(folder) / "net.npz")
    >>> qnet.nbytes, size < 2500, again == qnet
    (364, True, True)

    Raises:
        TypeError: something other than a QuantizedNet or a path; a grid of another class.
        ValueError: a file that cannot be written; a dynamic range by a function that has no number here.
    """
    arguments.instance("save", qnet, QuantizedNet, "`qnet` must be a QuantizedNet", "the network that deploy and "
                       "forward_quantized take; one deployed is made again by deploy")
    file = _path("save", path)
    rows = np.array([_row(layer) for layer in qnet.layers], np.int64)
    arrays: dict[str, Any] = {"version": np.int64(VERSION), "layers": rows}
    for i, layer in enumerate(qnet.layers):
        weight, at = layer.weight, layer.activation
        arrays |= {f"{i}.weight_grid": numbers(weight.grid), f"{i}.codes": pack(layer.codes, weight.grid),
                   f"{i}.weight_scale": weight.scale, f"{i}.weight_scale_grid": numbers(weight.scale_grid),
                   f"{i}.bias": layer.bias, f"{i}.input_grid": numbers(at.grid)}
        if isinstance(at, AffineParams):
            arrays |= {f"{i}.input_scale": at.scale, f"{i}.input_scale_grid": numbers(at.scale_grid)}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            little = np.asarray(array, np.asarray(array).dtype.newbyteorder("little"))
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
    at, ranged = layer.activation, (0, 0)
    if isinstance(at, Dynamic):
        if at.clip is not minmax or at.fit not in FITS:
            raise arguments.error(ValueError, "save", "a dynamic range must be min-max, by affine_params, "
                                  "symmetric_params or an mx fit", f"clip={at.clip!r}, fit={at.fit!r}",
                                  "pickle keeps functions of your own")
        ranged = 1 + AXES.index(at.axis), FITS.index(at.fit)
    zero_point = int(at.zero_point) if isinstance(at, AffineParams) else 0
    return (*layer.codes.shape, zero_point, *ranged, layer.block_size or 0)


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
    parts = [f"{i}.{part}" for i, row in enumerate(rows) for part in (*PARTS, *(STATIC if row["range"] == 0 else ()))]
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
    rows = [dict(zip(COLUMNS, row)) for row in table.tolist()]
    for i, row in enumerate(rows):
        for name, least, most in (("n_in", 1, None), ("n_out", 1, None), ("range", 0, len(AXES)),
                                  ("range_fit", 0, len(FITS) - 1), ("block_size", 0, row["n_in"])):
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
    weight, packed = _params(archive, f"{i}.weight", 0), _array(archive, f"{i}.codes", ("|u1",))
    codes = unpack(packed, weight.grid, n_in * n_out).reshape(n_in, n_out)
    if packed[-1] >> (codes.size * weight.grid.bits - 1) % 8 + 1:
        raise ValueError(f"{i}.codes with bits set behind the last code")
    activation = (_params(archive, f"{i}.input", row["input_zero_point"]) if kind == 0 else
                  Dynamic(_known_grid(archive, f"{i}.input_grid"), AXES[kind - 1], fit=FITS[row["range_fit"]]))
    return QuantizedLayer(codes=codes, weight=weight, bias=_array(archive, f"{i}.bias", ("<i4", "<f4")),
                          activation=activation, block_size=row["block_size"] or None)


def _params(archive: zipfile.ZipFile, name: str, zero_point: int) -> AffineParams:
    return AffineParams(scale=_array(archive, f"{name}_scale", SCALES), zero_point=zero_point,
                        grid=_known_grid(archive, f"{name}_grid"), scale_grid=_grid(archive, f"{name}_scale_grid"))


def _known_grid(archive: zipfile.ZipFile, name: str) -> Grid:
    return known(name, _grid(archive, name))


def _grid(archive: zipfile.ZipFile, name: str) -> Grid | None:
    return grid_of(name, _array(archive, name, ("<i8", "<f4")))


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
