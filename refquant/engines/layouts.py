"""How engines lay codes into bytes: values for pack and unpack, which take any refquant.packing.Layout.

    ONNX            the first code in the lowest bits: TensorProto INT4, UINT4, FLOAT4E2M1; torchao's float4 and plain
                    int4; compressed-tensors' FP4 and FP6
    high_first(4)   the first code in the highest bits of its byte: torch's int4 matmul (_convert_weight_to_int4pack of
                    bytes), bitsandbytes, torchao's NF4 and 4-bit optimizers
    halves(32)      byte j holds codes j and j + 16: gguf; NVFP4 in halves(16), Q4_K in halves(64)
    GPTQ            int32 words, the first code lowest; a code of 3 bits spans two words. What goes into the words is a
                    column of a (inputs, outputs) weight: pack(q.T, grid, GPTQ).reshape(outputs, -1).T is qweight
    GPTQ_ZEROS      the same of zero points, stored minus one, modulo 2**bits: pack(z, grid, GPTQ_ZEROS) is a row of
                    qzeros
    offset(4)       int32 words of signed codes plus 2**(bits - 1): compressed-tensors' pack-quantized

>>> from refquant import UINT4, pack
>>> q = [1, 2, 3, 4, 5, 6, 7, 8]
>>> [hex(int(pack(q, UINT4, layout)[0]) % 2**32) for layout in (GPTQ, GPTQ_ZEROS)]
['0x87654321', '0x76543210']
>>> bytes(pack(q, UINT4, high_first(4))).hex(), bytes(pack(q, UINT4, halves(8))).hex(), bytes(pack(q, UINT4)).hex()
('12345678', '51627384', '21436587')
"""

from __future__ import annotations

from ..packing import STREAM, Layout

ONNX = STREAM
GPTQ = Layout(dtype="<i4")
GPTQ_ZEROS = Layout(offset=-1, dtype="<i4")


def high_first(bits: int) -> Layout:
    """The first code in the highest bits of each byte, for codes of 2 or 4 bits.

    >>> high_first(2).order
    (3, 2, 1, 0)
    """
    return Layout(tuple(reversed(range(8 // bits))))


def halves(size: int) -> Layout:
    """Of `size` codes of 4 bits byte j holds codes j, in its low bits, and j + size / 2.

    >>> halves(8).order
    (0, 4, 1, 5, 2, 6, 3, 7)
    """
    return Layout(tuple(place for j in range(size // 2) for place in (j, j + size // 2)))


def offset(bits: int) -> Layout:
    """int32 words of signed codes plus 2**(bits - 1).

    >>> from refquant import INT4, pack
    >>> hex(int(pack([-8, 7, 0, 0, 0, 0, 0, -1], INT4, offset(4))[0]))
    '0x788888f0'
    """
    return Layout(offset=2 ** (bits - 1), dtype="<i4")
