"""Files of other formats, known by their first bytes, and the one line that converts each."""

from __future__ import annotations

import re
import shlex
import zipfile
from pathlib import Path
from typing import NamedTuple


class Foreign(NamedTuple):
    """A format, the Python of its line, which has sys and np, and what that needs; f is the file, out what it writes.
    """

    name: str
    code: str
    needs: str
    ending: str = ".npz"


_ALL = ("t = lambda m: [m] if m.DESCRIPTOR.name == 'TensorProto' else [s for d, v in m.ListFields() if d.message_type "
        "for n in (v if hasattr(v, 'add') else [v]) for s in t(n)]; "
        "np.savez(out, **{f'{s.name}.{i}': onnx.numpy_helper.to_array(s).astype('f4') "
        "for i, s in enumerate(t(onnx.load(f))) if s.data_type in (1, 10, 11, 16)})")
_TORCH = "np.savez(out, **{k: v.detach().float().numpy() for k, v in d.items() if hasattr(v, 'is_floating_point') " \
         "and v.is_floating_point()})"
#: In order: a torch checkpoint is a zip, and so is TorchScript. ONNX and CSV are told last, by less.
FOREIGN: dict[str, Foreign] = {
    "gguf": Foreign("a gguf file", "import gguf; np.savez(out, **{t.name: gguf.dequantize(t.data, t.tensor_type) "
                    "for t in gguf.GGUFReader(f).tensors})", "gguf"),
    "script": Foreign("a TorchScript archive", f"import torch; d = torch.jit.load(f).state_dict(); {_TORCH}", "torch"),
    "torch": Foreign("a torch checkpoint", "import torch; d = torch.load(f, map_location='cpu', weights_only=True); "
                     f"d = d.get('state_dict', d); {_TORCH}", "torch"),
    "parquet": Foreign("a Parquet file", "import pandas; np.save(out, pandas.read_parquet(f).select_dtypes('number')"
                       ".to_numpy('f4'))", "pandas pyarrow", ".npy"),
    "onnx": Foreign("an ONNX model", f"import onnx; {_ALL}", "onnx"),
    "csv": Foreign("a CSV file", "np.save(out, np.loadtxt(f, 'f4', delimiter=',', ndmin=2))", "numpy", ".npy"),
    "headed": Foreign("a CSV file", "np.save(out, np.loadtxt(f, 'f4', delimiter=',', ndmin=2, skiprows=1))", "numpy",
                      ".npy")}
_NUMBERS = r"\s*[-+\d.eE]+\s*(,\s*[-+\d.eE]+\s*)*"


def foreign(file: Path, start: bytes) -> str:
    """Which of these formats a file has, from its first bytes; '' if none."""
    if start.startswith(b"PK"):
        try:
            with zipfile.ZipFile(file) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError):
            return ""
        if not any(name.endswith("data.pkl") for name in names):
            return ""
        return "script" if any("/code/" in name for name in names) else "torch"
    if start.startswith((b"GGUF", b"PAR1")):
        return "gguf" if start.startswith(b"GGUF") else "parquet"
    if start.startswith(b"\x80") and start[1:2] in b"\x02\x03\x04\x05":
        return "torch"  # written before torch 1.6
    if re.match(rb"\x08[\x01-\x20](\x12|\x1a|\x22|\x2a|\x3a|\x42)", start):  # ir_version, then a field of ModelProto
        return "onnx"
    lines = start.decode("utf-8", "replace").splitlines()[:2]
    if lines and re.fullmatch(_NUMBERS, lines[0]):
        return "csv"
    return "headed" if len(lines) > 1 and re.fullmatch(_NUMBERS, lines[1]) and "," in lines[0] else ""


def line(kind: str, file: Path) -> str:
    """The line for a shell, from the file to one of its name that can be inspected.

    >>> line("csv", Path("data/w.csv"))  # doctest: +ELLIPSIS
    'python -c "import sys, numpy as np; f, out = sys.argv[1:]; np.save(...)" data/w.csv w.npy'
    """
    known = FOREIGN[kind]
    code = f"import sys, numpy as np; f, out = sys.argv[1:]; {known.code}"
    return f'python -c "{code}" {shlex.quote(str(file))} {shlex.quote(file.stem + known.ending)}'
