# %% [markdown]
# # Train on pictures of one's own
#
# [Three commands](../guides/own-data.md) go from a folder of pictures and a file of labels to
# weights. This is the same in small and by hand: labels are written, checked and drawn, windows of
# the pictures are made samples, and P-Net, which looks at all of a picture first, goes on from the
# bundled weights for some seconds.
#
# The pictures are of a kind that those weights do not know: negatives, as of a film, with noise.

# %%
import json
import pathlib
import tempfile

import jax
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageOps

import mtcnn_jax as mj
from data import sampling
from data.datasets.folder import read_folder
from data.inspection.findings import inspect, summary
from data.inspection.sheet import save_sheet
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.training.recipe import Recipe
from mtcnn_jax.training.samples import LANDMARK, NEGATIVE, PART, POSITIVE, Samples
from mtcnn_jax.training.step import create_state, eval_step, network_params, train_step

params = mj.load_params()
portrait = Image.open("../astronaut.jpg")
known = mj.detect(params, portrait)[0]

# %% [markdown]
# ## Pictures and labels
#
# Each picture has the face once, at some size and place. Labels are COCO's: a box as x, y, width
# and height, and five points, each with a 2 for "visible". Two labels get mistakes.


# %%
def make_folder(folder, count, seed):
    """Writes pictures and labels.json."""
    rng = np.random.default_rng(seed)
    images, annotations = [], []
    for number in range(count):
        name, scale = f"{number:02}.png", rng.uniform(0.25, 0.6)
        x, y = rng.integers(0, 120, 2)
        small = portrait.resize([round(512 * scale)] * 2)
        picture = Image.fromarray(rng.integers(90, 166, (400, 400, 3), np.uint8))
        picture.paste(ImageOps.invert(small), (x, y))
        noisy = np.asarray(picture) + rng.normal(0, 8, (400, 400, 3))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / name)
        low, high = known.box[:2] * scale + (x, y), known.box[2:] * scale + (x, y)
        points = np.concatenate([known.landmarks * scale + (x, y), np.full((5, 1), 2)], axis=1)
        images.append({"id": number, "file_name": name, "width": 400, "height": 400})
        annotations.append(
            {
                "image_id": number,
                "bbox": [*low.tolist(), *(high - low).tolist()],
                "keypoints": points.ravel().tolist(),
            }
        )
    annotations[1]["keypoints"] = np.roll(points, 1, axis=0).ravel().tolist()
    annotations[2]["bbox"][2] = 0
    text = json.dumps({"images": images, "annotations": annotations}, indent=1)
    (folder / "labels.json").write_text(text)


root = pathlib.Path(tempfile.mkdtemp())
make_folder(root, count=24, seed=0)

# %% [markdown]
# ## The check
#
# `python -m data.prepare --check=sheet.jpg` prints this and draws this. What is in doubt comes
# first, with its boxes in red.

# %%
labelled = read_folder(root, root / "labels.json", validation_share=0.3)
findings = inspect(labelled)
for finding in findings:
    print(str(finding).removeprefix(f"{root}/"))
print("\n".join(summary(labelled, findings)))
save_sheet(root / "sheet.jpg", labelled, findings, count=8)
Image.open(root / "sheet.jpg")

# %% [markdown]
# ## Samples
#
# A sample is a square window of a picture: a face where it overlaps one by more than 0.65, a part
# from 0.4 on, a negative below 0.3, in the paper's proportions; faces with points give landmarks as
# well. Boxes and points are in units of the window; what a sample does not have is NaN. The picture
# that was found wrong above is left out.

# %%
STAGE = "pnet"
doubted = {finding.picture for finding in findings}


def samples_of(split, rng):
    """The samples of a split's pictures."""
    folder, labels = labelled.splits[split]
    parts = []
    for one in labels:
        if folder / one.name in doubted:
            continue
        image = mj.read_image(folder / one.name)
        around = sampling.squares_around(one.boxes, 60, rng, shift=0.25, stretch=1.4)
        anywhere = sampling.random_squares(image.shape[:2], 60, rng, smallest=20)
        squares = np.concatenate([around, anywhere])
        windows = sampling.label(squares, one.boxes, one.ignored, one.landmarks)
        chosen = sampling.choose(windows, {NEGATIVE: 24, POSITIVE: 8, PART: 8}, rng)
        points = sampling.choose(sampling.as_landmarks(windows), {LANDMARK: 16}, rng)
        parts.append(
            sampling.cut(image, sampling.merge([chosen, points]), crop_size=INPUT_SIZE[STAGE])
        )
    return Samples(*map(np.concatenate, zip(*parts, strict=True)))


rng = np.random.default_rng(0)
train, validation = samples_of("train", rng), samples_of("validation", rng)
names = {NEGATIVE: "negative", POSITIVE: "positive", PART: "part", LANDMARK: "landmark"}
figure, axes = plt.subplots(1, 8, figsize=(10, 1.6), layout="constrained")
rows = [row for kind in names for row in np.flatnonzero(train.kinds == kind)[:2]]
for axis, row in zip(axes, rows, strict=True):
    axis.imshow(train.patches[row])
    axis.set_title(names[train.kinds[row]], fontsize=9)
    axis.axis("off")
plt.show()
print(len(train.kinds), "samples to train on,", len(validation.kinds), "to look at afterwards")

# %% [markdown]
# ## Steps
#
# A recipe says how to train. A state holds parameters, the optimiser's and the key of all
# randomness, so a run can be told from its seed. `train_step` is jitted, and uses its state up.


# %%
def found(state):
    """Shares of the validation's faces and negatives that score above 0.6, P-Net's threshold."""
    scores = np.asarray(eval_step(state.recipe, state.params, validation.patches)[0])
    return [float((scores[validation.kinds == kind] > 0.6).mean()) for kind in (POSITIVE, NEGATIVE)]


recipe = Recipe(stage=STAGE, steps=60, warmup_steps=5, learning_rate=3e-3, augment=None)
state = create_state(recipe, seed=0, params=params[STAGE])
before, losses = found(state), []
for _ in range(recipe.steps):
    rows = rng.integers(len(train.kinds), size=256)
    state, metrics = train_step(state, Samples(*(field[rows] for field in train)))
    losses.append([float(metrics[name]) for name in ("classification", "box")])

figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot(losses, label=("classification", "box"))
axes.set(xlabel="step", title="losses", yscale="log")
axes.legend()
plt.show()
for told, one in (("before", before), ("after", found(state))):
    print(f"{told}: passes {one[0]:.0%} of the faces and {one[1]:.0%} of the negatives")

# %% [markdown]
# `network_params(state)` is the finished network; in a tree of all three `mj.save_params` writes
# it. R-Net and O-Net come next, on the windows that this P-Net leaves: that is what
# `experiments.train --stage=all` does.

# %%
finished = params | {STAGE: network_params(state)}
print({name: sum(leaf.size for leaf in jax.tree.leaves(tree)) for name, tree in finished.items()})
