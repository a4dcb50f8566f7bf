import os
from pathlib import Path
from typing import Any

import pytest
from helpers import refused

from refquant import files


def test_written_whole(tmp_path: Path) -> None:
    files.write(tmp_path / "a.txt", "first ü")
    files.write(tmp_path / "a.txt", b"second")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_bytes() == b"second"


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write(tmp_path / "a.txt", "old")

    def fail(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        files.write(tmp_path / "a.txt", "new")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_several_files_are_written_all_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever change of names fails: the old files are there as they were, no new one is, nor a temporary one."""
    old = {"a": "old a", "b": "old b", "gone": "old gone"}
    for name, content in old.items():
        files.write(tmp_path / name, content)
    contents = {tmp_path / name: f"new {name}" for name in ("a", "new", "b")}
    replace, calls = os.replace, 0

    def fail(source: Any, target: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", fail)
    for failing in range(1, 7):  # 3 old ones are put aside, 3 new ones take their names
        calls = 0
        with pytest.raises(OSError, match=r"No space left on device: .*[/\\\\](a|b|new|gone)'$"):
            files.write_all(contents, [tmp_path / "gone"])
        assert {p.name: p.read_text() for p in tmp_path.iterdir()} == old, failing
    failing = 0
    files.write_all(contents, [tmp_path / "gone"])
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a": "new a", "b": "new b", "new": "new new"}


@pytest.mark.parametrize("in_the_way", ["first", "last"])
def test_a_folder_in_the_way_stops_all(in_the_way: str, tmp_path: Path) -> None:
    (tmp_path / in_the_way / "mine").mkdir(parents=True)
    with pytest.raises(OSError, match=f"{in_the_way}'$"):
        files.write_all({tmp_path / name: "new" for name in ("first", "second", "last")})
    assert [p.name for p in tmp_path.iterdir()] == [in_the_way] and (tmp_path / in_the_way / "mine").is_dir()


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = Path.write_bytes

    def fill(path: Path, content: bytes) -> int:
        if b"second" in content:
            raise OSError(28, "No space left on device")
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(OSError, match=r"No space left on device: .*b\.txt'$"):
        files.write_all({tmp_path / "a.txt": "first", tmp_path / "b.txt": "second"})
    assert not list(tmp_path.iterdir())


def test_folders_are_made_and_tried(tmp_path: Path) -> None:
    assert files.writable_folder("f", tmp_path / "a" / "b").is_dir()
    assert not list((tmp_path / "a" / "b").iterdir())
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with refused(ValueError, "f", "`--out`", repr(str(path))):
            files.writable_folder("f", path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_umask_that_takes_everything_leaves_the_owner_his_file(tmp_path: Path) -> None:
    before = os.umask(0o777)  # as in a browser
    try:
        files.write(tmp_path / "a.txt", "mine")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o600


def test_one_file_is_never_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One change of names puts the new content in the old one's place; what is interrupted behind it is not undone."""
    path = tmp_path / "a.txt"
    files.write(path, "old")
    replace, seen = os.replace, []

    def interrupted(source: Any, target: Any) -> None:
        seen.append(path.read_text())
        replace(source, target)
        seen.append(path.read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write(path, "new")
    assert seen == ["old", "new"] and path.read_text() == "new"


def test_a_path_without_a_name_is_no_file() -> None:
    with pytest.raises(ValueError, match="empty name"):
        files.write(Path("."), "new")


def test_a_folder_that_is_there_is_taken_and_one_that_is_not_is_made(tmp_path: Path) -> None:
    for _ in range(2):
        assert files.writable_folder("f", tmp_path / "a" / "b") == tmp_path / "a" / "b"
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError) as cause:
        (tmp_path / "file").mkdir()
    for path, why in (("", "an empty name"), (str(tmp_path / "file"), cause.value.strerror)):
        with refused(ValueError, "f: `--out` must be a folder that can be written", f"got {path!r} ({why})"):
            files.writable_folder("f", path)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a", "file"]


def test_a_folder_that_takes_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(dir: Path | None = None) -> None:
        assert dir == tmp_path
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "TemporaryFile", fail)
    with refused(ValueError, "f: `--to` must be a folder", f"got {str(tmp_path)!r} (Permission denied)"):
        files.writable_folder("f", tmp_path, "--to")


def test_two_files_are_written_both_or_none(tmp_path: Path) -> None:
    files.write(tmp_path / "a", "old")
    (tmp_path / "b" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"b'$"):
        files.write_all({tmp_path / "a": "new", tmp_path / "b": "new"})
    assert (tmp_path / "a").read_text() == "old" and [p.name for p in sorted(tmp_path.iterdir())] == ["a", "b"]
