# %% [markdown]
# # Align and crop
#
# Networks that recognise faces, or tell their expression, expect each face upright, at one size,
# its eyes and mouth in fixed places. `align` makes such crops of a picture and its faces.

# %%
import numpy as np
from PIL import Image

import mtcnn_jax as mj

params = mj.load_params()
image = mj.read_image("../astronaut.jpg")
faces = mj.detect(params, image)
crops = mj.align(image, faces)
print(crops.shape, crops.dtype)
Image.fromarray(crops[0])

# %% [markdown]
# ## However the head is held
#
# The same portrait turned by -20, 0 and 20 degrees. The five points are laid on those that
# networks of the ArcFace family were trained with, so all three crops come out alike.

# %%
portrait = Image.fromarray(image).crop((80, 0, 380, 300))
turned = [portrait.rotate(angle, Image.Resampling.BICUBIC) for angle in (-20, 0, 20)]
Image.fromarray(np.hstack([np.asarray(one) for one in turned]))

# %%
found = [mj.detect(params, one).largest(1) for one in turned]
upright = [mj.align(one, face, size=160)[0] for one, face in zip(turned, found, strict=True)]
Image.fromarray(np.hstack(upright))

# %% [markdown]
# How far the turned crops are from the one that was upright, in grey levels of 255:

# %%
for angle, crop in zip((-20, 20), (upright[0], upright[2]), strict=True):
    print(angle, "degrees:", np.abs(crop.astype(float) - upright[1]).mean().round(1))

# %% [markdown]
# ## More of the head, or as it is
#
# `margin` shows more around the face, as a share of it at each side. The template "box" leaves the
# face as it is turned: the smallest crop that has all of the box.

# %%
wide = mj.align(turned[2], found[2], size=160, margin=0.4)[0]
box = mj.align(turned[2], found[2], size=160, template="box", margin=0.1)[0]
Image.fromarray(np.hstack([upright[2], wide, box]))

# %% [markdown]
# ## Unrecognisable
#
# The other way round: a copy of the picture in which faces cannot be told.

# %%
mj.blur_faces(image, faces).crop((80, 0, 380, 300))
