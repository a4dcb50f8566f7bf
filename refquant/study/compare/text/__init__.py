"""`refquant compare --task text`: a small language model, quantized after training and trained with quantization."""
