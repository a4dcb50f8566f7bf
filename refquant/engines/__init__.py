"""What production engines compute, bit for bit: one module an engine, functions named after its operators.

    onnxruntime, pytorch, torchao, litert, gguf
                   each body is the engine's own formula, each docstring says from which rules it departs
    floats, mx     casts to small floats, and floats in blocks, where engines depart from the rules: by what they do
    choices        how to divide, round, cast: functions that also tell their step
    conventions    five choices are a convention
    arrays         the named conventions on many numbers at once
    alike          which conventions are one function
    operators      one record an operator: names, function, convention; what the tables, explain and identify read
    blocks         gguf's operators, asked as the others are

They stand on the core; nothing in it needs them.
"""
