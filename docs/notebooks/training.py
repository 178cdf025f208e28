# %% [markdown]
# # Train a network
#
# [The guide](../guides/training.md) trains all three networks by commands, from archives of
# pictures. Below those commands are pure functions: a state and a batch in, the next state out.
# Here they train P-Net for a few seconds, on windows drawn on the spot: bright squares with five
# dark points are faces, dark noise is not.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.training.recipe import Recipe
from mtcnn_jax.training.samples import LANDMARK, NEGATIVE, PART, POSITIVE, Samples
from mtcnn_jax.training.step import create_state, eval_step, network_params, train_step

# %% [markdown]
# ## Samples
#
# A sample is a square patch with its window in the middle and a third more around it, so that
# augmentation has room to turn and shift it. Boxes and points are in units of the window, which
# itself is (0, 0, 1, 1); what a sample does not have is NaN.

# %%
STAGE = "pnet"
SIZE = INPUT_SIZE[STAGE]
SIDE = SIZE * 4 // 3
POINTS = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]])


def draw(rng, kind):
    """One patch [SIDE, SIDE, 3], the face's box [4] and its points [5, 2]."""
    patch = rng.integers(0, 110, (SIDE, SIDE, 3))
    if kind == NEGATIVE:
        return patch, np.full(4, np.nan), np.full((5, 2), np.nan)
    shift = rng.uniform(-0.06, 0.06, 2) + (np.array([0.22, 0.1]) if kind == PART else 0)
    low, high = 0.05 + shift, 0.95 + shift
    place = (np.arange(SIDE) + 0.5 - (SIDE - SIZE) / 2) / SIZE
    inside = [(place > low[axis]) & (place < high[axis]) for axis in (0, 1)]
    patch[inside[1][:, None] & inside[0]] += 110
    points = low + POINTS * (high - low)
    for x, y in points:
        patch[(place - x) ** 2 + (place[:, None] - y) ** 2 < 0.07**2] //= 3
    return patch, np.array([*low, *high]), points


def draw_samples(seed, each=16):
    """The paper's proportions: three negatives and two with points to each face and each part."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat([NEGATIVE, POSITIVE, PART, LANDMARK], [3 * each, each, each, 2 * each])
    patches, boxes, points = map(np.stack, zip(*(draw(rng, kind) for kind in kinds), strict=True))
    points[kinds != LANDMARK] = np.nan
    return Samples(
        patches.astype(np.uint8),
        kinds.astype(np.int8),
        boxes.astype(np.float32),
        points.astype(np.float32),
    )


samples = draw_samples(seed=0)
figure, axes = plt.subplots(1, 8, figsize=(10, 1.5), layout="constrained")
for axis, row in zip(axes, np.linspace(0, len(samples.kinds) - 1, 8).astype(int), strict=True):
    axis.imshow(samples.patches[row])
    axis.set_title(("negative", "positive", "part", "landmark")[samples.kinds[row]], fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# ## Steps
#
# A recipe says how to train; its state holds parameters, the optimiser's and the key of all
# randomness, so a run can be told from its seed. `train_step` is jitted and uses its state up.

# %%
recipe = Recipe(stage=STAGE, steps=60, warmup_steps=5, learning_rate=1e-2, augment=None)
state = create_state(recipe, seed=0)
history = []
for _ in range(recipe.steps):
    state, metrics = train_step(state, samples)
    history.append({name: float(value) for name, value in metrics.items()})

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for name in ("classification", "box", "landmarks"):
    left.plot([step[name] for step in history], label=name)
left.set_yscale("log")
left.set_title("losses")
right.plot([step["accuracy"] for step in history], color="tab:green")
right.set_title("accuracy on the batch")
for axis in (left, right):
    axis.set_xlabel("step")
left.legend()
plt.show()

# %% [markdown]
# ## Windows that it has not seen

# %%
unseen = draw_samples(seed=1)
scores, offsets, _ = eval_step(recipe, state.params, unseen.patches)
for kind, name in ((NEGATIVE, "negatives"), (POSITIVE, "positives")):
    print(f"{name}: mean score {np.asarray(scores)[unseen.kinds == kind].mean():.3f}")

boxed = np.isfinite(unseen.boxes[:, 0])
error = np.abs(np.asarray(offsets) + [0, 0, 1, 1] - unseen.boxes)[boxed].mean()
print(f"sides of boxes are off by {error:.3f} of the window")

# %% [markdown]
# `network_params(state)` is the finished network: put it into a tree of all three, and
# `mj.save_params` writes it. For faces that are no squares take real pictures:
# [Training](../guides/training.md).

# %%
finished = network_params(state)
print(sum(leaf.size for leaf in jax.tree.leaves(finished)), "numbers in", ", ".join(finished))
