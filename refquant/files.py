"""Results reach the disk whole or not at all."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path

from . import arguments


def writable_folder(where: str, path: str | Path, name: str = "--out") -> Path:
    """The folder, made if need be, known to take files."""
    folder = Path(path)
    try:
        if not str(path):
            raise ValueError("an empty name")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as cause:
        why = getattr(cause, "strerror", None) or cause
        raise arguments.error(ValueError, where, f"`{name}` must be a folder that can be written",
                              f"{str(path)!r} ({why})", "name another folder") from cause
    return folder


def write(path: Path, content: str | bytes) -> None:
    """Write under a temporary name in the same folder, then rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".refquant.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask | 0o600)  # as open() would have made it; in a browser the umask is 0o777
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
