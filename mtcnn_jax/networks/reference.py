"""P-Net, R-Net and O-Net (Zhang et al. 2016, Figure 2) as pure flax.linen modules.

All three take float32 NHWC pixels normalised by `normalize`, and give logits whose index 1 is
"face". Convolutions are VALID with stride 1; poolings have stride 2 and round their output size up
("ceil mode").
Parameters: P-Net 6,632, R-Net 100,178, O-Net 389,040.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from mtcnn_jax.networks.layers import pool


class PReLU(nn.Module):
    """max(x, 0) + alpha * min(x, 0), with one learned slope per channel (the last axis)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Applies the unit to x [..., channels]."""
        alpha = self.param("alpha", nn.initializers.constant(0.25), (x.shape[-1],), jnp.float32)
        return jnp.maximum(x, 0) + alpha * jnp.minimum(x, 0)


class Conv(nn.Module):
    """A convolution with VALID padding and stride 1; parameters as `flax.linen.Conv` has them.

    Attributes:
        features: channels out.
        size: side of the square kernel.
        as_product: compute it as one matrix product over gathered neighbourhoods. On a CPU a
            training step of R-Net or O-Net is quicker with it (decision 0030); it takes `size`
            squared times the memory.
    """

    features: int
    size: int
    as_product: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Applies the unit to x [b, h, w, channels]."""
        size, channels = self.size, x.shape[-1]
        shape = (size, size, channels, self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32)
        if not self.as_product:
            numbers = ("NHWC", "HWIO", "NHWC")
            return bias + jax.lax.conv_general_dilated(
                x, kernel, (1, 1), "VALID", dimension_numbers=numbers
            )
        height, width = (length - size + 1 for length in x.shape[1:3])
        near = [
            x[:, row : row + height, column : column + width]
            for row in range(size)
            for column in range(size)
        ]
        near = jnp.concatenate(near, axis=-1).reshape(-1, size * size * channels)
        product = near @ kernel.reshape(-1, self.features) + bias
        return product.reshape(-1, height, width, self.features)


class PNet(nn.Module):
    """The proposal network, fully convolutional: one window of 12x12 for every second pixel."""

    @nn.compact
    def __call__(self, x: jax.Array, *, deterministic: bool = True) -> tuple[jax.Array, jax.Array]:
        """Scores every window.

        Args:
            x: float32 [b, h, w, 3], normalised pixels, h and w at least 12.
            deterministic: has no effect here; the three networks are called alike.

        Returns:
            logits [b, r, c, 2] and box offsets [b, r, c, 4] with r = ceil((h - 2) / 2) - 4, c
            alike.
        """
        x = PReLU(name="prelu1")(Conv(10, 3, name="conv1")(x))
        x = pool(x, 2)
        x = PReLU(name="prelu2")(Conv(16, 3, name="conv2")(x))
        x = PReLU(name="prelu3")(Conv(32, 3, name="conv3")(x))
        self.sow("intermediates", "features", x)
        return Conv(2, 1, name="prob")(x), Conv(4, 1, name="reg")(x)


class RNet(nn.Module):
    """The refinement network: rejects windows of 24x24 and corrects their boxes."""

    dropout_rate: float = 0.0
    as_product: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, *, deterministic: bool = True) -> tuple[jax.Array, jax.Array]:
        """Scores windows.

        Args:
            x: float32 [b, 24, 24, 3], normalised pixels.
            deterministic: False drops hidden units at `dropout_rate` (wants a `dropout` rng).

        Returns:
            logits [b, 2] and box offsets [b, 4].
        """
        conv = functools.partial(Conv, as_product=self.as_product)
        x = pool(PReLU(name="prelu1")(conv(28, 3, name="conv1")(x)), 3)
        x = pool(PReLU(name="prelu2")(conv(48, 3, name="conv2")(x)), 3)
        x = PReLU(name="prelu3")(conv(64, 2, name="conv3")(x))
        x = PReLU(name="prelu4")(nn.Dense(128, name="dense4")(x.reshape(x.shape[0], -1)))
        x = nn.Dropout(self.dropout_rate)(x, deterministic=deterministic)
        self.sow("intermediates", "features", x)
        return nn.Dense(2, name="prob")(x), nn.Dense(4, name="reg")(x)


class ONet(nn.Module):
    """The output network: the final decision, box and five landmarks of windows of 48x48."""

    dropout_rate: float = 0.0
    as_product: bool = False

    @nn.compact
    def __call__(
        self, x: jax.Array, *, deterministic: bool = True
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Scores windows.

        Args:
            x: float32 [b, 48, 48, 3], normalised pixels.
            deterministic: False drops hidden units at `dropout_rate` (wants a `dropout` rng).

        Returns:
            logits [b, 2], box offsets [b, 4] and landmarks [b, 10] (x1..x5, then y1..y5, as shares
            of the window's width and height).
        """
        conv = functools.partial(Conv, as_product=self.as_product)
        x = pool(PReLU(name="prelu1")(conv(32, 3, name="conv1")(x)), 3)
        x = pool(PReLU(name="prelu2")(conv(64, 3, name="conv2")(x)), 3)
        x = pool(PReLU(name="prelu3")(conv(64, 3, name="conv3")(x)), 2)
        x = PReLU(name="prelu4")(conv(128, 2, name="conv4")(x))
        x = PReLU(name="prelu5")(nn.Dense(256, name="dense5")(x.reshape(x.shape[0], -1)))
        x = nn.Dropout(self.dropout_rate)(x, deterministic=deterministic)
        self.sow("intermediates", "features", x)
        return (
            nn.Dense(2, name="prob")(x),
            nn.Dense(4, name="reg")(x),
            nn.Dense(10, name="landmarks")(x),
        )


NETWORKS = {"pnet": PNet, "rnet": RNet, "onet": ONet}
