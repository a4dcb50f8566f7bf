"""Quantizers of others: what to paste, after FIRST, and the verdict that their source leads one to expect."""

from textwrap import dedent
from typing import NamedTuple

FIRST = "import numpy as np; import refquant as rq; from refquant.testing import *; from refquant.engines.choices import *"


class Quantizer(NamedTuple):
    """A function of a package, the lines to paste, and what they say; `why` is what stands in its source."""

    package: str
    what: str
    why: str
    lines: str
    verdict: str


def of(package: str, what: str, why: str, lines: str, verdict: str = "right") -> Quantizer:
    return Quantizer(package, what, why, dedent(lines).strip(), dedent(verdict).strip())


QUANTIZERS = [
    of("onnx", "QuantizeLinear, reference evaluator", "round(x / scale) + zero point, then clip", """
        import onnx.parser, onnx.reference
        text = '<ir_version: 10, opset_import: ["": 19]> g (float[N] x, float s, int8 z) => (int8[N] y) '
        runs = onnx.reference.ReferenceEvaluator(onnx.parser.parse_model(text + "{ y = QuantizeLinear(x, s, z) }"))
        def mine(x, p): return runs.run(None, {"x": x, "s": p.scale, "z": p.zero_point.astype(np.int8)})[0]
        check_quantizer(mine, grids=rq.INT8, per_tensor=True)
        """),
    of("onnxruntime", "quantization.quant_utils.quantize_nparray", "round(x / scale) + zero point, then clip", """
        from onnxruntime.quantization.quant_utils import quantize_nparray
        check_quantizer(lambda x, p: quantize_nparray(3, x, p.scale, p.zero_point), grids=rq.INT8)
        check_quantizer(lambda x, p: quantize_nparray(22, x, p.scale, p.zero_point), grids=rq.INT4)
        """),
    of("torch", "quantized_decomposed.quantize_per_tensor (PT2E)", "round(x * (1 / scale)) + zero point", """
        import torch, torch.ao.quantization.fx._decomposed
        f = torch.ops.quantized_decomposed.quantize_per_tensor
        def mine(x, p): return f(x, float(p.scale), int(p.zero_point), -128, 127, torch.int8)
        check_quantizer(mine, grids=rq.INT8, per_tensor=True, arrays=torch.from_numpy)
        """),
    of("torch", "quantized_decomposed.quantize_per_tensor (PT2E), identify", "round(x * (1 / scale)) + zero point", """
        import torch, torch.ao.quantization.fx._decomposed
        f = torch.ops.quantized_decomposed.quantize_per_tensor
        def mine(x, p): return f(torch.tensor(x), float(p.scale), int(p.zero_point), -128, 127, torch.int8).numpy()
        print(identify(mine))
        """),
    of("compressed-tensors", "quantize", "round(x / scale + zero point)?", """
        import torch; from compressed_tensors.quantization import QuantizationArgs, quantize
        args = QuantizationArgs(num_bits=8, symmetric=False)
        def mine(x, p): return quantize(x, p.scale, p.zero_point, args, dtype=torch.int8)
        check_quantizer(mine, grids=rq.INT8, arrays=torch.from_numpy)
        """),
    of("compressed-tensors", "fake_quantize", "round(x / scale + zero point)?", """
        import torch; from compressed_tensors.quantization import QuantizationArgs, fake_quantize
        args = QuantizationArgs(num_bits=4, symmetric=False)
        def mine(x, p): return fake_quantize(x, p.scale, p.zero_point, args)
        check_fake_quantizer(mine, grids=rq.INT4, arrays=torch.from_numpy)
        """),
    of("brevitas", "IntQuant.to_int", "round(x / scale + zero point)", """
        import torch; from brevitas.core.quant import IntQuant
        f = IntQuant(narrow_range=False, signed=True, input_view_impl=torch.nn.Identity())
        def mine(x, p): return f.to_int(p.scale, p.zero_point, torch.tensor(8.0), x).to(torch.int8)
        check_quantizer(mine, grids=rq.INT8, arrays=torch.from_numpy)
        """),
    of("ai-edge-quantizer", "uniform_quantize, asymmetric", "round(x / scale + zero point)", """
        from ai_edge_quantizer.qtyping import UniformQuantParams as P
        from ai_edge_quantizer.algorithms.uniform_quantize.uniform_quantize_tensor import uniform_quantize
        def mine(x, p): return uniform_quantize(x, P(8, None, p.scale.reshape(1), p.zero_point.reshape(1), False))
        check_quantizer(mine, grids=rq.INT8, per_tensor=True)
        """),
    of("ai-edge-quantizer", "uniform_quantize, symmetric", "round(x / scale), from -127", """
        from ai_edge_quantizer.qtyping import UniformQuantParams as P
        from ai_edge_quantizer.algorithms.uniform_quantize.uniform_quantize_tensor import uniform_quantize
        def mine(x, p): return uniform_quantize(x, P(8, None, p.scale.reshape(1), p.zero_point.reshape(1), True))
        check_quantizer(mine, grids=rq.IntGrid(8, narrow=True), per_tensor=True, symmetric=True)
        """),
    of("coremltools", "optimize._utils.quantize_by_scale_and_zp", "round(x / scale) + zero point, then clip", """
        from coremltools.optimize._utils import quantize_by_scale_and_zp
        def mine(x, p): return quantize_by_scale_and_zp(x, p.scale, p.zero_point, "int8")
        check_quantizer(mine, grids=rq.INT8)
        """),
    of("optimum-quanto", "quantize_symmetric", "round(x / scale), then clip", """
        import torch, optimum.quanto
        def mine(x, p): return torch.ops.quanto.quantize_symmetric(x, torch.int8, None, p.scale)
        check_quantizer(mine, grids=rq.INT8, per_tensor=True, symmetric=True, arrays=torch.from_numpy)
        """),
    of("optimum-quanto", "quantize_affine", "round(x / scale) + zero point, then clip", """
        import torch, optimum.quanto
        def mine(x, p): return torch.ops.quanto.quantize_affine(x, 4, 0, None, p.scale, p.zero_point)
        check_quantizer(mine, grids=rq.UINT4, arrays=torch.from_numpy)
        """),
    of("optimum-quanto", "quantize_symmetric to float8", "x / scale, clipped, to float8", """
        import torch, optimum.quanto
        f = torch.ops.quanto.quantize_symmetric
        def mine(x, p): return f(x, torch.float8_e4m3fn, None, p.scale).view(torch.uint8)
        check_quantizer(mine, grids=rq.E4M3, per_tensor=True, arrays=torch.from_numpy)
        """),
    of("keras", "abs_max_quantize", "127 / (max|x| + 1e-7), multiplied", """
        from keras.quantizers import abs_max_quantize
        def mine(x):
            codes, inverse = abs_max_quantize(x, axis=-1, to_numpy=True)
            return np.array(codes), 1 / np.array(inverse)
        print(check_dynamic(mine, axis=-1))
        """),
    of("keras", "quantize_with_zero_point", "round(x / scale + zero point)", """
        from keras.src.quantizers.quantizers import quantize_with_zero_point
        def mine(x, p): return quantize_with_zero_point(x, p.scale, p.zero_point, 255).astype(np.uint8)
        check_quantizer(mine, grids=rq.UINT8)
        """),
    of("qwix", "quantize_with_scale_zero_point", "round(x / scale + zero point)", """
        import jax; from qwix._src.core.qarray import quantize_with_scale_zero_point as f
        def mine(x, p): return f(x, "int8", p.scale.reshape(1), p.zero_point.reshape(1)).qvalue
        check_quantizer(mine, grids=rq.INT8, per_tensor=True, arrays=jax.numpy.asarray)
        """),
    of("qwix", "quantize, absmax", "max|x| / 127.5", """
        import jax.numpy; from qwix._src.core.qarray import HowToQuantize, quantize
        how = HowToQuantize(qtype="int8", channelwise_axes=[0])
        def mine(x): return quantize(x, how).qvalue, quantize(x, how).scale
        print(check_dynamic(mine, axis=-1, arrays=jax.numpy.asarray))
        """),
    of("bitsandbytes", "int8_vectorwise_quant", "round(x * (127 / max|x|))", """
        import torch; from bitsandbytes.functional import int8_vectorwise_quant
        def mine(x):
            codes, largest, _ = int8_vectorwise_quant(x)
            return codes, largest / 127
        print(check_dynamic(mine, axis=-1, arrays=torch.from_numpy))
        """),
    of("bitsandbytes", "quantize_4bit, NF4", "max|x|, times its reciprocal, middles", """
        import torch
        def mine(x):
            codes, scale = torch.ops.bitsandbytes.quantize_4bit.default(x, 64, "nf4", torch.uint8)
            return torch.stack([codes >> 4, codes & 15], -1), scale
        print(check_dynamic(mine, grid=rq.NF4, block=64, arrays=torch.from_numpy))
        """),
    of("faiss", "ScalarQuantizer, QT_8bit_uniform", "floor((x - lo) / (hi - lo) * 255)", """
        import faiss; sq = faiss.ScalarQuantizer(1, faiss.ScalarQuantizer.QT_8bit_uniform)
        def mine(x, lo, hi):
            faiss.copy_array_to_vector(np.float32([lo, hi - lo]), sq.trained)
            return sq.compute_codes(np.ascontiguousarray(x.reshape(-1, 1))).reshape(x.shape)
        check_quantizer(by_range(mine), grids=rq.UINT8, per_tensor=True)
        """),
    of("xarray", "encode_cf_variable", "round((x - add_offset) / scale_factor) in float64?", """
        import xarray
        def mine(x, p):
            how = {"scale_factor": float(p.scale), "add_offset": -float(p.scale) * float(p.zero_point), "dtype": "int16"}
            return xarray.conventions.encode_cf_variable(xarray.Variable([str(i) for i in range(x.ndim)], x, encoding=how)).values
        print(identify(mine, grid=rq.INT16))
        """),
    of("numcodecs", "FixedScaleOffset", "round((x - offset) * scale)", """
        from numcodecs import FixedScaleOffset
        def mine(x, p):
            codec = FixedScaleOffset(offset=0, scale=1 / p.scale, dtype="f4", astype="i1")
            return codec.encode(np.ascontiguousarray(x)).reshape(x.shape)
        print(identify(mine, symmetric=True))
        """),
]
