# %% [markdown]
# # Detect and draw
#
# A picture goes in, faces come out: boxes, scores and five points each. The photo is NASA's
# portrait of Eileen Collins, which is in the public domain.

# %%
import mtcnn_jax as mj

params = mj.load_params()
image = mj.read_image("../astronaut.jpg")
faces = mj.detect(params, image)
faces

# %% [markdown]
# `Faces` holds three arrays and reads as a sequence. In a notebook, `show` displays the picture.

# %%
faces.show(image)

# %%
face = faces[0]
print("box      ", face.box.round(1))
print("score    ", round(face.score, 4))
print("left eye ", face.left_eye.round(1))
print("nose     ", face.nose.round(1))

# %% [markdown]
# ## Several faces, in any size
#
# A picture of three sizes of the same portrait. One program serves pictures of any size, so this
# one compiles nothing.

# %%
from PIL import Image

whole = Image.fromarray(image)
canvas = Image.new("RGB", (1000, 512), (236, 236, 236))
for side, corner in ((512, (0, 0)), (300, (530, 40)), (150, (840, 180))):
    canvas.paste(whole.resize((side, side)), corner)
faces = mj.detect(params, canvas)
faces.show(canvas)

# %%
print(faces.largest(1)[0].box.round())
print(len(faces), "faces,", len(faces.above(0.9)), "of them with a score above 0.9")

# %% [markdown]
# ## Looking in another way
#
# With `min_face_size=100` small windows are not looked at: the smallest portrait has a face of
# about 26 pixels, the next one of 52, so one face is left, and it is found sooner.

# %%
large = mj.detect(params, canvas, mj.DetectConfig(min_face_size=100))
print([face.box.round().tolist() for face in large])

# %% [markdown]
# A picture without a face gives no faces, and arrays of length 0.

# %%
import numpy as np

nobody = mj.detect(params, np.full((240, 320, 3), 128, np.uint8))
print(len(nobody), nobody.boxes.shape, nobody.landmarks.shape)
