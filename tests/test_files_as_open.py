"""A file written whole has the rights that open() would have given it."""

import os
from pathlib import Path

import pytest

from refquant import files


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o026, 0o077, 0o111])
def test_the_umask_is_heard_and_stays(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        files.write(tmp_path / "a.txt", "whole")
        (tmp_path / "b.txt").write_text("opened")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode
