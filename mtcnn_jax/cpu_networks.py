"""The three networks arranged for a CPU; `networks` is the reference, this gives the same numbers.

A convolution of three channels leaves most of a vector unit idle: as `lax.conv` it runs at 30 of
the 470 GFLOP/s that two cores reach in a matrix product. Here 2 x 2
pixels of the output come from 4 x 4 of the input in one go, which makes the first convolution one
product with a kernel of [48, 4 * features] (each output has 27 taps of its 48), and the pooling
after it a maximum over neighbours in memory. The later ones are left to `lax`, and are fast with
`compiled.compiler_options`.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.layers import pool

Params = Any


def prelu(x: jax.Array, layer: Params) -> jax.Array:
    """`networks.PReLU` with the slopes of `layer`."""
    # As maxima and minima, which have to mind NaN, P-Net's first takes 0.5 ms for 0.2.
    return jnp.where(x > 0, x, layer["alpha"] * x)


def first_layers(x: jax.Array, conv: Params, slopes: Params, *, window: int) -> jax.Array:
    """The first convolution (3 x 3), its PReLU and its pooling (stride 2, ceil mode).

    Args:
        x: float32 [b, h, w, c].
        conv: kernel [3, 3, c, features] and bias.
        slopes: of the PReLU.
        window: of the pooling, 2 or 3 pixels.

    Returns:
        float32 [b, ceil((h - 2) / 2), ceil((w - 2) / 2), features]; with a window of 3 for even h
        and w only.
    """
    kernel, bias = conv["kernel"], conv["bias"]
    count, height, width, channels = x.shape
    features = kernel.shape[-1]
    x = jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    rows, columns = (length // 2 - 1 for length in x.shape[1:3])
    pairs = x.reshape(count, -1, columns + 1, 2 * channels)
    near = [
        pairs[:, row : row + 2 * rows - 1 : 2, right : right + columns]
        for row in range(4)
        for right in range(2)
    ]
    near = jnp.concatenate(near, axis=-1).reshape(-1, 16 * channels)
    places = [((down, 1 - down), (right, 1 - right)) for down in range(2) for right in range(2)]
    kernels = [jnp.pad(kernel, (*place, (0, 0), (0, 0))) for place in places]
    out = near @ jnp.concatenate(kernels, axis=-1).reshape(16 * channels, -1)
    out = prelu(out.reshape(count, rows, columns, 2, 2, features) + bias, slopes)
    for axis, odd in ((1, height % 2), (2, width % 2)):
        first, second = (jax.lax.index_in_dim(out, place, 3, keepdims=False) for place in (0, 1))
        last = first.shape[axis] - 1
        cut = functools.partial(jax.lax.slice_in_dim, axis=axis)
        if odd:  # The last pair lacks its second.
            row = jax.lax.broadcasted_iota(jnp.int32, first.shape, axis)
            second = jnp.where(row < last, second, first)
        out = jnp.maximum(first, second)
        if window == 3:
            following = jnp.maximum(cut(out, 0, last), cut(first, 1, None))
            out = jnp.concatenate([following, cut(out, last, None)], axis=axis)
    return out


def convolve(x: jax.Array, layer: Params, *, abreast: int = 1) -> jax.Array:
    """A convolution.

    Args:
        x: float32 [b, h, w, c].
        layer: kernel [size, size, c, features] and bias.
        abreast: neighbouring columns of the output to compute as one with so many times the
            features, from neighbourhoods that are wider by the others. From 10 channels to 16,
            P-Net's second takes 0.9 ms for two abreast and 1.4 for one.

    Returns:
        float32 [b, h - size + 1, w - size + 1, features].
    """
    kernel = layer["kernel"]
    size, features = kernel.shape[0], kernel.shape[-1]
    width = x.shape[2] - size + 1
    x = jnp.pad(x, ((0, 0), (0, 0), (0, -width % abreast), (0, 0)))
    places = [(column, abreast - 1 - column) for column in range(abreast)]
    kernels = [jnp.pad(kernel, ((0, 0), place, (0, 0), (0, 0))) for place in places]
    out = jax.lax.conv_general_dilated(
        x,
        jnp.concatenate(kernels, axis=-1),
        (1, abreast),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return out.reshape(*out.shape[:2], -1, features)[:, :, :width] + layer["bias"]


def heads(x: jax.Array, params: Params, names: tuple[str, ...]) -> tuple[jax.Array, ...]:
    """Layers on the same features [..., f] as one product, and its parts."""
    kernels = [params[name]["kernel"].reshape(x.shape[-1], -1) for name in names]
    out = x @ jnp.concatenate(kernels, axis=1)
    out = out + jnp.concatenate([params[name]["bias"] for name in names])
    stops = np.cumsum([kernel.shape[1] for kernel in kernels])[:-1]
    return tuple(jnp.split(out, stops, axis=-1))


def pnet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`networks.PNet` on x [b, h, w, 3]."""
    x = first_layers(x, params["conv1"], params["prelu1"], window=2)
    x = prelu(convolve(x, params["conv2"], abreast=2), params["prelu2"])
    x = prelu(convolve(x, params["conv3"]), params["prelu3"])
    logits, offsets = heads(x, params, ("prob", "reg"))
    return logits, offsets


def rnet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`networks.RNet` on x [b, 24, 24, 3]."""
    x = first_layers(x, params["conv1"], params["prelu1"], window=3)
    x = pool(prelu(convolve(x, params["conv2"]), params["prelu2"]), 3)
    x = prelu(convolve(x, params["conv3"]), params["prelu3"]).reshape(x.shape[0], -1)
    x = prelu(x @ params["dense4"]["kernel"] + params["dense4"]["bias"], params["prelu4"])
    logits, offsets = heads(x, params, ("prob", "reg"))
    return logits, offsets


def onet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`networks.ONet` on x [b, 48, 48, 3]."""
    x = first_layers(x, params["conv1"], params["prelu1"], window=3)
    x = pool(prelu(convolve(x, params["conv2"]), params["prelu2"]), 3)
    x = pool(prelu(convolve(x, params["conv3"]), params["prelu3"]), 2)
    x = prelu(convolve(x, params["conv4"]), params["prelu4"]).reshape(x.shape[0], -1)
    x = prelu(x @ params["dense5"]["kernel"] + params["dense5"]["bias"], params["prelu5"])
    logits, offsets, landmarks = heads(x, params, ("prob", "reg", "landmarks"))
    return logits, offsets, landmarks


NETWORKS = {"pnet": pnet, "rnet": rnet, "onet": onet}
