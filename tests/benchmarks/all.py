"""All benchmarks: a table in Markdown and a plot of cost against size.

    python tests/benchmarks/all.py [FOLDER]        (default benchmarks; some four minutes; needs the extra conformance)

Every row is taken in turns, in one process, with one thread each, on this machine; what counts is the ratio.
"""

import platform
import sys
from importlib.metadata import version
from pathlib import Path

import measure  # isort: skip  (it pins the threads before NumPy loads)
import elementwise
import floats
import gptq
import importing
import inference
import lm_step
import matmul
import qat_step


ABOUT = ("Each row times refquant and a peer in turns, in one process with one thread each. What counts is the ratio "
         "theirs / ours: above 1, refquant is faster. Then the peak of memory, and the cost against size, with its "
         "picture.")


def processor() -> str:
    """Its name, and whether it multiplies 8-bit codes in hardware."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    name = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "")
    return f"{name}, {'with' if 'avx512_vnni' in text or 'avx_vnni' in text else 'without'} VNNI"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [*matmul.rows(), *elementwise.rows(), *floats.rows(), *floats.mx_rows(), *importing.rows(),
            *inference.rows(), qat_step.row(), *lm_step.rows(), *gptq.rows()]
    packages = ("numpy", "ml_dtypes", "onnx", "onnxruntime", "torch", "torchao")
    peers = ", ".join(f"{name} {version(name)}" for name in packages)
    scaling = elementwise.scaling(picture=folder / "linear.png")
    text = "\n\n".join([
        "# Benchmarks", ABOUT, f"{processor()}; one thread; Python {platform.python_version()}, {peers}.",
        measure.markdown(measure.HEAD, [row.cells() for row in rows]),
        measure.markdown(("memory", "at the peak", "at most"), elementwise.memory()),
        measure.markdown(("cost", "ns per element from 10^4 in steps of sqrt(10)", "slope of the last decade"),
                         scaling), "![time against size, log-log](linear.png)"])
    (folder / "benchmarks.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "benchmarks"))
