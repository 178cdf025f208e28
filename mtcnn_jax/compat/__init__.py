"""The classes of two other packages over this library, for a user who changes one import.

    from mtcnn_jax.compat.facenet_pytorch import MTCNN    # for: from facenet_pytorch import MTCNN
    from mtcnn_jax.compat.mtcnn import MTCNN              # for: from mtcnn import MTCNN

They take those packages' arguments and give their shapes, types and coordinates; what they find is
what `mtcnn_jax.detect` finds. An argument that has nothing to mean here is an error or a warning.

In reading order:

facenet_pytorch: its MTCNN, which detects, selects and cuts faces out.
mtcnn: that of the package mtcnn, 1.x and 0.1, which gives a dictionary for each face.
selection: which face of a picture is the one.
crops: faces cut out as facenet-pytorch does, and saved.
sources: the pictures that both take, as arrays.
devices: their names of devices, and parameters put there.
"""
