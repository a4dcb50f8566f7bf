"""Quantizers of others: what stands in their source, the lines to paste after FIRST, and what these lines say.

The verdict is what the source leads one to expect. test_quantizers.py runs the lines; tests/pages.py makes a page.
"""

from textwrap import dedent
from typing import NamedTuple

FIRST = "import numpy as np; import refquant as rq; from refquant.testing import *"


class Quantizer(NamedTuple):
    """package and name: whose it is. source: its formula. verdict: in words. lines: to paste. says: what comes out."""

    package: str
    name: str
    source: str
    verdict: str
    lines: str
    says: str


def of(package: str, name: str, source: str, verdict: str, lines: str, says: str = "") -> Quantizer:
    return Quantizer(package, name, source, verdict, dedent(lines).strip(), dedent(says).strip())


def _broken(rule: str, as_with: str) -> str:
    words = {"R3": "x / scale is one true division in x's dtype, of float16 in float32",
             "R5": "the zero point is added after rounding",
             "R4": "a number goes to the nearest integer, a tie to the even one",
             "R6": "what lies beyond the codes saturates, infinities too; clip before the cast"}
    return f"{rule} is broken: {words[rule]}.\nAs it would be {as_with}."


EARLY = "R5: the zero point is added before rounding, in float32"

QUANTIZERS = [
    of("ai-edge-quantizer", "uniform_quantize, asymmetric", "rint(x / scale + zero point)", EARLY, """
       from ai_edge_quantizer.qtyping import UniformQuantParams as Params
       from ai_edge_quantizer.algorithms.uniform_quantize.uniform_quantize_tensor import uniform_quantize
       def each(a, x): return a.reshape((1,) * x.ndim)
       def mine(x, p): return uniform_quantize(x, Params(8, None, each(p.scale, x), each(p.zero_point, x), False))
       check_quantizer(mine, grids=rq.INT8, per_tensor=True)
       """, _broken("R5", "with zero_point=before_rounding")),
    of("ai-edge-quantizer", "uniform_quantize, symmetric", "rint(x / scale), clipped to -127 ... 127", "right", """
       from ai_edge_quantizer.qtyping import UniformQuantParams as Params
       from ai_edge_quantizer.algorithms.uniform_quantize.uniform_quantize_tensor import uniform_quantize
       def each(a, x): return a.reshape((1,) * x.ndim)
       def mine(x, p): return uniform_quantize(x, Params(8, None, each(p.scale, x), each(p.zero_point, x), True))
       check_quantizer(mine, grids=rq.IntGrid(8, narrow=True), per_tensor=True, symmetric=True)
       """),
    of("bitsandbytes", "int8_vectorwise_quant", "round(x * (127.0 / max|x|)), in torch 127 * (1 / max|x|)",
       "scale max|x| / 127; codes are x * (127 / max|x|), which is not x / scale", """
       import torch; from bitsandbytes.functional import int8_vectorwise_quant
       def mine(x):
           codes, largest, _ = int8_vectorwise_quant(x)
           return codes, largest / 127
       print(check_dynamic(mine, axis=-1, arrays=torch.from_numpy))
       """, """
       scale      symmetric_params, max|x| / 127
       zero point 0
       codes      division=range_reciprocal
       lowest     not given: no number of ordinary slices called for it
       all zeros  scale 0
       elsewhere  slices asked with max|x| <= 4.48416e-44, scale 0, not 1.17549e-38, so that all codes mean 0
                  slices asked with max|x| from 8.96831e-44 to 7.52316e-37, scale 5.92375e-39, not 1.17549e-38, at the \
largest
                  slices asked with max|x| from 8.96831e-44 to 1.88079e-37, other codes, as 0 of \
float.fromhex('0x1p-122') at scale 1.48094e-39, which is 127 with division=range_reciprocal
       """),
    of("bitsandbytes", "quantize_4bit, NF4", "x * (1 / max|x|), then its place among middles in float32",
       "R4: middles are rounded to float32, so that no named convention gives every code", """
       import torch, bitsandbytes
       def mine(x):
           codes, scale = torch.ops.bitsandbytes.quantize_4bit.default(x, 64, "nf4", torch.uint8)
           return torch.stack([codes >> 4, codes & 15], -1), scale
       print(check_dynamic(mine, grid=rq.NF4, block=64, arrays=torch.from_numpy))
       """, """
       R3 or R4 is broken: at the scale that comes back, codes follow no named convention; nearest is \
division=reciprocal.
       """),
    of("brevitas", "IntQuant.to_int", "round(x / scale + zero point)", EARLY, """
       import torch; from brevitas.core.quant import IntQuant
       f = IntQuant(narrow_range=False, signed=True, input_view_impl=torch.nn.Identity())
       def mine(x, p): return f.to_int(p.scale, p.zero_point, torch.tensor(8.0), x).to(torch.int8)
       check_quantizer(mine, grids=rq.INT8, arrays=torch.from_numpy)
       """, _broken("R5", "with zero_point=before_rounding")),
    of("compressed-tensors", "quantize", "round(x / scale + zero point)", EARLY, """
       import torch; from compressed_tensors.quantization import QuantizationArgs, quantize
       args = QuantizationArgs(num_bits=8, symmetric=False)
       def mine(x, p): return quantize(x, p.scale, p.zero_point, args, dtype=torch.int8)
       check_quantizer(mine, grids=rq.INT8, arrays=torch.from_numpy)
       """, _broken("R5", "with zero_point=before_rounding")),
    of("compressed-tensors", "fake_quantize", "the same, then (q - zero point) * scale", EARLY, """
       import torch; from compressed_tensors.quantization import QuantizationArgs, fake_quantize
       args = QuantizationArgs(num_bits=4, symmetric=False)
       def mine(x, p): return fake_quantize(x, p.scale, p.zero_point, args)
       check_fake_quantizer(mine, grids=rq.INT4, arrays=torch.from_numpy)
       """, _broken("R5", "with zero_point=before_rounding")),
    of("coremltools", "quantize_by_scale_and_zp", "around(x / scale) + zero point, clipped", "right", """
       from coremltools.optimize._utils import quantize_by_scale_and_zp
       def mine(x, p): return quantize_by_scale_and_zp(x, p.scale, p.zero_point, "int8")
       check_quantizer(mine, grids=rq.INT8)
       """),
    of("faiss-cpu", "ScalarQuantizer, QT_8bit_uniform", "floor((x - lo) / (hi - lo) * 255)",
       "R4: the fraction is dropped, and lo subtracted first", """
       import faiss; sq = faiss.ScalarQuantizer(1, faiss.ScalarQuantizer.QT_8bit_uniform)
       def mine(x, lo, hi):
           faiss.copy_array_to_vector(np.float32([lo, hi - lo]), sq.trained)
           return sq.compute_codes(np.ascontiguousarray(x.reshape(-1, 1))).reshape(x.shape)
       check_quantizer(by_range(mine), grids=rq.UINT8, per_tensor=True)
       """, _broken("R4", "with zero_point=offset_first, rounding=toward_zero or zero_point=offset_first, "
                          "rounding=downward")),
    of("keras", "abs_max_quantize", "round(x * (127 / (max|x| + 1e-7)))",
       "1e-7 is added to the largest; codes are x times that reciprocal", """
       import os; os.environ["KERAS_BACKEND"] = "numpy"; from keras.quantizers import abs_max_quantize
       def mine(x):
           codes, inverse = abs_max_quantize(x, axis=-1)
           return codes, 1 / inverse
       print(check_dynamic(mine, axis=-1))
       """, """
       scale      1 / (127 / (max|x| + 1e-7))
       zero point 0
       codes      division=range_reciprocal
       lowest     not given: no number of ordinary slices called for it
       all zeros  scale 7.87402e-10
       elsewhere  as above
       """),
    of("keras", "quantize_with_zero_point", "round(x / scale + zero point)", EARLY, """
       import os; os.environ["KERAS_BACKEND"] = "numpy"
       from keras.src.quantizers.quantizers import quantize_with_zero_point
       def mine(x, p): return quantize_with_zero_point(x, p.scale, p.zero_point, 255).astype(np.uint8)
       check_quantizer(mine, grids=rq.UINT8)
       """, _broken("R5", "with zero_point=before_rounding")),
    of("neural-compressor", "quant_tensor, asymmetric", "scale (hi - lo) / 15; round(x / scale) + zero point, clipped",
       "scale and codes are refquant's own", """
       import torch; from neural_compressor.torch.algorithms.weight_only.utility import quant_tensor
       def mine(x):
           codes, *rest = quant_tensor(x, bits=4, scheme="asym", return_int=True)
           return codes.to(torch.uint8), *rest
       print(check_dynamic(mine, grid=rq.UINT4, axis=-1, arrays=torch.from_numpy))
       """, """
       scale      affine_params, (hi - lo) / 15 of the range with 0
       zero point affine_params', qmin + round(-lo / scale)
       codes      refquant's own convention
       lowest     given
       all zeros  scale 0.133333
       elsewhere  slices asked with max|x| <= 2.8026e-45, scale 0, not 1.17549e-38, so that all codes mean 0
                  slices asked with max|x| <= 2.8026e-45, zero point inf, not 15, so that all codes mean 0
                  slices asked with max|x| from 5.60519e-45 to 4.70198e-38, scale 6.22484e-39, not 1.17549e-38, at \
the largest
                  slices asked with max|x| >= 3.40282e+38, scale inf, not 4.50492e+37
       """),
    of("neural-compressor", "quant_tensor, symmetric, full range", "scale max|x| / 128, negative if hi > -lo",
       "scale max|x| / 128, of either sign, so that the largest has the lowest code; its codes are right", """
       import torch; from neural_compressor.torch.algorithms.weight_only.utility import quant_tensor
       def mine(x):
           codes, *rest = quant_tensor(x, 8, group_size=32, scheme="sym", full_range=True, return_int=True)
           return codes.to(torch.int16), *rest
       print(check_dynamic(mine, block=32, arrays=torch.from_numpy))
       """, """
       scale      max|x| / 128, of either sign
       zero point 0
       codes      refquant's own convention
       lowest     given
       all zeros  scale 0.0078125
       elsewhere  slices asked with max|x| <= 8.96831e-44, scale 0, so that all codes mean 0
       """),
    of("numcodecs", "FixedScaleOffset", "around((x - offset) * scale), cast without a clip",
       "R3 and R6: the reciprocal, in float32, and codes that wrap", """
       from numcodecs import FixedScaleOffset
       def mine(x, p):
           codec = FixedScaleOffset(offset=0, scale=1 / p.scale, dtype="f4", astype="i1")
           return codec.encode(np.ascontiguousarray(x)).reshape(x.shape)
       print(identify(mine, symmetric=True))
       """, """
       division   reciprocal or fused_reciprocal
       zero_point after_rounding or before_rounding or before_rounding_in_float64
       rounding   half_even
       cast       wrapping
       infinity   +inf: code 0, -inf: code 0
       NaN        code 0
       subnormal  as other numbers
       arrays     alike in every length and layout asked
       narrow     no
       These are one function, by several names:
           division=reciprocal, cast=wrapping
           division=reciprocal, zero_point=before_rounding, cast=wrapping
           division=reciprocal, zero_point=before_rounding_in_float64, cast=wrapping
           division=fused_reciprocal, zero_point=before_rounding, cast=wrapping
       """),
    of("onnx", "reference evaluator, QuantizeLinear", "rint(x / scale) as int32, + zero point, clipped",
       "R6: what int32 does not hold becomes the lowest code", """
       import onnx.parser, onnx.reference
       text = '<ir_version: 10, opset_import: ["": 19]> g (float[N] x, float s, int8 z) => (int8[N] y) '
       runs = onnx.reference.ReferenceEvaluator(onnx.parser.parse_model(text + "{ y = QuantizeLinear(x, s, z) }"))
       def mine(x, p): return runs.run(None, {"x": x, "s": p.scale, "z": p.zero_point.astype(np.int8)})[0]
       check_quantizer(mine, grids=rq.INT8, per_tensor=True)
       """, _broken("R6", "with cast=through_int32")),
    of("onnxruntime", "quantize_nparray", "round(x / scale) + zero point, clipped", "right, for int8 and int4", """
       from onnx import TensorProto as T; from onnxruntime.quantization.quant_utils import quantize_nparray
       check_quantizer(lambda x, p: quantize_nparray(T.INT8, x, p.scale, p.zero_point), grids=rq.INT8)
       check_quantizer(lambda x, p: quantize_nparray(T.INT4, x, p.scale, p.zero_point), grids=rq.INT4)
       """),
    of("optimum-quanto", "quantize_symmetric", "round(x / scale), clipped", "right", """
       import torch, optimum.quanto
       def mine(x, p): return torch.ops.quanto.quantize_symmetric(x, torch.int8, None, p.scale)
       check_quantizer(mine, grids=rq.INT8, per_tensor=True, symmetric=True, arrays=torch.from_numpy)
       """),
    of("optimum-quanto", "quantize_symmetric, float8", "x / scale, clipped, to float8_e4m3fn", "right", """
       import torch, optimum.quanto
       f = torch.ops.quanto.quantize_symmetric
       def mine(x, p): return f(x, torch.float8_e4m3fn, None, p.scale).view(torch.uint8)
       check_quantizer(mine, grids=rq.E4M3, per_tensor=True, arrays=torch.from_numpy)
       """),
    of("optimum-quanto", "quantize_affine", "round(x / scale) + zero point, clipped", "right", """
       import torch, optimum.quanto
       def mine(x, p): return torch.ops.quanto.quantize_affine(x, 4, 0, None, p.scale, p.zero_point)
       check_quantizer(mine, grids=rq.UINT4, arrays=torch.from_numpy)
       """),
    of("qwix", "quantize, absmax", "scale max|x| / 127.5; the compiler multiplies by 1 / 127.5, and by 1 / scale",
       "scale max|x| * (1 / 127.5); codes by the reciprocal; R12: JAX divides an array of one number otherwise", """
       import jax.numpy; from qwix._src.core.qarray import HowToQuantize, quantize
       how = HowToQuantize(qtype="int8", channelwise_axes=[0])
       def mine(x): return quantize(x, how).qvalue, quantize(x, how).scale
       print(check_dynamic(mine, axis=-1, arrays=jax.numpy.asarray))
       """, """
       R12 is broken: in arrays of other lengths codes follow another convention; elsewhere they follow \
division=reciprocal.
       """),
    of("qwix", "quantize_with_scale_zero_point", "round(x / scale + zero point), as JAX divides",
       EARLY + "; JAX divides arrays of one number otherwise than others", """
       import jax; from qwix._src.core.qarray import quantize_with_scale_zero_point as f
       def mine(x, p): return f(x, "int8", p.scale.reshape(1), p.zero_point.reshape(1)).qvalue
       check_quantizer(mine, grids=rq.INT8, per_tensor=True, arrays=jax.numpy.asarray, examples=10)
       """, """
       R4 or R5 is broken: a number goes to the nearest integer, a tie to the even one; or: the zero point is added \
after rounding.
       """),
    of("sentence-transformers", "quantize_embeddings, uint8", "floor((x - lo) / ((hi - lo) / 255)), clipped",
       "R4: the fraction is dropped, and lo subtracted first", """
       from sentence_transformers.util import quantize_embeddings
       def mine(x, lo, hi):
           ends = np.stack([lo, hi]).reshape(2, 1)
           return quantize_embeddings(x.reshape(-1, 1), "uint8", ranges=ends).reshape(x.shape)
       check_quantizer(by_range(mine), grids=rq.UINT8, per_tensor=True)
       """, _broken("R4", "with zero_point=offset_first, rounding=toward_zero or zero_point=offset_first, "
                          "rounding=downward")),
    of("torch", "quantized_decomposed.quantize_per_tensor (PT2E)", "round(x * (1 / scale)) + zero point, clipped",
       "R3: the reciprocal", """
       import torch, torch.ao.quantization.fx._decomposed
       f = torch.ops.quantized_decomposed.quantize_per_tensor
       def mine(x, p): return f(x, float(p.scale), int(p.zero_point), -128, 127, torch.int8)
       check_quantizer(mine, grids=rq.INT8, per_tensor=True, arrays=torch.from_numpy)
       """, _broken("R3", "with division=reciprocal")),
    of("xarray", "encode_cf_variable", "around((x - add_offset) / scale_factor) in float64, cast without a clip",
       "division and zero point in float64 before rounding; codes wrap, and are 0 beyond int32", """
       import xarray
       def mine(x, p):
           how = {"scale_factor": float(p.scale), "add_offset": -float(p.scale) * int(p.zero_point), "dtype": "int16"}
           return xarray.conventions.encode_cf_variable(xarray.Variable(list("abc")[:x.ndim], x, encoding=how)).values
       print(identify(mine, grid=rq.INT16))
       """, """
       division   none of those known
       zero_point none of those known
       rounding   none of those known
       cast       none of those known
       infinity   +inf: code 0, -inf: code 0
       NaN        code 0
       subnormal  as other numbers
       arrays     alike in every length and layout asked
       narrow     no
       Nearest is division=in_float64, zero_point=before_rounding_in_float64, cast=wrapping
       """),
]
