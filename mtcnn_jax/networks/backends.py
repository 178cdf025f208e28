"""The backends that the cascade can be computed on: all give the same faces.

"reference" is what the others are held to. "cpu" arranges the networks for a CPU (`cpu`), and takes
small levels of the pyramid through P-Net together (`packing`). "gpu" asks for few and large
operations, since what a GPU waits for in a single picture is the host: all levels go through P-Net
together, suppression takes larger blocks, R-Net and O-Net more windows at a time. "gpu_unrolled" is
"gpu" without a loop, each turn of which is such a wait, at capacities that most pictures keep to;
what it leaves undecided it reports as overflow, and `detect` starts again on "gpu".
"""

import jax

BACKENDS = ("auto", "reference", "cpu", "gpu", "gpu_unrolled")

CHUNKS = {"reference": (32, 8), "cpu": (32, 8), "gpu": (512, 64), "gpu_unrolled": (512, 96)}
"""Windows of a picture that R-Net and O-Net look at in one go, where the user does not say; in
"gpu_unrolled", all there are."""

UNROLLED_CAPACITIES = (2048, *CHUNKS["gpu_unrolled"])
"""Capacities of "gpu_unrolled" at most. With ten faces at 640x480 the bundled weights have 1,351
candidates, 474 windows for R-Net and 63 for O-Net."""

BATCH_CHUNKS = {**CHUNKS, "gpu": (128, 32)}
"""The same for each picture of a batch, which waits for the one with most windows: with
larger chunks a third of R-Net's and O-Net's work was for nothing (decision 0012)."""


def backend_of(backend: str) -> str:
    """One of `BACKENDS` but "auto", which stands for what suits the device that JAX uses."""
    if backend != "auto":
        return backend
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


def tries_unrolled(backend: str) -> bool:
    """Whether a single picture is looked at on "gpu_unrolled" first."""
    return backend == "gpu_unrolled" or (backend == "auto" and jax.default_backend() == "gpu")
