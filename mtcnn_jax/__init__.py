"""MTCNN: joint face detection and alignment by cascaded networks, as pure functions in JAX.

import mtcnn_jax as mj
faces = mj.detect(mj.load_params(), "photo.jpg")
"""

from mtcnn_jax.cascade import Detections, detect_padded
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.detect import Faces, detect, detect_batch, detect_stages
from mtcnn_jax.draw import draw_faces
from mtcnn_jax.images import read_image
from mtcnn_jax.networks import ONet, PNet, RNet
from mtcnn_jax.params import load_params, save_params

__version__ = "0.1.0"

__all__ = [
    "DetectConfig",
    "Detections",
    "Faces",
    "ONet",
    "PNet",
    "RNet",
    "detect",
    "detect_batch",
    "detect_padded",
    "detect_stages",
    "draw_faces",
    "load_params",
    "read_image",
    "save_params",
]
