"""Time of each stage of the cascade beside its floor: its operations at the rate of this machine.

The floor of a network is its multiplications and additions over the rate of a large matrix product
timed in the same turns. Pyramid, crops and suppression move data more than they compute; their
floor is the bytes that they have to read and write once, over the rate of a copy.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxprs_in_params

from experiments.speed.timing import Times, finished, take_turns
from mtcnn_jax import DetectConfig
from mtcnn_jax.cascade import crops, packing, pyramid, stages
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.detect import detect
from mtcnn_jax.networks import reference
from mtcnn_jax.networks.forward import forward
from mtcnn_jax.networks.layers import INPUT_SIZE
from mtcnn_jax.runtime.buckets import bucket_of
from mtcnn_jax.runtime.compiled import compiler_options

RATE, COPY = "matrix product", "copy"
_SIDE = 2048


class Stage(NamedTuple):
    """One stage's time.

    Attributes:
        times: of the stage.
        floor: seconds; None where there is none to speak of.
        windows: that it worked on.
    """

    times: Times
    floor: float | None
    windows: int


def operations(stage: str, shape: tuple[int, int]) -> int:
    """Multiplications and additions of a network's products on one picture of `shape`."""
    params = jax.eval_shape(
        reference.NETWORKS[stage]().init, jax.random.key(0), jnp.zeros((1, *_square(stage), 3))
    )["params"]
    x = jax.ShapeDtypeStruct((1, *shape, 3), jnp.float32)
    traced = jax.make_jaxpr(functools.partial(forward, stage, backend="reference"))(params, x)
    return _count(traced.jaxpr)


def _square(stage: str) -> tuple[int, int]:
    return (INPUT_SIZE[stage],) * 2


def _count(jaxpr) -> int:
    total = 0
    for equation in jaxpr.eqns:
        out = equation.outvars[0].aval
        if equation.primitive.name == "conv_general_dilated":
            kernel = equation.invars[1].aval.shape
            total += 2 * out.size * kernel[0] * kernel[1] * kernel[2]
        elif equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            total += 2 * out.size * equation.invars[0].aval.shape[contracted[0]]
        for inner in jaxprs_in_params(equation.params):
            total += _count(inner)
    return total


def time_stages(
    params: Params, image: np.ndarray, config: DetectConfig, *, runs: int
) -> dict[str, Stage]:
    """Times every stage on what the stages before it leave of one picture.

    Args:
        params: of all three networks.
        image: uint8 [h, w, 3].
        config: how to look.
        runs: as in `take_turns`.

    Returns:
        pyramid, P-Net, selection, R-Net's and O-Net's crops and networks, suppression, host (what
        `detect` adds) and whole.
    """
    shape = bucket_of(*image.shape[:2])
    canvas = np.zeros((*shape, 3), np.uint8)
    canvas[: image.shape[0], : image.shape[1]] = image
    canvas, size = jnp.asarray(canvas), jnp.array(image.shape[:2], jnp.int32)
    levels = pyramid.plan(
        shape, min_face_size=config.min_face_size, scale_factor=config.scale_factor
    )
    groups = packing.groups(levels, config.backend)
    count = crops.mip_count(shape, INPUT_SIZE["rnet"])
    depth = max(count, pyramid.mips_used(levels))

    # As the whole is compiled.
    jit = functools.partial(jax.jit, compiler_options=compiler_options())

    @jit
    def pictures(canvas, size):
        chain = crops.mip_chain(canvas, size, depth)
        return [packing.lay_out(chain, size, group)[0] for group in groups]

    @jit
    def pnet(params, pictures):
        return [forward("pnet", params, picture, backend=config.backend) for picture in pictures]

    @jit
    def scan(params, canvas, size):
        chain = crops.mip_chain(canvas, size, depth)
        pixels, _ = crops.materialized_mips(canvas, size, count)
        return pixels, stages.scan(params, chain, size, levels, config)

    pixels, cells = scan(params, canvas, size)
    shapes = tuple(tuple(-(-side // 2**mip) for side in shape) for mip in range(count))
    units = pyramid.units(levels)
    propose = jit(lambda cells: stages.propose(cells, units, config)[0])
    windows = {"rnet": propose(cells)}

    def cut(name, pixels, size, boxes):
        side = INPUT_SIZE[name]
        return crops.crop_from(pixels, shapes, size, boxes, crop_size=side, normalized=True)

    def refine(params, pixels, size, windows):
        cutter = functools.partial(cut, "rnet", pixels, size)
        return stages.refine(params, cutter, windows, config)[0]

    windows["onet"] = jit(refine)(params, pixels, size, windows["rnet"])
    made = pictures(canvas, size)
    tasks: dict[str, Callable] = {
        "pyramid": functools.partial(pictures, canvas, size),
        "P-Net": functools.partial(pnet, params["pnet"], made),
        "selection": functools.partial(propose, cells),
    }
    rate = 2 * _SIDE**3
    floors: dict[str, tuple[str, float]] = {
        "pyramid": (COPY, canvas.nbytes + sum(picture.nbytes for picture in made)),
        "P-Net": (RATE, sum(operations("pnet", level.shape) for level in levels)),
    }
    counts = {"pyramid": 1, "P-Net": len(levels), "selection": int(cells.valid.sum())}
    chunks = dict(zip(("rnet", "onet"), config.used_chunks, strict=True))
    for name, title in (("rnet", "R-Net"), ("onet", "O-Net")):
        number = int(windows[name].valid.sum())
        counts[f"{title} crops"] = counts[title] = number
        if not number:
            continue
        padded = -(-number // chunks[name]) * chunks[name]
        boxes = jnp.resize(windows[name].boxes[:number], (padded, 4))
        boxes = boxes[jnp.argsort(boxes[:, 2] - boxes[:, 0])]  # As `look_at` has them.
        parts = boxes.reshape(-1, chunks[name], 4)
        cutter = jit(
            lambda pixels, size, parts, name=name: jax.lax.map(
                functools.partial(cut, name, pixels, size), parts
            )
        )
        network = jit(
            lambda params, patches, name=name: jax.lax.map(
                functools.partial(forward, name, params, backend=config.backend), patches
            )
        )
        patches = cutter(pixels, size, parts)
        tasks[f"{title} crops"] = functools.partial(cutter, pixels, size, parts)
        tasks[title] = functools.partial(network, params[name], patches)
        floors[f"{title} crops"] = (COPY, 2 * number * patches[0, 0].nbytes)
        floors[title] = (RATE, number * operations(name, _square(name)))
    matrix = jnp.ones((_SIDE, _SIDE), jnp.float32)
    whole = jit(lambda params, canvas, size: stages.detect_padded(params, canvas, size, config))
    tasks[RATE] = functools.partial(jit(lambda a: a @ a), matrix)
    tasks[COPY] = functools.partial(jit(lambda a: a + 1), matrix)
    tasks["whole"] = functools.partial(whole, params, canvas, size)
    tasks["detect"] = functools.partial(detect, params, image, config)
    times = take_turns({name: finished(task) for name, task in tasks.items()}, runs)
    speeds = {RATE: rate / times[RATE].least, COPY: 2 * matrix.nbytes / times[COPY].least}
    return {
        name: Stage(
            taken,
            floors[name][1] / speeds[floors[name][0]] if name in floors else None,
            counts.get(name, 0),
        )
        for name, taken in times.items()
    }
