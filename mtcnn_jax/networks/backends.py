"""The forms that the cascade can be computed in: all give the same faces.

"plain" is the reference. "cpu" arranges the networks for a CPU (`cpu`), and takes small
levels of the pyramid through P-Net together (`packing`). "gpu" asks for few and large operations,
since what a GPU waits for in a single picture is the host: all levels go through P-Net together,
suppression takes larger blocks, R-Net and O-Net more windows at a time. "straight" is "gpu" without
a loop, each turn of which is such a wait, at capacities that most pictures keep to; what it leaves
undecided it reports as overflow, and `detect` starts again in the form "gpu".
"""

import jax

FORMS = ("auto", "plain", "cpu", "gpu", "straight")

CHUNKS = {"plain": (32, 8), "cpu": (32, 8), "gpu": (512, 64), "straight": (512, 96)}
"""Windows of a picture that R-Net and O-Net look at in one go, where the user does not say; in
"straight", all there are."""

STRAIGHT = (2048, *CHUNKS["straight"])
"""Capacities of "straight" at most. With ten faces at 640x480 the bundled weights have 1,351
candidates, 474 windows for R-Net and 63 for O-Net."""

BATCH_CHUNKS = {**CHUNKS, "gpu": (128, 32)}
"""The same for each picture of a batch, which waits for the one with most windows: of 64 street
scenes with chunks of 256 and 64, R-Net and O-Net took half of 13 ms, a third of it for nothing."""


def form_of(form: str) -> str:
    """One of `FORMS` but "auto", which is what suits the backend."""
    if form != "auto":
        return form
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


def goes_straight(form: str) -> bool:
    """Whether a single picture is looked at in the form "straight" first."""
    return form == "straight" or (form == "auto" and jax.default_backend() == "gpu")
