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
