"""Kernels are compiled once, whoever needs them first."""

import os
import subprocess
import sys

from tests.conftest import ROOT
from tests.serving import until

PROGRAM = """
import sys, time
from pathlib import Path
from app.kernels.compiled import KERNELS, kernel, read, scalar

@kernel((read("f8"), scalar("i8")))
def add(values, n):
    total = 0.0
    for i in range(n):
        total += values[i]
    return total

Path(sys.argv[1]).touch()
while not Path(sys.argv[2]).exists():
    time.sleep(0.001)
print(KERNELS[-1].compile())
"""


def test_of_processes_that_start_at_once_one_compiles_and_the_others_wait(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    ready = [tmp_path / name for name in "abc"]
    processes = [
        subprocess.Popen(
            [sys.executable, str(program), str(path), str(tmp_path / "go")],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for path in ready
    ]
    until(lambda: all(path.exists() for path in ready))
    (tmp_path / "go").touch()
    compiled = sorted(process.communicate(timeout=60)[0].strip() for process in processes)
    assert compiled == ["False", "False", "True"]
