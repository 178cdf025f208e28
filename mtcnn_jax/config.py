"""How to look for faces: what the user may choose, checked."""

import dataclasses
import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from mtcnn_jax.networks.backends import BACKENDS, CHUNKS, backend_of


@dataclasses.dataclass(frozen=True)
class DetectConfig:
    """How to look for faces.

    A pytree whose thresholds of all three kinds are its leaves: under `jit`, new thresholds compile
    nothing. Numbers may be Python's, NumPy's or JAX's.

    Attributes:
        min_face_size: side in pixels of the smallest square windows looked at; 12 or more. A face's
            box is fitted within such a window and may be smaller: of 80, one of 37 x 52 pixels.
        thresholds: scores in [0, 1) that a window must exceed after P-Net, R-Net and O-Net.
        scale_factor: ratio of one pyramid level to the one before, within (0, 1).
        nms_thresholds: overlaps within (0, 1] above which the lower score goes: within a pyramid
            level, over all levels, after R-Net (0.7 in the paper's code), and after O-Net (there
            over the smaller box).
        voting: IoU within (0, 1] above which a window of O-Net has a say in a face's box and
            points (`voting`); 1 for the best window alone, as in the paper.
        second_look: whether R-Net looks once more at what it leaves, and O-Net twice more at each
            face, and at the mirror images, for better scores, boxes and points (`second_look`);
            False as in the paper.
        size_prior: log-odds of a face for each doubling of a window's side, from 20 to 80 pixels,
            which P-Net counts in once, R-Net twice and O-Net three times (`size_prior`); 0 as in
            the paper.
        capacities: windows kept at most after P-Net's threshold, for R-Net and for O-Net.
        chunks: windows that R-Net and O-Net look at in one go; None for what suits the backend.
            Given, each bucket of sizes is compiled for anew on a CPU, too.
        backend: what computes all of it: "reference", "cpu" or "gpu" (the same numbers, arranged
            for a CPU or a GPU), "gpu_unrolled" (a single picture of at most a megapixel without
            loops first, and as "gpu" where it does not fit), or "auto", what suits the device.
        retries: how often `detect` starts again, with all capacities four times as large, when a
            picture overflows them; a picture that still does is reported by a warning. On a CPU,
            one by one, the largest of these come at once; on a GPU, pictures of more than a
            megapixel begin with the first of these.

    Example:
        >>> import mtcnn_jax as mj
        >>> mj.DetectConfig(min_face_size=40, thresholds=(0.6, 0.7, 0.9)).thresholds
        (0.6, 0.7, 0.9)
        >>> mj.DetectConfig(min_face_size=8)
        Traceback (most recent call last):
        ValueError: min_face_size is 8; accepted are pixels from 12 up, the side of P-Net's window
    """

    min_face_size: float = 20
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    scale_factor: float = 0.709
    nms_thresholds: tuple[float, float, float, float] = (0.5, 0.7, 0.6, 0.7)
    voting: float = 0.7
    second_look: bool = True
    size_prior: float = 0.25
    capacities: tuple[int, int, int] = (4096, 1024, 256)
    chunks: tuple[int, int] | None = None
    backend: str = "auto"
    retries: int = 2

    def __post_init__(self):
        for name in ("min_face_size", "scale_factor", "voting", "size_prior", "retries"):
            object.__setattr__(self, name, plain_number(getattr(self, name)))
        if not _is_number(self.min_face_size) or not 12 <= self.min_face_size < math.inf:
            raise ValueError(
                f"min_face_size is {self.min_face_size!r}; accepted are pixels from 12 up, the "
                "side of P-Net's window"
            )
        if not _is_number(self.scale_factor) or not 0 < self.scale_factor < 1:
            raise ValueError(
                f"scale_factor is {self.scale_factor!r}; accepted are numbers between 0 and 1, "
                "both excluded"
            )
        if not _is_number(self.voting) or not 0 < self.voting <= 1:
            raise ValueError(
                f"voting is {self.voting!r}; accepted are overlaps above 0, up to 1, which turns "
                "it off"
            )
        if not isinstance(self.second_look, bool):
            raise ValueError(f"second_look is {self.second_look!r}; accepted are True and False")
        if not _is_number(self.size_prior) or not 0 <= self.size_prior < math.inf:
            raise ValueError(
                f"size_prior is {self.size_prior!r}; accepted are log-odds from 0 up, and 0 turns "
                "it off"
            )
        # An int would be a leaf of another dtype, and compile anew.
        for name in ("voting", "size_prior"):
            object.__setattr__(self, name, float(getattr(self, name)))
        self._check_tuple("thresholds", 3, "scores from 0 to below 1", lambda x: 0 <= x < 1)
        self._check_tuple("nms_thresholds", 4, "overlaps above 0, up to 1", lambda x: 0 < x <= 1)
        counts = "whole numbers from 1 up"
        self._check_tuple("capacities", 3, counts, lambda x: x >= 1, kind=int)
        if self.chunks is not None:
            self._check_tuple("chunks", 2, counts, lambda x: x >= 1, kind=int)
        if self.backend not in BACKENDS:
            raise ValueError(f"backend is {self.backend!r}; accepted are {', '.join(BACKENDS)}")
        if not is_whole(self.retries, least=0):
            raise ValueError(f"retries is {self.retries!r}; accepted are whole numbers from 0 up")

    @property
    def used_chunks(self) -> tuple[int, int]:
        """`chunks`, or what suits the backend."""
        return CHUNKS[backend_of(self.backend)] if self.chunks is None else self.chunks

    def _check_tuple(
        self, name: str, length: int, accepted: str, test: Callable, *, kind: type = float
    ) -> None:
        """Makes attribute `name` a tuple of plain numbers (hashable: it is a static argument)."""
        found = getattr(self, name)
        try:
            values = tuple(map(plain_number, found))
        except TypeError:
            values = ()
        whole = kind is not int or all(isinstance(value, int) for value in values)
        if (
            len(values) != length
            or not whole
            or not all(_is_number(value) and test(value) for value in values)
        ):
            raise ValueError(f"{name} is {found!r}; accepted are {length} {accepted}")
        object.__setattr__(self, name, tuple(kind(value) for value in values))


def _flatten(config: DetectConfig) -> tuple[tuple, tuple]:
    # `dataclasses.asdict` would copy the leaves: on every call, each by itself, on the device.
    return _leaves_of(config), _rest_of(config)


def _unflatten(rest: tuple, leaves: tuple) -> DetectConfig:
    """Without the checks, since the leaves may be traced."""
    config = object.__new__(DetectConfig)
    for name, value in zip((*_REST, *_LEAVES), (*rest, *leaves), strict=True):
        object.__setattr__(config, name, value)
    return config


_LEAVES = ("thresholds", "nms_thresholds", "voting", "size_prior")
_REST = tuple(f.name for f in dataclasses.fields(DetectConfig) if f.name not in _LEAVES)
_leaves_of, _rest_of = operator.attrgetter(*_LEAVES), operator.attrgetter(*_REST)
jax.tree_util.register_pytree_node(DetectConfig, _flatten, _unflatten)


def plain_number(value: Any) -> Any:
    """A number of NumPy's or JAX's, alone or in an array [], as Python's own; all else as it is."""
    if isinstance(value, np.generic | np.ndarray | jax.Array) and np.ndim(value) == 0:
        return value if isinstance(value, jax.core.Tracer) else value.item()
    return value


def is_whole(value: Any, *, least: int) -> bool:
    """Whether a value is a Python int of at least `least`, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
