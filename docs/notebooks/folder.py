# %% [markdown]
# # A folder to a table
#
# All photos of a folder, one after the other, into a table with one row a face. For files of JSON
# and drawn pictures there is [a command](../guides/command-line.md); this is for the table's sake.
#
# First a folder to look at: the portrait in three sizes, and a picture with nobody in it.

# %%
import pathlib
import tempfile

from PIL import Image

import mtcnn_jax as mj

folder = pathlib.Path(tempfile.mkdtemp())
portrait = Image.open("../astronaut.jpg")
for side in (512, 256, 128):
    portrait.resize((side, side)).save(folder / f"portrait_{side}.png")
Image.new("RGB", (200, 150), "steelblue").save(folder / "sky.png")
paths = sorted(folder.glob("*.png"))
print([path.name for path in paths])

# %% [markdown]
# `detect_batch` gives the faces of each picture, in order. On a GPU it looks at several together.

# %%
params = mj.load_params()
found = mj.detect_batch(params, paths)
[len(faces) for faces in found]

# %% [markdown]
# `to_pandas` makes a table of the faces of one picture; the name is put before. These are its first
# columns, and there is an x and a y for each of the five points.

# %%
import pandas as pd

tables = {path.name: faces.to_pandas() for path, faces in zip(paths, found, strict=True)}
table = pd.concat(tables, names=["file", "face"]).astype(float)
table.iloc[:, :7].round(1)

# %% [markdown]
# From here on it is pandas. How wide the faces are, and how far apart the eyes, by photo:

# %%
table["width"] = table.x2 - table.x1
table["eyes"] = table.right_eye_x - table.left_eye_x
table.groupby("file")[["score", "width", "eyes"]].agg(["count", "mean"]).round(2)

# %% [markdown]
# Pictures without a face have no row, so how many there were is known from the names:

# %%
counts = table.groupby("file").size().reindex([path.name for path in paths], fill_value=0)
counts.to_csv(folder / "counts.csv")
counts
