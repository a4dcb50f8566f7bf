"""The digits through the deployed network, integers only, beside the float network and the simulation."""

from measure import Row, compared

import numpy as np

from refquant import mlp, quantize
from refquant.study.datasets import digits


def rows(rounds: int = 200, epochs: int = 10) -> list[Row]:
    x, labels = digits()
    net = mlp.train(mlp.init(np.random.default_rng(0), (64, 32, 32, 10)), x, labels, rng=np.random.default_rng(1),
                    epochs=epochs)
    qnet = mlp.ptq_static(net, [x[:256]])
    deployed = mlp.deploy(qnet)
    codes = quantize(x, deployed.input)
    assert (mlp.forward_codes(deployed, codes).argmax(axis=1) == mlp.forward_quantized(qnet, x).argmax(axis=1)).all()
    peers = {"the float network, NumPy": (lambda: mlp.forward(net, x), None),
             "its simulation, forward_quantized": (lambda: mlp.forward_quantized(qnet, x), None)}
    return [*compared(f"integers only, codes to codes, {len(x):,} digits",
                      lambda: mlp.forward_codes(deployed, codes), peers, rounds),
            *compared("the same, quantizing the input and deploying, forward_integer",
                      lambda: mlp.forward_integer(qnet, x), peers, rounds)]
