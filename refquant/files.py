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
    with ExitStack() as temporary:
        moves: list[tuple[Path, Path, Path]] = []
        for path in [*removed, *contents]:
            if path.is_file() and len(contents) > 1:  # of one file, the change of names is all or nothing
                moves.append((path, path, temporary.enter_context(_beside(path))))
            if path in contents:
                moves.append((path, temporary.enter_context(_beside(path, contents[path])), path))
        try:
            for path, source, target in moves:
                with _naming(path):
                    os.replace(source, target)
        except BaseException:
            for _, source, target in reversed(moves if os.path.lexists(moves[-1][1]) else []):
                if os.path.lexists(target) and not os.path.lexists(source):
                    os.replace(target, source)
            raise


@contextmanager
def _beside(path: Path, content: Content | None = None) -> Iterator[Path]:
    """A temporary name in the same folder, with the content; what has this name in the end is removed."""
    temporary = path.with_name(f".refquant.{uuid.uuid4().hex}")
    try:
        if content is not None:
            with _naming(path):
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)
                temporary.chmod(temporary.stat().st_mode & 0o777 | 0o600)  # in a browser the umask is 0o777
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
