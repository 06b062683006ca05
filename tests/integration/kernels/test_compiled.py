"""Compiled code that was installed where nobody can write is used, not compiled again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.kernels import compiled, recall

PROGRAM = """
import sys
from pathlib import Path
from app.kernels import compiled
installed, home = map(Path, sys.argv[1:])
compiled.use_installed_cache(installed, home, lambda folder: False)
from app.kernels import recall
print(recall.first_allowed.compile())
"""


@pytest.fixture
def installed(tmp_path):
    recall.first_allowed.compile()
    folder = tmp_path / "installed"
    folder.mkdir()
    for file in (Path(compiled.__file__).parent / "__pycache__").glob("recall.first_allowed*.nb?"):
        shutil.copy(file, folder)
    return folder


def run(installed, home):
    """Return whether the kernel had to be compiled."""
    command = [sys.executable, "-c", PROGRAM, str(installed), str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_installed_code_is_loaded_from_a_private_copy(installed, tmp_path):
    assert list(installed.iterdir())
    assert run(installed, tmp_path).stdout == "False\n"
    copied = tmp_path / compiled.CACHE_FOLDER
    assert {file.name for file in copied.rglob("*.nb?")} == {f.name for f in installed.iterdir()}
    assert copied.stat().st_mode & 0o022 == 0


def test_without_a_place_for_the_copy_the_kernels_run_all_the_same(installed, tmp_path):
    (tmp_path / "home").write_text("a file")
    outcome = run(installed, tmp_path / "home")
    assert outcome.stdout in {"False\n", "True\n"}
    assert "is not used" in outcome.stderr


def test_code_of_other_sources_is_deleted_and_that_of_the_same_ones_kept(tmp_path):
    sources, folder = tmp_path / "sources", tmp_path / "compiled"
    sources.mkdir()
    (sources / "one.py").write_text("a = 1")
    discard = compiled.discard_outdated_code.__wrapped__  # a process asks once
    assert discard(folder, sources)
    for name in ("one.1.nbc", "one.nbi", "other.txt"):
        (folder / name).write_text("")
    assert discard(folder, sources)
    assert len(list(folder.glob("*.nb?"))) == 2
    (sources / "one.py").write_text("a = 2")
    assert discard(folder, sources)
    assert not list(folder.glob("*.nb?"))
    assert (folder / "other.txt").exists()


def test_outdated_code_that_nobody_can_delete_is_not_used(tmp_path):
    discard = compiled.discard_outdated_code.__wrapped__
    (tmp_path / "one.nbi").mkdir()  # no file, so that nobody can unlink it
    assert not discard(tmp_path, tmp_path)
    (tmp_path / "one.nbi").rmdir()
    assert discard(tmp_path, tmp_path)
