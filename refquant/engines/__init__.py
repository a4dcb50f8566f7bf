"""What production engines compute, bit for bit: one module an engine, functions named after its operators.

    onnxruntime, pytorch, torchao, litert, gguf, bitsandbytes, tensorflow
                   each body is the engine's own formula, each docstring says from which rules it departs
    mx             floats in blocks: scales and codes as torchao, compressed-tensors and ggml compute them
    layouts        how codes lie in bytes and words
    requantizers   how accumulators come back to codes
    choices        how to divide, round, cast: functions that also tell their step
    conventions    five choices are a convention
    arrays         the named conventions on many numbers at once
    alike          which conventions are one function
    operators      one record an operator: names, function, convention; what the tables, explain and identify read.
                   Whom a convention says whole has no module: compressed-tensors, brevitas, keras, qwix, faiss,
                   sentence-transformers, ai-edge-quantizer, onnx.reference, PT2E, ml_dtypes, microxcaling

They stand on the core; nothing in it needs them.
"""
