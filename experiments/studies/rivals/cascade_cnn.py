"""The 12-, 24- and 48-nets of the CNN cascade (Li et al., CVPR 2015), as pure flax.linen modules.

Known of them: the layers' kinds, channels and sizes, the strides of the poolings, and that the
24-net has the features of a 12-net joined to its own before the last layer, the 48-net those of a
24-net. Not known, and assumed here:

- Pixels are normalised as those of P-, R- and O-Net are, `layers.normalize`.
- Convolutions are VALID with stride 1, as in the public re-implementations in Caffe.
- ReLU after each convolution and after the first fully connected layer.
- Poolings take maxima and round their output size up, as Caffe does; but the 12-net's, rounded
  down, so that it gives a window of a picture what it gives that window alone.
- "Normalisation" is local response normalisation across channels with the defaults of Caffe.
- What is joined sees the same window, made half as large by means of 2 x 2 pixels. It is a part of
  the network, trained with it from the start, not the stage before at work again.
- The last layer gives two logits, as those of P-, R- and O-Net, whose index 1 is "face".

Parameters: 12-net 4,594, 24-net 829,042, 48-net 2,264,242.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from mtcnn_jax.networks.layers import pool
from mtcnn_jax.networks.reference import Conv

INPUT_SIZE = {"net12": 12, "net24": 24, "net48": 48}
"""Side, in pixels, of the square window that each network looks at."""

RESPONSE_SIZE, RESPONSE_ALPHA, RESPONSE_BETA = 5, 1e-4, 0.75
"""Of the normalisation: channels, weight of their squares, and power."""


def halve(x: jax.Array) -> jax.Array:
    """Means of 2 x 2 pixels: [b, h, w, c] to [b, h / 2, w / 2, c], of even h and w."""
    count, height, width, channels = x.shape
    return x.reshape(count, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def normalize_response(x: jax.Array) -> jax.Array:
    """Divides x [..., c] by (1 + alpha / size * the sum of squares of near channels) ** beta."""
    reach = RESPONSE_SIZE // 2
    squares = jnp.pad(x**2, [(0, 0)] * (x.ndim - 1) + [(reach, reach)])
    near = sum(squares[..., start : start + x.shape[-1]] for start in range(RESPONSE_SIZE))
    return x / (1 + RESPONSE_ALPHA / RESPONSE_SIZE * near) ** RESPONSE_BETA


class Features12(nn.Module):
    """The 12-net without its last layer, over a whole picture."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Gives float32 [b, r, c, 16], r = (h - 9) // 2, c alike, of x [b, h, w, 3]."""
        x = nn.relu(Conv(16, 3, name="conv1")(x))
        # An odd number of rows and columns leaves nothing over to be rounded up.
        x = pool(x[:, : (x.shape[1] - 1) // 2 * 2 + 1, : (x.shape[2] - 1) // 2 * 2 + 1], 3)
        return nn.relu(Conv(16, 4, name="dense2")(x))


class Net12(nn.Module):
    """The 12-net, fully convolutional: one window of 12x12 for every second pixel."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Gives logits [b, r, c, 2], r = (h - 9) // 2, c alike, of pixels x [b, h, w, 3]."""
        return Conv(2, 1, name="prob")(Features12(name="features")(x))


class Features24(nn.Module):
    """The 24-net without its last layer."""

    as_product: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Gives float32 [b, 144] of x [b, 24, 24, 3]: 128 of its own, 16 of the joined 12-net."""
        joined = Features12(name="net12")(halve(x)).reshape(x.shape[0], -1)
        x = pool(nn.relu(Conv(64, 5, self.as_product, name="conv1")(x)), 3)
        x = nn.relu(nn.Dense(128, name="dense2")(x.reshape(x.shape[0], -1)))
        return jnp.concatenate([x, joined], axis=-1)


class Net24(nn.Module):
    """The 24-net."""

    as_product: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Gives logits [b, 2] of normalised pixels x [b, 24, 24, 3]."""
        return nn.Dense(2, name="prob")(Features24(self.as_product, name="features")(x))


class Net48(nn.Module):
    """The 48-net, whose last layer sees 256 features of its own and 144 of the joined 24-net."""

    as_product: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Gives logits [b, 2] of normalised pixels x [b, 48, 48, 3]."""
        conv = functools.partial(Conv, as_product=self.as_product)
        joined = Features24(self.as_product, name="net24")(halve(x))
        x = normalize_response(pool(nn.relu(conv(64, 5, name="conv1")(x)), 3))
        x = pool(normalize_response(nn.relu(conv(64, 5, name="conv2")(x))), 3)
        x = nn.relu(nn.Dense(256, name="dense3")(x.reshape(x.shape[0], -1)))
        return nn.Dense(2, name="prob")(jnp.concatenate([x, joined], axis=-1))


NETWORKS = {"net12": Net12, "net24": Net24, "net48": Net48}
