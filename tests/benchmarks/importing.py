"""import refquant beside import numpy: each in a new process, with compiled bytecode, timed inside it."""

import os
import subprocess
import sys
import tempfile

from measure import Row

import numpy as np

CODE = "import time; began = time.perf_counter(); import {0}; print(1000 * (time.perf_counter() - began))"


def rows(rounds: int = 25) -> list[Row]:
    """The ratio is NumPy's time over ours: at most 1.3 times numpy is at least 1 / 1.3."""
    with tempfile.TemporaryDirectory() as bytecode:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}

        def once(name: str) -> float:
            return float(subprocess.run([sys.executable, "-c", CODE.format(name)], env=env, capture_output=True,
                                        text=True, check=True).stdout)

        once("refquant")
        times = np.array([[once("refquant"), once("numpy")] for _ in range(rounds)])
    return [Row("import refquant", "import numpy", times[:, 0], times[:, 1], round(1 / 1.3, 2))]
