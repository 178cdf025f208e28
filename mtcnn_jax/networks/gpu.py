"""The three networks arranged for a GPU: the same numbers as `reference` gives.

The heads are one product, not two convolutions, and are launched with what comes after them
(decision 0012).
"""

from typing import Any

import jax

from mtcnn_jax.networks.cpu import convolve, heads, prelu
from mtcnn_jax.networks.layers import HEADS, POOLS, pool

Params = Any


def run(stage: str, params: Params, x: jax.Array) -> tuple[jax.Array, ...]:
    """Runs one of the networks.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of that network.
        x: float32 [b, h, w, 3], normalised pixels.

    Returns:
        What the network of `reference` returns.
    """
    for number, window in enumerate(POOLS[stage], 1):
        x = prelu(convolve(x, params[f"conv{number}"]), params[f"prelu{number}"])
        x = pool(x, window) if window else x
    if stage != "pnet":
        dense, slopes = params[f"dense{number + 1}"], params[f"prelu{number + 1}"]
        x = prelu(x.reshape(x.shape[0], -1) @ dense["kernel"] + dense["bias"], slopes)
    return heads(x, params, ("prob", "reg", "landmarks")[: len(HEADS[stage])])
