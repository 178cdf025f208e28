"""All of detection at one size of canvas, as StableHLO that JAX reads back without this project.

Each platform has the networks arranged for it (`mtcnn_jax.networks.backends`); the weights, which
both share, and the settings are part of the program.
"""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.export
import numpy as np

import mtcnn_jax as mj
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.runtime.buckets import check_size

PLATFORMS = ("cpu", "cuda")
"""Those that a program is written for."""

NAME = "cascade"

COMPATIBILITY = (
    "JAX reads what a version of its wrote that is up to 6 months older, and up to 3 weeks newer"
)
"""What `jax.export` guarantees."""


def export_cascade(
    params: Params,
    config: mj.DetectConfig,
    size: tuple[int, int],
    *,
    platforms: Sequence[str] = PLATFORMS,
) -> jax.export.Exported:
    """Traces and lowers `detect_padded` for a size of canvas.

    Args:
        params: of all three networks.
        config: how to look; of its backend, what suits each platform is taken.
        size: height and width of the canvas, in pixels.
        platforms: of `PLATFORMS`, at least one.

    Returns:
        A function of a canvas uint8 [h, w, 3] and the picture's size int32 [2] that gives a
        dictionary of the fields of `mtcnn_jax.Detections`.

    Raises:
        ValueError: if a platform or the size is none that is accepted.
    """
    if not platforms or set(platforms) - set(PLATFORMS):
        raise ValueError(
            f"platforms are {', '.join(platforms) or 'none'}; accepted: one or more of "
            f"{', '.join(PLATFORMS)}"
        )
    if min(size) < 1:
        raise ValueError(f"the canvas is {size[0]} x {size[1]}; accepted: sides of 1 pixel or more")
    check_size(*size, name="the canvas")

    def on(backend):
        own = dataclasses.replace(config, backend=backend)
        return lambda *arguments: mj.detect_padded(*arguments, own)._asdict()

    def cascade(canvas, size):
        return jax.lax.platform_dependent(params, canvas, size, cpu=on("cpu"), cuda=on("gpu"))

    shapes = jax.ShapeDtypeStruct((*size, 3), np.uint8), jax.ShapeDtypeStruct((2,), np.int32)
    return jax.export.export(jax.jit(cascade), platforms=tuple(platforms))(*shapes)


def description(
    exported: jax.export.Exported, config: mj.DetectConfig, weights: str
) -> dict[str, Any]:
    """What a program takes and gives, and how to call it, as JSON has it.

    Args:
        exported: from `export_cascade`.
        config: how it looks.
        weights: what to call its weights.
    """
    canvas, size = exported.in_avals
    told = {
        "boxes": "x1 y1 x2 y2 of each face, pixels of the picture, clipped to it",
        "scores": "descending",
        "landmarks": "(x, y) of left eye, right eye, nose, left and right corner of the mouth; "
        "left is the picture's left",
        "valid": "which rows are faces; they come first",
        "overflow": "windows that went over each of the capacities and were dropped",
    }
    # A dictionary's leaves come in the order of its keys.
    results = dict(zip(sorted(told), exported.out_avals, strict=True))
    settings = dataclasses.asdict(config)
    names = ("min_face_size", "thresholds", "scale_factor", "nms_thresholds")
    names += ("voting", "second_look", "size_prior")
    return {
        "file": f"{NAME}.jax",
        "format": "jax.export",
        "calling_convention_version": exported.calling_convention_version,
        "platforms": list(exported.platforms),
        "made_with": {"mtcnn_jax": mj.__version__, "jax": jax.__version__},
        "compatibility": COMPATIBILITY,
        "weights": weights,
        "settings": {name: settings[name] for name in (*names, "capacities")},
        "call": "jax.jit(jax.export.deserialize(content).call, "
        "compiler_options=compiler_options[jax.default_backend()])(canvas, size)",
        "compiler_options": {"cpu": mj.compiler_options() if _on_cpu() else {}, "gpu": {}},
        "arguments": [
            {"name": "canvas", **_form(canvas), "is": "RGB, the picture in its first corner"},
            {"name": "size", **_form(size), "is": "height and width of the picture"},
        ],
        "results": {name: {**_form(results[name]), "is": told[name]} for name in told},
        "coordinates": "from the corner of the first pixel, whose centre is (0.5, 0.5)",
    }


def program(exported: jax.export.Exported) -> bytes:
    """A program as the bytes of a file.

    Raises:
        ValueError: if flatbuffers, with which JAX writes them, is not installed.
    """
    try:
        return bytes(exported.serialize())
    except ImportError as error:
        raise ValueError(
            "jax.export writes files with flatbuffers, which is not installed; install it with: "
            "python -m pip install 'mtcnn_jax[export]'"
        ) from error


def files(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """The program and its description in a folder."""
    return folder / f"{NAME}.jax", folder / f"{NAME}.json"


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def _form(aval: Any) -> dict[str, Any]:
    return {"dtype": str(aval.dtype), "shape": list(aval.shape)}
