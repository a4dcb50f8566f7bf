"""Every figure, in one visual language; a notebook imports these and never matplotlib."""

from .comparison import accuracy_against_bits, sqnr_against_bits
from .lessons import error_histogram, number_lines, staircase
from .style import png

__all__ = ["accuracy_against_bits", "error_histogram", "number_lines", "png", "sqnr_against_bits", "staircase"]
