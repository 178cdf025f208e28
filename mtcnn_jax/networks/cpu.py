"""The three networks arranged for a CPU: the same numbers as `reference` gives.

A convolution of three channels leaves most of a vector unit idle. Here two neighbouring columns of
the output come from four of the input in one go, which makes the first convolution one product with
a kernel of [36, 2 * features] (each output has 27 taps of its 36), and the pooling after it a
maximum over neighbours in memory. The later ones are left to `lax`, and are fast with
`runtime.compiled.compiler_options`. What was measured: decision 0007.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.networks.layers import HEADS, pool

Params = Any

STRIP = 2**17
"""Pixels that P-Net takes in one go: what lies between its layers is 10 times as many numbers, and
they stay in the cache. 2**15 and less are slower than all in one."""


def prelu(x: jax.Array, layer: Params) -> jax.Array:
    """`reference.PReLU` with the slopes of `layer`."""
    # Not as maxima and minima, which have to mind NaN.
    return jnp.where(x > 0, x, layer["alpha"] * x)


def abreast(kernel: jax.Array, columns: int) -> jax.Array:
    """The kernel of a convolution as that of one which gives neighbouring columns of the output.

    Args:
        kernel: [h, w, c, f].
        columns: how many.

    Returns:
        [h, w + columns - 1, c, columns * f], for a stride of `columns` along the width.
    """
    places = [(column, columns - 1 - column) for column in range(columns)]
    kernels = [jnp.pad(kernel, ((0, 0), place, (0, 0), (0, 0))) for place in places]
    return jnp.concatenate(kernels, axis=-1)


def pooled(x: jax.Array, size: tuple[int, int], extreme: Callable, *, window: int) -> jax.Array:
    """The `extreme` of each window [b, h, w, f], at a stride of 2.

    Args:
        x: float32 [b, h, w, f], h and w even; the last row or column does not count where that of
            `size` is odd.
        size: height and width; both even where the window is 3.
        extreme: `jnp.maximum` or `jnp.minimum`.
        window: 2 or 3 pixels; what reaches over the edge counts as far as it lies within.
    """
    for axis in (2, 1):
        pairs = x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :])
        first, second = (
            jax.lax.index_in_dim(pairs, place, axis + 1, keepdims=False) for place in (0, 1)
        )
        last = first.shape[axis] - 1
        if size[axis - 1] % 2:  # The last pair lacks its second.
            row = jax.lax.broadcasted_iota(jnp.int32, first.shape, axis)
            second = jnp.where(row < last, second, first)
        x = extreme(first, second)
        if window == 3:
            cut = functools.partial(jax.lax.slice_in_dim, axis=axis)
            following = extreme(cut(x, 0, last), cut(first, 1, None))
            x = jnp.concatenate([following, cut(x, last, None)], axis=axis)
    return x


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
    count, height, width, channels = x.shape
    x = jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    rows, columns = x.shape[1] - 2, x.shape[2] // 2 - 1
    pairs = x.reshape(count, -1, columns + 1, 2 * channels)
    near = [
        pairs[:, down : down + rows, right : right + columns]
        for down in range(3)
        for right in range(2)
    ]
    near = jnp.concatenate(near, axis=-1).reshape(-1, 12 * channels)
    out = near @ abreast(conv["kernel"], 2).reshape(12 * channels, -1)
    out = out.reshape(count, rows, 2 * columns, -1)
    size = height - 2, width - 2
    if window == 3:
        return pooled(prelu(out + conv["bias"], slopes), size, jnp.maximum, window=3)
    # A PReLU rises, or falls and rises: it is greatest at the greatest or at the least. For P-Net
    # that is half of the time of a PReLU for each.
    ends = (pooled(out, size, extreme, window=2) for extreme in (jnp.maximum, jnp.minimum))
    return jnp.maximum(*(prelu(end + conv["bias"], slopes) for end in ends))


def convolve(x: jax.Array, layer: Params, *, columns: int = 1) -> jax.Array:
    """A convolution.

    Args:
        x: float32 [b, h, w, c].
        layer: kernel [size, size, c, features] and bias.
        columns: of the output to compute as one, as in `abreast`. With few channels two
            are quicker.

    Returns:
        float32 [b, h - size + 1, w - size + 1, features].
    """
    size, features = layer["kernel"].shape[0], layer["kernel"].shape[-1]
    width = x.shape[2] - size + 1
    x = jnp.pad(x, ((0, 0), (0, 0), (0, -width % columns), (0, 0)))
    out = jax.lax.conv_general_dilated(
        x,
        abreast(layer["kernel"], columns),
        (1, columns),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return out.reshape(*out.shape[:2], -1, features)[:, :, :width] + layer["bias"]


def heads(
    x: jax.Array, params: Params, names: tuple[str, ...], *, multiple: int = 1
) -> tuple[jax.Array, ...]:
    """Layers on the same features [..., f] as one product, and its parts.

    Args:
        x: the features.
        params: of the network.
        names: of the layers.
        multiple: of columns, to which the product is filled up.
    """
    kernels = [params[name]["kernel"].reshape(x.shape[-1], -1) for name in names]
    biases = [params[name]["bias"] for name in names]
    *stops, total = np.cumsum([bias.size for bias in biases])
    kernel = jnp.concatenate(kernels, axis=1)
    kernel = jnp.pad(kernel, ((0, 0), (0, -total % multiple)))
    out = (x @ kernel)[..., :total] + jnp.concatenate(biases)
    return tuple(jnp.split(out, stops, axis=-1))


def pnet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`reference.PNet` on x [b, h, w, 3], a strip after the other where it is large."""
    count, height, width, _ = x.shape
    rows, columns = (-(-(side - 2) // 2) - 4 for side in (height, width))
    tall = STRIP // (2 * width)
    if not 0 < 2 * tall < rows:
        return _pnet_at_once(params, x)
    strips = (rows - 1) // tall  # And a last one, which is no taller.

    def put(
        outputs: tuple[jax.Array, ...], part: jax.Array, start: jax.Array | int
    ) -> tuple[jax.Array, ...]:
        return tuple(
            jax.lax.dynamic_update_slice_in_dim(whole, found, start, axis=1)
            for whole, found in zip(outputs, _pnet_at_once(params, part), strict=True)
        )

    def strip(number: jax.Array, outputs: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        start = number * tall
        part = jax.lax.dynamic_slice_in_dim(x, 2 * start, 2 * tall + 10, axis=1)
        return put(outputs, part, start)

    shapes = [(count, rows, columns, numbers) for numbers in HEADS["pnet"]]
    blank = tuple(jnp.zeros(shape, jnp.float32) for shape in shapes)
    outputs = jax.lax.fori_loop(0, strips, strip, blank)
    logits, offsets = put(outputs, x[:, 2 * strips * tall :], strips * tall)
    return logits, offsets


def _pnet_at_once(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    x = first_layers(x, params["conv1"], params["prelu1"], window=2)
    x = prelu(convolve(x, params["conv2"], columns=2), params["prelu2"])
    x = prelu(convolve(x, params["conv3"]), params["prelu3"])
    # A product with 6 columns takes longer than one with 8.
    logits, offsets = heads(x, params, ("prob", "reg"), multiple=8)
    return logits, offsets


def pnet_rows(
    params: Params, above: tuple[jax.Array, jax.Array], x: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
    """P-Net on the next rows of a picture, none of which is computed twice.

    Args:
        params: of P-Net.
        above: the last two rows of its first two layers on the rows before; zeros at first.
        x: float32 [1, 2 * r + 2, w, 3], the last two rows of pixels before, and new ones.

    Returns:
        `above` for the next rows, and logits and offsets as [r, (w - 10) / 2, 6], of which the
        first row sees the pixels from eight rows above `x` on.
    """
    new = first_layers(x, params["conv1"], params["prelu1"], window=2)
    rows = jnp.concatenate([above[0], new], axis=1)
    second = prelu(convolve(rows, params["conv2"], columns=2), params["prelu2"])
    rows = jnp.concatenate([above[1], second], axis=1)
    third = prelu(convolve(rows, params["conv3"]), params["prelu3"])
    found = jnp.concatenate(heads(third, params, ("prob", "reg"), multiple=8), axis=-1)
    return (new[:, -2:], second[:, -2:]), found[0]


def rnet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`reference.RNet` on x [b, 24, 24, 3]."""
    x = first_layers(x, params["conv1"], params["prelu1"], window=3)
    x = pool(prelu(convolve(x, params["conv2"]), params["prelu2"]), 3)
    x = prelu(convolve(x, params["conv3"]), params["prelu3"]).reshape(x.shape[0], -1)
    x = prelu(x @ params["dense4"]["kernel"] + params["dense4"]["bias"], params["prelu4"])
    logits, offsets = heads(x, params, ("prob", "reg"))
    return logits, offsets


def onet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`reference.ONet` on x [b, 48, 48, 3]."""
    x = first_layers(x, params["conv1"], params["prelu1"], window=3)
    x = pool(prelu(convolve(x, params["conv2"]), params["prelu2"]), 3)
    x = pool(prelu(convolve(x, params["conv3"]), params["prelu3"]), 2)
    x = prelu(convolve(x, params["conv4"]), params["prelu4"]).reshape(x.shape[0], -1)
    x = prelu(x @ params["dense5"]["kernel"] + params["dense5"]["bias"], params["prelu5"])
    logits, offsets, landmarks = heads(x, params, ("prob", "reg", "landmarks"))
    return logits, offsets, landmarks


NETWORKS = {"pnet": pnet, "rnet": rnet, "onet": onet}
