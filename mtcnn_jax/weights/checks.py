"""Tensors held against a format of weights, and brought from there into this project's."""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from mtcnn_jax.weights.formats import OWN, STAGES, Format, listed


class Declared(Protocol):
    """What is told of an array, or of one yet to be read."""

    shape: tuple[int, ...]
    dtype: np.dtype


def check_declared(
    tensors: Mapping[str, Declared],
    source: str,
    *,
    weight_format: Format = OWN,
    stages: Iterable[str] = STAGES,
) -> None:
    """Checks all of `check_tensors` but the values, so that it can be done before they are read.

    Args:
        tensors: Name in `weight_format` -> shape and dtype.
        source: What messages call the tensors' origin.
        weight_format: What they are checked against.
        stages: The networks that they have to be those of.

    Raises:
        ValueError: As of `check_tensors`.
    """
    stages = tuple(stages)
    wanted = {
        name: weight_format.shape(own)
        for name, own in weight_format.names.items()
        if own.partition("/")[0] in stages
    }
    if missing := [f"{name} {list(wanted[name])}" for name in wanted if name not in tensors]:
        raise ValueError(
            f"{source} lacks {listed(missing)}: it has {len(wanted) - len(missing)} of the "
            f"{len(wanted)} tensors of {', '.join(stages)}, in the layout of {weight_format.title}"
        )
    if unknown := [name for name in tensors if name not in wanted]:
        raise ValueError(
            f"{source} holds {listed(unknown)}, unknown in {', '.join(stages)} of "
            f"{weight_format.title}; accepted: exactly the {len(wanted)} tensors {listed(wanted)}"
        )
    for name, shape in wanted.items():
        array = tensors[name]
        if array.shape != shape:
            raise ValueError(
                f"{source}: {name} has shape {list(array.shape)}; wanted: {list(shape)}, in the "
                f"layout of {weight_format.title}"
            )
        if array.dtype != np.float32:
            raise ValueError(f"{source}: {name} is {array.dtype}; wanted: float32 {list(shape)}")


def check_tensors(
    tensors: Mapping[str, np.ndarray],
    source: str,
    *,
    weight_format: Format = OWN,
    stages: Iterable[str] = STAGES,
) -> None:
    """Checks that tensors are all those of some networks and no others, well shaped and finite.

    Args:
        tensors: Name in `weight_format` -> array.
        source: What messages call the tensors' origin.
        weight_format: What they are checked against.
        stages: The networks that they have to be those of.

    Raises:
        ValueError: A tensor is missing or unknown, its dtype is not float32, its shape is wrong or
            a value is not finite. The text names the tensor, what was found and what is wanted.
    """
    check_declared(tensors, source, weight_format=weight_format, stages=stages)
    for name, array in tensors.items():
        if bad := array.size - np.count_nonzero(np.isfinite(array)):
            raise ValueError(
                f"{source}: {name} {list(array.shape)} holds NaN or infinity in {bad} of "
                f"{array.size} places; wanted: finite values"
            )


def to_own(
    tensors: Mapping[str, np.ndarray],
    source: str,
    *,
    weight_format: Format,
    stages: Iterable[str] = STAGES,
) -> dict[str, np.ndarray]:
    """Checks tensors in any layout and brings them into this project's, in its order.

    Args:
        tensors: Name in `weight_format` -> array.
        source: What messages call the tensors' origin.
        weight_format: The one that they are in.
        stages: The networks to give back.

    Returns:
        Name -> float32 array, contiguous.

    Raises:
        ValueError: As of `check_tensors`.
    """
    check_tensors(tensors, source, weight_format=weight_format, stages=stages)
    converted = {
        own: np.ascontiguousarray(weight_format.convert(own, tensors[name]))
        for name, own in weight_format.names.items()
        if name in tensors
    }
    return {name: converted[name] for name in OWN.names if name in converted}
