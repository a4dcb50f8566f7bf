"""What production engines compute, bit for bit: one module an engine, functions named after its operators.

Each body is the engine's own formula, each docstring says from which rules it departs. They stand on the core; nothing
needs them.
"""
