"""People's own tensors: every way to quantize them, measured, and one recommended."""
