"""Results reach the disk whole or not at all."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

from . import arguments

Content: TypeAlias = str | bytes


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


def write(path: Path, content: Content) -> None:
    """Write the file, whole or not at all: under a temporary name in the same folder, then renamed."""
    write_all({path: content})


def write_all(contents: Mapping[Path, Content], removed: Iterable[Path] = ()) -> None:
    """Write every file and remove the others named, or change nothing.

    All are first written under temporary names. Then names change, and change back if one of them cannot.

    Raises:
        OSError: it names the file that could not be written.
    """
    moves: list[tuple[Path, Path]] = []
    with ExitStack() as end:
        def beside(path: Path) -> Path:
            """A temporary name in the same folder; what has it in the end is removed."""
            temporary = path.with_name(f".refquant.{uuid.uuid4().hex}")
            end.callback(temporary.unlink, missing_ok=True)
            return temporary

        try:
            for path in [*removed, *contents]:
                if path.is_file() and len(contents) > 1:  # of one file, the change of names is all or nothing
                    moves.append((path, beside(path)))
                if path in contents:
                    moves.append((beside(path), path))
                    _fill(moves[-1][0], contents[path])
            for source, target in moves:
                path = target if target in contents else source
                os.replace(source, target)
        except BaseException as cause:
            for source, target in reversed(moves if moves and os.path.lexists(moves[-1][0]) else []):
                if os.path.lexists(target) and not os.path.lexists(source):
                    os.replace(target, source)
            if isinstance(cause, OSError):
                raise OSError(cause.errno, cause.strerror or str(cause), str(path)) from cause
            raise


def _fill(path: Path, content: Content) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(path.stat().st_mode & 0o777 | 0o600)  # in a browser the umask is 0o777
