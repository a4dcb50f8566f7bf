"""What identify says of recorded codes, of quantizers that the extra does not install."""

import json

import pytest
from quantizers.tables import GOLDEN, RECORDED, UINT8, Quantizer, asked, rows

from refquant.testing import identify

MODULES = {"aimet-torch": "aimet_torch", "tensorflow-cpu": "tensorflow", "mlx": "mlx.core"}
NAMES = [quantizer.package for quantizer in RECORDED]


@pytest.mark.parametrize("quantizer", RECORDED, ids=NAMES)
def test_what_is_recorded_is_named_rightly(quantizer: Quantizer) -> None:
    _, table = rows(quantizer.package)
    found = identify(table, grid=UINT8)
    if quantizer.says.startswith("Nearest"):
        assert found.conventions == () and quantizer.says in str(found)
        return
    # mlx is asked within its range alone, and never with a full scale: of casts and float64 its rows say nothing
    open_ = quantizer.package == "mlx"
    named = [str(c) for c in found.conventions]
    assert named[0] == quantizer.says and (len(named) == 1) == (not open_)
    assert {c.rounding for c in found.conventions} == {found.conventions[0].rounding}
    assert {c.zero_point for c in found.conventions} == {found.conventions[0].zero_point}


@pytest.mark.quantizers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quantizer", RECORDED, ids=NAMES)
def test_the_codes_are_recorded_again_where_the_package_is_installed(quantizer: Quantizer) -> None:
    module = MODULES.get(quantizer.package, quantizer.package)
    pytest.importorskip(module, reason=f"pip install {quantizer.package}=={rows(quantizer.package)[0]}")
    assert asked(quantizer) == json.loads(GOLDEN.read_text(encoding="utf-8"))["codes"][quantizer.package]["codes"]


def test_each_is_recorded_once_with_hundreds_of_rows_and_takes_five_lines() -> None:
    assert sorted(json.loads(GOLDEN.read_text(encoding="utf-8"))["codes"]) == sorted(NAMES)
    assert all(len(rows(quantizer.package)[1]) > 500 and len(quantizer.lines.splitlines()) <= 5
               for quantizer in RECORDED)
