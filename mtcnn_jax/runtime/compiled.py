"""The cascade as compiled functions, and what the compiler is told about them."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mtcnn_jax.anysize import cascade
from mtcnn_jax.anysize.workspace import loaded
from mtcnn_jax.cascade import stages
from mtcnn_jax.networks.backends import backend_of
from mtcnn_jax.networks.forks import check_process
from mtcnn_jax.runtime import programs
from mtcnn_jax.runtime.executables import kept

_CPU_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
"""Leaves only matrix products to the library YNNPACK. It has convolutions too, by default, but runs
them in one thread (decision 0016)."""


_QUICKLY = {"xla_backend_optimization_level": 1}


@functools.cache
def compiler_options() -> dict[str, str]:
    """Options of `jax.jit` with which the cascade is fastest on this backend.

    Options come and go with jaxlib's versions; one that is not known here is left out.
    """
    check_process()
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda x: x, compiler_options=_CPU_OPTIONS).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return _CPU_OPTIONS


def _detect(params, canvas, size, config):
    return packed(stages.detect_padded(params, canvas, size, config))


def packed(found: stages.Detections) -> jax.Array:
    """float32 [n + 1, 16]: the faces and, last, the overflow, in one copy from the device."""
    columns = [found.boxes, found.scores[:, None], found.valid[:, None]]
    rows = jnp.concatenate([*columns, found.landmarks.reshape(-1, 10)], axis=1)
    return jnp.concatenate([rows, jnp.pad(found.overflow, (0, 13))[None]])


def _looked(*arguments, wanted):
    work, counts, found = cascade.looked(*arguments, wanted=wanted)
    return work, counts, packed(found) if wanted == "faces" else found


def _judged_again(*arguments, wanted):
    found = cascade.judged_again(*arguments, wanted=wanted)
    return packed(found) if wanted == "faces" else found


def unpacked(found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The faces' boxes [n, 4], scores [n] and landmarks [n, 5, 2] of what `detector` gives."""
    faces = found[:-1][found[:-1, 5] > 0]
    landmarks = faces[:, 6:].reshape(-1, 5, 2)
    return faces[:, :4].copy(), faces[:, 4].copy(), landmarks


def _stages(params, canvas, size, config, *, until):
    left, _, overflow = stages.run_stages(params, canvas, size, config, until=until)
    return left, overflow


def _over_pictures(function: Callable, *, many: bool) -> Callable:
    """`function`, or the same over canvases [b, h, w, 3] and sizes [b, 2]."""

    def over(params, canvases, sizes, config):
        if backend_of(config.backend) == "cpu":
            # What a branch computes once for one picture, it does not for several that share it,
            # so one after the other is quicker.
            one = functools.partial(function, params, config=config)
            return jax.lax.map(lambda picture: one(*picture), (canvases, sizes))
        return jax.vmap(function, (None, 0, 0, None))(params, canvases, sizes, config)

    return over if many else function


def _options(*, quickly: bool) -> dict[str, Any]:
    """`compiler_options`, for a GPU without its search for the fastest form of every operation."""
    return {**compiler_options(), **({"xla_gpu_autotune_level": 0} if quickly else {})}


@functools.cache
def detector(*, many: bool) -> Callable:
    """`detect_padded`, compiled: of a canvas and its size or, `many`, of a batch of them.

    For a batch the search takes longer than a minute (decision 0013).
    """
    function, name = _over_pictures(_detect, many=many), "many" if many else "one"
    return kept(function, name=name, options=_options(quickly=many))


@functools.cache
def looker(wanted: str) -> Callable:
    """`anysize.cascade.looked`, compiled: for a workspace and a config, whatever the picture.

    Optimized less, which takes a sixth less time, and is as quick (decision 0036).
    """
    return _anysize(functools.partial(_looked, wanted=wanted), f"look {wanted}", donated=(1,))


@functools.cache
def judge(wanted: str) -> Callable:
    """`anysize.cascade.judged_again`, compiled, for pictures with more windows."""
    return _anysize(functools.partial(_judged_again, wanted=wanted), f"judge {wanted}")


def _anysize(function: Callable, name: str, *, donated: tuple[int, ...] = ()) -> Callable:
    options = {**compiler_options(), **_QUICKLY}
    return kept(function, name=name, options=options, donated=donated, sized=lambda work: work.mips)


@functools.cache
def loader() -> Callable:
    """`anysize.workspace.loaded`, compiled."""
    return programs.jitted(loaded, compiler_options(), donated=(0,))


@functools.cache
def staged(until: str, *, many: bool) -> Callable:
    """The windows that each stage up to `until` leaves, and the overflow, compiled alike.

    The stages are asked for of a few pictures of many canvases, and compiled anew for each.
    """
    function = _over_pictures(functools.partial(_stages, until=until), many=many)
    plain = programs.jitted(function, _options(quickly=True))

    def call(*arguments: Any) -> Any:
        params, canvas, _, config = arguments
        key = (until, many, *programs.form(params, canvas, config))
        return programs.call(key, lambda: plain, arguments)

    return call
