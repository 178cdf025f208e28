"""P-Net, R-Net and O-Net (Zhang et al. 2016, Figure 2) as pure flax.linen modules.

All three take float32 NHWC pixels normalised by `normalize`, and give logits whose index 1 is
"face". Convolutions are VALID with stride 1; poolings have stride 2 and round their output size up
("ceil mode").
Parameters: P-Net 6,632, R-Net 100,178, O-Net 389,040.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

INPUT_SIZE = {"pnet": 12, "rnet": 24, "onet": 48}
"""Side, in pixels, of the square window that each network looks at."""

STRIDE = 2
"""Distance in pixels between neighbouring windows of P-Net run over a whole picture."""


def normalize(pixels: jax.Array) -> jax.Array:
    """Maps pixels 0..255 of any dtype to float32 (x - 127.5) / 128."""
    return (pixels.astype(jnp.float32) - 127.5) * (1 / 128)


class PReLU(nn.Module):
    """max(x, 0) + alpha * min(x, 0), with one learned slope per channel (the last axis)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Applies the unit to x [..., channels]."""
        alpha = self.param("alpha", nn.initializers.constant(0.25), (x.shape[-1],))
        return jnp.maximum(x, 0) + alpha * jnp.minimum(x, 0)


def _conv(features: int, size: int, name: str) -> nn.Conv:
    return nn.Conv(features, (size, size), padding="VALID", name=name)


def _pool(x: jax.Array, size: int) -> jax.Array:
    """Max pooling with stride 2, padded at the far ends so that no row or column is left over."""
    pads = [(0, (size - length) % 2) for length in x.shape[1:3]]
    return nn.max_pool(x, (size, size), (2, 2), pads)


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
        x = PReLU(name="prelu1")(_conv(10, 3, "conv1")(x))
        x = _pool(x, 2)
        x = PReLU(name="prelu2")(_conv(16, 3, "conv2")(x))
        x = PReLU(name="prelu3")(_conv(32, 3, "conv3")(x))
        self.sow("intermediates", "features", x)
        return _conv(2, 1, "prob")(x), _conv(4, 1, "reg")(x)


class RNet(nn.Module):
    """The refinement network: rejects windows of 24x24 and corrects their boxes."""

    dropout_rate: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, *, deterministic: bool = True) -> tuple[jax.Array, jax.Array]:
        """Scores windows.

        Args:
            x: float32 [b, 24, 24, 3], normalised pixels.
            deterministic: False drops hidden units at `dropout_rate` (wants a `dropout` rng).

        Returns:
            logits [b, 2] and box offsets [b, 4].
        """
        x = _pool(PReLU(name="prelu1")(_conv(28, 3, "conv1")(x)), 3)
        x = _pool(PReLU(name="prelu2")(_conv(48, 3, "conv2")(x)), 3)
        x = PReLU(name="prelu3")(_conv(64, 2, "conv3")(x))
        x = PReLU(name="prelu4")(nn.Dense(128, name="dense4")(x.reshape(x.shape[0], -1)))
        x = nn.Dropout(self.dropout_rate)(x, deterministic=deterministic)
        self.sow("intermediates", "features", x)
        return nn.Dense(2, name="prob")(x), nn.Dense(4, name="reg")(x)


class ONet(nn.Module):
    """The output network: the final decision, box and five landmarks of windows of 48x48."""

    dropout_rate: float = 0.0

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
        x = _pool(PReLU(name="prelu1")(_conv(32, 3, "conv1")(x)), 3)
        x = _pool(PReLU(name="prelu2")(_conv(64, 3, "conv2")(x)), 3)
        x = _pool(PReLU(name="prelu3")(_conv(64, 3, "conv3")(x)), 2)
        x = PReLU(name="prelu4")(_conv(128, 2, "conv4")(x))
        x = PReLU(name="prelu5")(nn.Dense(256, name="dense5")(x.reshape(x.shape[0], -1)))
        x = nn.Dropout(self.dropout_rate)(x, deterministic=deterministic)
        self.sow("intermediates", "features", x)
        return (
            nn.Dense(2, name="prob")(x),
            nn.Dense(4, name="reg")(x),
            nn.Dense(10, name="landmarks")(x),
        )


NETWORKS = {"pnet": PNet, "rnet": RNet, "onet": ONet}
