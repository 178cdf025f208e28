"""What finished work was made of, so that it is not taken for the work of other settings.

Where data lie is no part of it: a folder may be moved.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging

from experiments.mining.config import MineConfig

LOOKED_AT = 16
"""Pictures or patches, evenly spread, that stand for all of them: reading all takes minutes."""


def _digest(parts: Iterable[Any]) -> str:
    """Of bytes, arrays and texts."""
    digest = hashlib.sha256()
    for part in parts:
        if not isinstance(part, bytes):
            array = np.asarray(part)
            digest.update(f"{array.dtype.str} {array.shape} ".encode())
            part = np.ascontiguousarray(array).tobytes()
        digest.update(part)
    return digest.hexdigest()[:16]


def _spread(count: int) -> list[int]:
    if not count:
        return []
    return sorted({*np.linspace(0, count - 1, LOOKED_AT).round().astype(int).tolist()})


def digests_of_weights(params: Mapping[str, Any]) -> dict[str, str]:
    """A digest of each network's parameters."""

    def parts(network: Any) -> Iterator[Any]:
        for path, leaf in jax.tree_util.tree_leaves_with_path(network):
            yield jax.tree_util.keystr(path, simple=True, separator=".").encode()
            yield leaf

    return {name: _digest(parts(network)) for name, network in params.items()}


def digest_of_pictures(pictures: Sequence[Any]) -> dict[str, Any]:
    """How many labelled pictures there are, and a digest of `LOOKED_AT` of them."""
    looked_at = (pictures[index] for index in _spread(len(pictures)))
    return {"count": len(pictures), "digest": _digest(field for one in looked_at for field in one)}


def digest_of_samples(samples: Sequence[np.ndarray]) -> dict[str, Any]:
    """How many samples (`data.samples.Samples`) there are, and a digest, of few of the patches."""
    patches, *others = samples
    rows = patches[_spread(len(patches))]
    return {"count": len(patches), "digest": _digest([rows, *others])}


def origin_of_samples(
    config: MineConfig,
    stage: str,
    split: str,
    params: Mapping[str, Any] | None,
    judge: Any,
    pictures: Mapping[str, Sequence[Any]],
) -> dict[str, Any]:
    """What `samples.json` tells; see `mine_stage` for the arguments."""
    return {
        "stage": stage,
        "split": split,
        **dataclasses.asdict(config),
        "weights": digests_of_weights(params or {}),
        "judge": None if judge is None else digests_of_weights({stage: judge})[stage],
        "pictures": {name: digest_of_pictures(found) for name, found in pictures.items()},
    }


def read_origin(path: pathlib.Path) -> dict[str, Any]:
    """What a JSON file tells of the work beside it.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if it is no JSON object.
    """
    try:
        told = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ValueError(
            f"{path} is no whole JSON object; accepted is the one written with the work"
        )
    return told


def settings_that_count(origin: Mapping[str, Any]) -> dict[str, Any]:
    """What of an origin plays a part in the samples."""
    idle = {"data_dir"}
    if origin["judge"] is None:
        idle |= {"pool", "hard", "trim"}
    if origin["stage"] != "onet":
        idle |= {"textures"}
    if origin["stage"] == "pnet":
        idle |= {"thresholds", "proposed", "random_windows"}
    return {name: value for name, value in origin.items() if name not in idle}


def check_samples_are_of(place: object, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses samples that were made of something else, as `check_is_of`.

    Args:
        place: where they are.
        before: what they were made of. Where it tells nothing of weights and pictures, as it did
            once, these are not compared, which the log says.
        now: what is asked for. Settings that play no part in it may differ.

    Raises:
        ValueError: if they were made of something else, or nothing tells of what.
    """
    # Before there were random windows, samples had none.
    before = {"random_windows": False, **before}
    if "stage" not in before:
        raise ValueError(
            f"{place} does not tell what it was made of; accepted is one that does, or another "
            "folder"
        )
    unknown = sorted({"weights", "judge", "pictures"} - before.keys())
    if unknown:
        logging.warning(
            "%s does not tell of which %s it was made: taken as the same", place, ", ".join(unknown)
        )
    wanted = {
        name: value for name, value in settings_that_count(now).items() if name not in unknown
    }
    check_is_of(f"{place} holds samples", before, wanted, accepted="another folder")


def check_is_of(
    what: str, before: Mapping[str, Any], now: Mapping[str, Any], *, accepted: str
) -> None:
    """Refuses work that was made of something else.

    Args:
        what: the work, as the message calls it.
        before: what it was made of.
        now: what is asked for; names that are not in it do not matter.
        accepted: what else is accepted.

    Raises:
        ValueError: naming each setting that differs.
    """
    told = "; ".join(differences(before, json.loads(json.dumps(now))))
    if told:
        raise ValueError(
            f"{what} with other settings ({told}); accepted are the same ones, or {accepted}"
        )


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Each setting of `now` that was another one, as "recipe.steps was 4, is 8"."""
    told = []
    for name, value in now.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            every = {**dict.fromkeys(old), **value}
            told += differences(old, every, f"{prefix}{name}.")
        elif old != value:
            told.append(f"{prefix}{name} was {_short(old)}, is {_short(value)}")
    return told


def _short(value: Any) -> str:
    return "set" if isinstance(value, Mapping) else repr(value)
