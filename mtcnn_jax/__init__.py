"""MTCNN: joint face detection and alignment by cascaded networks, as pure functions in JAX.

    import mtcnn_jax as mj

    faces = mj.detect(mj.load_params(), "photo.jpg")
    crops = mj.align("photo.jpg", faces)

In reading order:

config: how to look for faces.
faces: what detection gives.
detect: any picture in, faces out; images reads it, draw draws what was found.
alignment: faces turned upright and cut out, or made unrecognisable.
stream: the same for many, as they come.
video: the same for each frame of a video, and who is who in it.
cascade: the pure function below, stage by stage.
anysize: the same as one program for pictures of any size.
networks: P-Net, R-Net and O-Net.
weights: the bundled ones, and how any are read and written.
writing: files that appear only once they are whole.
runtime, warmup: what a process keeps compiled, and compiling ahead.
training: samples, losses and the training step.
compat: the classes of facenet-pytorch and mtcnn over these functions.
commandline: the command `mtcnn-jax`; __main__ runs it.
"""

from typing import TYPE_CHECKING, Any

from mtcnn_jax import runtime
from mtcnn_jax.alignment.align import align
from mtcnn_jax.alignment.blur import blur_faces
from mtcnn_jax.alignment.padded import align_padded
from mtcnn_jax.alignment.similarity import Similarity, similarity
from mtcnn_jax.cascade.stages import Detections, detect_padded
from mtcnn_jax.config import DetectConfig
from mtcnn_jax.detect import detect, detect_stages
from mtcnn_jax.draw import draw_faces
from mtcnn_jax.faces import Face, Faces
from mtcnn_jax.images import read_image
from mtcnn_jax.runtime.compiled import compiler_options
from mtcnn_jax.stream import detect_batch, detect_stream
from mtcnn_jax.video.annotation import annotate_video
from mtcnn_jax.video.detection import detect_video
from mtcnn_jax.video.smoothing import Smoothing
from mtcnn_jax.video.tracked_faces import TrackedFaces
from mtcnn_jax.warmup import warmup
from mtcnn_jax.weights.params import load_params, save_params

if TYPE_CHECKING:
    from mtcnn_jax.networks.reference import ONet, PNet, RNet

__version__ = "0.1.0"

__all__ = [
    "DetectConfig",
    "Detections",
    "Face",
    "Faces",
    "ONet",
    "PNet",
    "RNet",
    "Similarity",
    "Smoothing",
    "TrackedFaces",
    "align",
    "align_padded",
    "annotate_video",
    "blur_faces",
    "compiler_options",
    "detect",
    "detect_batch",
    "detect_padded",
    "detect_stages",
    "detect_stream",
    "detect_video",
    "draw_faces",
    "load_params",
    "read_image",
    "runtime",
    "save_params",
    "similarity",
    "warmup",
]

_NETWORKS = ("ONet", "PNet", "RNet")


def __getattr__(name: str) -> Any:
    """The networks as flax modules, loaded with flax when they are asked for."""
    if name in _NETWORKS:
        from mtcnn_jax.networks import reference

        return getattr(reference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
