"""integer_matmul, 1024 cubed, beside NumPy's float32 and int32 products and ONNX Runtime's MatMulInteger."""

from measure import Row, Run, compared

import numpy as np

import refquant as rq


def onnxruntime_product(a: np.ndarray, b: np.ndarray) -> Run:
    """MatMulInteger, one thread, both factors given at each run, as integer_matmul's are."""
    import onnxruntime
    from onnx import TensorProto, helper

    kinds = {np.dtype(np.int8): TensorProto.INT8, np.dtype(np.uint8): TensorProto.UINT8}
    n = list(a.shape)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["acc"])], "product",
        [helper.make_tensor_value_info(name, kinds[x.dtype], n) for name, x in (("a", a), ("b", b))],
        [helper.make_tensor_value_info("acc", TensorProto.INT32, n)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"a": a, "b": b})[0]


def rows(n: int = 1024, rounds: int = 25, slow_rounds: int = 5) -> list[Row]:
    """NumPy's int32 product takes seconds, so it takes fewer turns."""
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-128, 128, (n, n)).astype(np.int8) for _ in range(2))
    unsigned = rng.integers(0, 256, (n, n)).astype(np.uint8)
    floats, wide = [x.astype(np.float32) for x in (a, b)], [x.astype(np.int32) for x in (a, b)]
    signed_peer, mixed_peer = onnxruntime_product(a, b), onnxruntime_product(unsigned, b)
    exact = wide[0] @ wide[1]
    for product in (rq.integer_matmul(a, b), signed_peer()):
        assert (product == exact).all()
    assert (rq.integer_matmul(unsigned, b)[:3] == unsigned[:3].astype(np.int32) @ wide[1]).all()
    shape = f"integer_matmul, {n} cubed"
    return [
        *compared(f"{shape}, int8", lambda: rq.integer_matmul(a, b), {
            "NumPy, float32": (lambda: floats[0] @ floats[1], 0.7),
            "ONNX Runtime MatMulInteger, int8 x int8": (signed_peer, 1.3)}, rounds),
        *compared(f"{shape}, int8", lambda: rq.integer_matmul(a, b), {
            "NumPy, int32": (lambda: wide[0] @ wide[1], 50)}, slow_rounds),
        *compared(f"{shape}, uint8 x int8", lambda: rq.integer_matmul(unsigned, b), {
            "ONNX Runtime MatMulInteger, uint8 x int8": (mixed_peer, None)}, rounds)]
