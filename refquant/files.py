"""Results reach the disk whole or not at all."""
from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
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
    with ExitStack() as temporary, ExitStack() as undo:
        new = {path: temporary.enter_context(_beside(path, content)) for path, content in contents.items()}
        last = [*contents][-1]  # of which one change of names is all or nothing
        for path in [*removed, *contents]:
            with _naming(path):
                if path != last:
                    old = temporary.enter_context(_beside(path))
                    undo.callback(_back, path, old, new.get(path))
                    if os.path.lexists(path):
                        os.replace(path, old)
                if path in new:
                    os.replace(new[path], path)
        undo.pop_all()


@contextmanager
def _beside(path: Path, content: Content | None = None) -> Iterator[Path]:
    """A temporary name in the same folder, with the content; what has this name in the end is removed."""
    temporary = path.with_name(f".refquant.{uuid.uuid4().hex}")
    try:
        if content is not None:
            with _naming(path):
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)
                mode = temporary.stat().st_mode
                temporary.chmod(mode & 0o777 | 0o600)  # the owner's, too, in a browser, where the umask is 0o777
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """An OSError within says which file was to be written, not what it was called meanwhile."""
    try:
        yield
    except OSError as cause:
        raise OSError(cause.errno, cause.strerror or str(cause), str(path)) from cause


def _back(path: Path, old: Path, new: Path | None) -> None:
    """The path as it was: with its old file, or without the new one."""
    if os.path.lexists(old):
        os.replace(old, path)
    elif new is not None and not new.exists():
        path.unlink(missing_ok=True)
