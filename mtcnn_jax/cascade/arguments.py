"""What the cascade is given, checked by types and shapes: under `jit` it costs nothing."""

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.config import DetectConfig
from mtcnn_jax.networks.forks import check_process
from mtcnn_jax.networks.layers import INPUT_SIZE

_PARAMS = "what load_params gives, a dictionary of the networks pnet, rnet and onet"
_SIZE = "an integer array [2], height and width of the picture, as np.array([480, 640])"


def check_config(config: Any) -> None:
    """Checks that a config is one.

    Raises:
        TypeError: if it is none.
    """
    if not isinstance(config, DetectConfig):
        raise TypeError(f"config is a {type(config).__name__}; accepted is a DetectConfig")


def check_networks(params: Any, stages: Iterable[str] = tuple(INPUT_SIZE)) -> None:
    """Checks that parameters are those of some networks; not their layers.

    Raises:
        TypeError: if they are no dictionary.
        ValueError: if a network is missing.
    """
    if not isinstance(params, Mapping):
        raise TypeError(f"params is a {type(params).__name__}; accepted is {_PARAMS}")
    missing = [stage for stage in stages if not isinstance(params.get(stage), Mapping)]
    if missing:
        raise ValueError(f"params has no network {', '.join(missing)}; accepted is {_PARAMS}")


def first_leaf(params: Any) -> Any:
    """The first of the parameters, as good as all to tell their kind; None where there are none."""
    while isinstance(params, Mapping):
        params = next(iter(params.values()), None)
    return params


def check_outside_jit(params: Any, config: DetectConfig) -> None:
    """Checks that neither is traced.

    Raises:
        TypeError: if one is.
    """
    if any(isinstance(leaf, jax.core.Tracer) for leaf in (first_leaf(params), config.voting)):
        raise _under_jit("params or config")


@contextlib.contextmanager
def outside_jit() -> Iterator[None]:
    """For what computes on the device: where it fails because all is traced, the error says so."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if isinstance(jnp.zeros(()), jax.core.Tracer):
            raise _under_jit("this call") from error
        raise


def _under_jit(what: str) -> TypeError:
    return TypeError(
        f"{what} is traced by jit, grad or vmap, inside of which detect does not run; accepted "
        "there is detect_padded, on a canvas of a fixed shape"
    )


def check_padded(params: Any, canvas: Any, size: Any, config: Any) -> None:
    """Checks the arguments of `detect_padded`, and warns of pixels that seem to be 0..1.

    Raises:
        TypeError, ValueError: if one is of a type or a shape that is not accepted.
    """
    check_process()
    check_config(config)
    check_networks(params)
    accepted = "one array [h, w, 3], uint8 or float pixels 0..255"
    if not isinstance(canvas, np.ndarray | jax.Array):
        raise TypeError(f"canvas is a {type(canvas).__name__}; accepted is {accepted}")
    if canvas.ndim != 3 or canvas.shape[2] != 3:
        raise ValueError(
            f"canvas has the shape {list(canvas.shape)}; accepted is {accepted} (a grey one three "
            "times over; several by jax.vmap)"
        )
    if not isinstance(size, np.ndarray | jax.Array):
        raise TypeError(f"size is a {type(size).__name__}; accepted is {_SIZE}")
    if size.shape != (2,):
        raise ValueError(f"size has the shape {list(size.shape)}; accepted is {_SIZE}")
    traced = isinstance(canvas, jax.core.Tracer)
    if not traced and jnp.issubdtype(canvas.dtype, jnp.floating) and 0 < canvas.max() <= 1:
        warnings.warn(
            f"the brightest pixel of the canvas is {float(canvas.max()):g}; detect_padded takes "
            "pixels 0..255, so multiply pixels 0..1 by 255",
            stacklevel=3,
        )
