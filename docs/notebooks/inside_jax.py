# %% [markdown]
# # Inside `jit`, `vmap` and `grad`
#
# `detect` reads files and gives arrays as long as there are faces, so it stays outside of JAX's
# transformations. `detect_padded` is the pure function below it, of fixed shapes: a canvas with the
# picture in its first corner, the picture's size, and a mask `valid` in what comes out.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import mtcnn_jax as mj

params = mj.load_params()
portrait = Image.open("../astronaut.jpg").crop((100, 0, 356, 256))
config = mj.DetectConfig(min_face_size=40)

# %% [markdown]
# ## `jit` and `vmap`
#
# Two pictures of different sizes, on canvases of one size. `vmap` runs over canvases and sizes;
# parameters and settings are the same for both. `compiler_options()` has XLA use all cores of a
# CPU.

# %%
sides = (192, 120)
canvases = np.zeros((2, 192, 192, 3), np.uint8)
for canvas, side in zip(canvases, sides, strict=True):
    canvas[:side, :side] = np.asarray(portrait.resize((side, side)))
sizes = np.array([[side, side] for side in sides])

look = jax.jit(
    jax.vmap(mj.detect_padded, in_axes=(None, 0, 0, None)),
    compiler_options=mj.compiler_options(),
)
found = look(params, canvases, sizes, config)
print("boxes", found.boxes.shape, "of which valid", found.valid.sum(axis=1))
print("dropped", found.overflow.sum(axis=1))

# %%
for row, side in enumerate(sides):
    print(f"{side} x {side}:", found.boxes[row][found.valid[row]].round(1))

# %% [markdown]
# Thresholds are leaves of the settings, so they may be traced too, and new ones compile nothing.

# %%
strict = mj.DetectConfig(min_face_size=40, thresholds=(0.6, 0.7, 0.999999))
print("faces", look(params, canvases, sizes, strict).valid.sum(axis=1))

# %% [markdown]
# ## `grad`: which pixels make it a face
#
# The whole cascade has loops whose length depends on the picture and choices of windows, which have
# no gradient. Each network has one. So: O-Net alone, on the window that the cascade found, and its
# score by the window's pixels.

# %%
from mtcnn_jax.networks.layers import normalize

box = mj.detect(params, portrait, config)[0].box
centre, side = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max()
corners = (*(centre - side / 2).tolist(), *(centre + side / 2).tolist())
window = np.asarray(portrait.resize((48, 48), box=corners), np.float32)


def margin(onet, pixels):
    """O-Net's logit for a face less the one against, of pixels [48, 48, 3] from 0 to 255."""
    logits, _, _ = mj.ONet().apply({"params": onet}, normalize(pixels)[None])
    return logits[0, 1] - logits[0, 0]


value, slope = jax.jit(jax.value_and_grad(margin, argnums=1))(params["onet"], window)
print(f"score {jax.nn.sigmoid(value):.5f}")

# %%
saliency = np.abs(slope).sum(axis=-1)
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.5), layout="constrained")
left.imshow(window.astype(np.uint8))
left.set_title("the window")
right.imshow(window.mean(axis=-1), cmap="gray")
right.imshow(saliency, cmap="inferno", alpha=0.75)
right.set_title("where the score depends on it")
for axes in (left, right):
    axes.axis("off")
plt.show()

# %% [markdown]
# ## `vmap` over parameters
#
# Parameters are a tree of arrays. Stacked, one call runs many networks: here O-Net with noise on
# all its weights, 16 times for each of three strengths.

# %%
leaves, structure = jax.tree.flatten(params["onet"])
keys = jax.random.split(jax.random.key(0), 16)


def shaken(key, strength):
    parts = jax.random.split(key, len(leaves))
    noise = [
        leaf * (1 + strength * jax.random.normal(part, leaf.shape))
        for leaf, part in zip(leaves, parts, strict=True)
    ]
    return jax.tree.unflatten(structure, noise)


@jax.jit
def scores(keys, strength):
    many = jax.vmap(shaken, in_axes=(0, None))(keys, strength)
    return jax.nn.sigmoid(jax.vmap(margin, in_axes=(0, None))(many, jnp.asarray(window)))


for strength in (0.1, 0.5, 1.0):
    print(f"noise of {strength:.0%}: median score {np.median(scores(keys, strength)):.3f}")
