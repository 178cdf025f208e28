"""The three networks arranged for a CPU; `networks` is the reference, this gives the same numbers.

A convolution of three channels leaves most of a vector unit idle: as `lax.conv` it runs at 30 of
the 470 GFLOP/s that two cores reach in a matrix product. Here the picture is cut into blocks of
2 x 2 pixels, 12 channels each. Every block of the output, 2 x 2 again, follows from 2 x 2 blocks of
the input, which makes the first convolution one product with a kernel of [48, 4 * features] (16 of
its 36 taps are zero), and the pooling after it a maximum over neighbours in memory. The later
convolutions are products too: one for each row of the kernel, so that a third of the neighbourhoods
is copied.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.forms import form_of
from mtcnn_jax.layers import pool

Params = Any


def _taps() -> np.ndarray:
    """float32 [16, 4, 9]: which tap joins pixel 1 of 4 x 4 (2 x 2 blocks) to output 2 of 2 x 2."""
    taps = np.zeros((2, 2, 2, 2, 2, 2, 3, 3), np.float32)
    for row, column, down, right in np.ndindex(2, 2, 3, 3):
        y, x = row + down, column + right
        taps[y // 2, x // 2, y % 2, x % 2, row, column, down, right] = 1
    return taps.reshape(16, 4, 9)


_TAPS = _taps()

_MOST_PIXELS = 2**20
"""Of a batch that "auto" computes in this form: for the largest level of a picture of 12 megapixels
it would need 0.2 GB more than the plain one, and the whole cascade is to stay below 3."""


def _prelu(x: jax.Array, layer: Params) -> jax.Array:
    return jnp.maximum(x, 0) + layer["alpha"] * jnp.minimum(x, 0)


def first_layers(x: jax.Array, conv: Params, prelu: Params, *, window: int) -> jax.Array:
    """The first convolution (3 x 3), its PReLU and its pooling (stride 2, ceil mode).

    Args:
        x: float32 [b, h, w, c].
        conv: kernel [3, 3, c, features] and bias.
        prelu: slopes.
        window: of the pooling, 2 or 3 pixels.

    Returns:
        float32 [b, ceil((h - 2) / 2), ceil((w - 2) / 2), features]; with a window of 3 for even h
        and w only.
    """
    kernel, bias = conv["kernel"], conv["bias"]
    count, height, width, channels = x.shape
    features = kernel.shape[-1]
    x = jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)))
    rows, columns = x.shape[1] // 2, x.shape[2] // 2
    blocks = x.reshape(count, rows, 2, columns, 2, channels).swapaxes(2, 3)
    blocks = blocks.reshape(count, rows, columns, 4 * channels)
    rows, columns = rows - 1, columns - 1
    near = [blocks[:, y : y + rows, x : x + columns] for y in range(2) for x in range(2)]
    near = jnp.concatenate(near, axis=-1).reshape(-1, 16 * channels)
    matrix = jnp.einsum("ipt,tcf->icpf", _TAPS, kernel.reshape(9, channels, features))
    out = near @ matrix.reshape(16 * channels, -1) + jnp.tile(bias, 4)
    out = _prelu(out, {"alpha": jnp.tile(prelu["alpha"], 4)})
    out = out.reshape(count, rows, columns, 2, 2, features)
    # The second of two rows or columns, where an odd number of them leaves it over.
    if height % 2:
        out = out.at[:, -1, :, 1].set(-jnp.inf)
    if width % 2:
        out = out.at[:, :, -1, :, 1].set(-jnp.inf)
    for axis in (1, 2):
        first, second = (jax.lax.index_in_dim(out, part, 3, keepdims=False) for part in (0, 1))
        out = jnp.maximum(first, second)
        if window == 3:
            after = jax.lax.slice_in_dim(first, 1, None, axis=axis)
            last = jax.lax.slice_in_dim(first, -1, None, axis=axis)
            out = jnp.maximum(out, jnp.concatenate([after, last], axis=axis))
    return out


def convolve(x: jax.Array, layer: Params) -> jax.Array:
    """A convolution as `size` products, each over the neighbourhoods along one row."""
    kernel = layer["kernel"]
    size, features = kernel.shape[0], kernel.shape[-1]
    height, width = (length - size + 1 for length in x.shape[1:3])
    near = jnp.concatenate([x[:, :, start : start + width] for start in range(size)], axis=-1)
    length = near.shape[-1]
    out = layer["bias"]
    for row in range(size):
        part = near[:, row : row + height].reshape(-1, length)
        out = out + part @ kernel[row].reshape(length, features)
    return out.reshape(-1, height, width, features)


def _heads(x: jax.Array, params: Params, names: tuple[str, ...]) -> tuple[jax.Array, ...]:
    """Layers on the same features [..., f] as one product, and its parts."""
    kernels = [params[name]["kernel"].reshape(x.shape[-1], -1) for name in names]
    out = x @ jnp.concatenate(kernels, axis=1)
    out = out + jnp.concatenate([params[name]["bias"] for name in names])
    stops = np.cumsum([kernel.shape[1] for kernel in kernels])[:-1]
    return tuple(jnp.split(out, stops, axis=-1))


def pnet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`networks.PNet` on x [b, h, w, 3]."""
    x = first_layers(x, params["conv1"], params["prelu1"], window=2)
    # From ten channels a row's neighbourhood is too narrow for a product: 4.2 ms against 3.3 here.
    numbers = ("NHWC", "HWIO", "NHWC")
    kernel = params["conv2"]["kernel"]
    x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=numbers)
    x = _prelu(x + params["conv2"]["bias"], params["prelu2"])
    x = _prelu(convolve(x, params["conv3"]), params["prelu3"])
    logits, offsets = _heads(x, params, ("prob", "reg"))
    return logits, offsets


def rnet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`networks.RNet` on x [b, 24, 24, 3]."""
    x = first_layers(x, params["conv1"], params["prelu1"], window=3)
    x = pool(_prelu(convolve(x, params["conv2"]), params["prelu2"]), 3)
    x = _prelu(convolve(x, params["conv3"]), params["prelu3"]).reshape(x.shape[0], -1)
    x = _prelu(x @ params["dense4"]["kernel"] + params["dense4"]["bias"], params["prelu4"])
    logits, offsets = _heads(x, params, ("prob", "reg"))
    return logits, offsets


def onet(params: Params, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """`networks.ONet` on x [b, 48, 48, 3]."""
    x = first_layers(x, params["conv1"], params["prelu1"], window=3)
    x = pool(_prelu(convolve(x, params["conv2"]), params["prelu2"]), 3)
    x = pool(_prelu(convolve(x, params["conv3"]), params["prelu3"]), 2)
    x = _prelu(convolve(x, params["conv4"]), params["prelu4"]).reshape(x.shape[0], -1)
    x = _prelu(x @ params["dense5"]["kernel"] + params["dense5"]["bias"], params["prelu5"])
    logits, offsets, landmarks = _heads(x, params, ("prob", "reg", "landmarks"))
    return logits, offsets, landmarks


def settled(make: Callable[[], jax.Array], shape: tuple[int, ...], always: jax.Array) -> jax.Array:
    """What `make` gives, computed once.

    The compiler would rather compute a crop anew for every neighbourhood that reads of it, which
    makes R-Net in the cascade 2.5 times as slow, and it ignores optimization barriers on a CPU. It
    does not look into a branch. On a GPU, where a branch is a wait for the host, there is none.

    Args:
        make: gives the array, float32.
        shape: of it.
        always: bool [], a comparison that holds and whose outcome the compiler cannot know.
    """
    if jax.default_backend() != "cpu":
        return make()
    return jax.lax.cond(always, make, lambda: jnp.zeros(shape, jnp.float32))


_FORWARD = {"pnet": pnet, "rnet": rnet, "onet": onet}


def forward(stage: str, params: Params, x: jax.Array, *, form: str) -> tuple[jax.Array, ...]:
    """Runs one of the networks.

    Args:
        stage: "pnet", "rnet" or "onet".
        params: of that network.
        x: float32 [b, h, w, 3], normalised pixels.
        form: as in `forms`; "cpu" as here, all others as in `networks`.

    Returns:
        What the network of `networks` returns.
    """
    if form == "auto":
        small = x.shape[0] * x.shape[1] * x.shape[2] <= _MOST_PIXELS
        form = form_of(form) if small else "plain"
    if form == "cpu":
        return _FORWARD[stage](params, x)
    # Loading flax takes 0.2 s, which detection on a CPU is spared.
    from mtcnn_jax.networks import NETWORKS

    return NETWORKS[stage]().apply({"params": params}, x)
