"""What other packages call devices, and parameters put there."""

import re
import warnings
from collections.abc import Mapping
from typing import Any

import jax

from mtcnn_jax.weights.params import Params, load_params

_NAME = re.compile(r"/?(?:device:)?(cpu|cuda|gpu|tpu)(?::(\d+))?", re.IGNORECASE)
_ACCEPTED = 'None for JAX\'s own, or "cpu", "cuda", "cuda:0", "GPU:0" and their like'


def find_device(name: Any) -> jax.Device | None:
    """The device that a name of PyTorch's or TensorFlow's stands for.

    Args:
        name: such a name, a `torch.device`, the number of a GPU, or a device of JAX's; None for
            what JAX uses anyway.

    Returns:
        The device; None where JAX's choice holds. That is so, with a warning, where a CPU is asked
        for in a process whose JAX uses another kind.

    Raises:
        ValueError: if it is no name of a device, or JAX has no such device.
    """
    if name is None or isinstance(name, jax.Device):
        return name
    whole = isinstance(name, int) and not isinstance(name, bool)
    match = _NAME.fullmatch(f"cuda:{name}" if whole else str(name))
    if not match:
        raise ValueError(f"device is {name!r}; accepted are {_ACCEPTED}")
    kind = {"cuda": "gpu"}.get(match[1].lower(), match[1].lower())
    used, devices = jax.default_backend(), jax.devices()
    if kind == "cpu" != used:
        warnings.warn(
            f"device is {name!r}, but JAX computes on a {used} in this process, and so does this; "
            "for a CPU set the environment variable JAX_PLATFORMS=cpu",
            stacklevel=3,
        )
        return None
    number = int(match[2] or 0)
    if kind != used or number >= len(devices):
        raise ValueError(
            f"device is {name!r}, but JAX has {len(devices)} of kind {used} alone; accepted are "
            f"{_ACCEPTED}"
        )
    return devices[number]


def load_networks(weights: Any, device: Any) -> Params:
    """Parameters on a device.

    Args:
        weights: what `load_params` takes or gives.
        device: as in `find_device`.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `load_params` and `find_device`.
    """
    place = find_device(device)
    params = weights if isinstance(weights, Mapping) else load_params(weights)
    return params if place is None else jax.device_put(params, place)
