"""The three networks arranged for a GPU; `networks` is the reference, this gives the same numbers.

cuDNN's kernels for tensor cores take channels in fours and copy what has three of them, as pixels
do, or ten, as P-Net's first layer: 8 us a layer of 20, of one picture of 640x480. Here there are
zeros beside them from the start. The heads are one product, not two convolutions.
"""

from typing import Any

import jax
import jax.numpy as jnp

from mtcnn_jax.cpu_networks import convolve, heads, prelu
from mtcnn_jax.layers import HEADS, pool

Params = Any

_POOLS = {"pnet": (2, 0, 0), "rnet": (3, 3, 0), "onet": (3, 3, 2, 0)}
"""For each convolution, the window of the pooling after it."""


def _in_fours(x: jax.Array, axes: tuple[int, ...] = (-1,)) -> jax.Array:
    """`x` with zeros after it along `axes`, up to whole fours."""
    pads = [(0, 0)] * x.ndim
    for axis in axes:
        pads[axis] = (0, -x.shape[axis] % 4)
    return jnp.pad(x, pads)


def forward(stage: str, params: Params, x: jax.Array) -> tuple[jax.Array, ...]:
    """Runs one of the networks.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of that network.
        x: float32 [b, h, w, 3], normalised pixels.

    Returns:
        What the network of `networks` returns.
    """
    x = _in_fours(x)
    for number, window in enumerate(_POOLS[stage], 1):
        layer, slopes = params[f"conv{number}"], params[f"prelu{number}"]["alpha"]
        kernel = _in_fours(layer["kernel"], (-2, -1))
        x = convolve(x, {"kernel": kernel, "bias": _in_fours(layer["bias"])})
        x = prelu(x, {"alpha": _in_fours(slopes)})
        x = pool(x, window) if window else x
    if stage != "pnet":
        dense, slopes = params[f"dense{number + 1}"], params[f"prelu{number + 1}"]
        x = prelu(x.reshape(x.shape[0], -1) @ dense["kernel"] + dense["bias"], slopes)
    return heads(x, params, ("prob", "reg", "landmarks")[: len(HEADS[stage])])
