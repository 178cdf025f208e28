"""Samples that several runs share: a folder for all that were made of the same."""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from data import records
from experiments.mining.config import MineConfig
from experiments.mining.origin import origin_of_samples, settings_that_count

SPLITS = ("train", "validation")


def shared_folder(
    root: str | pathlib.Path,
    config: MineConfig,
    stage: str,
    params: Mapping[str, Any] | None,
    judge: Any = None,
) -> pathlib.Path:
    """The folder in `root` for the samples of these settings, weights and pictures.

    See `mine_stage` for the arguments; samples go to <stage>/<split> in it.
    """
    made_of = []
    for split in SPLITS:
        pictures = {
            name: records.read_pictures(name, split=split, data_dir=config.data_dir)
            for name in (config.wider, config.celeb)
            if name
        }
        origin = origin_of_samples(config, stage, split, params, judge, pictures)
        made_of.append(settings_that_count(origin))
    text = json.dumps(made_of, sort_keys=True)
    return pathlib.Path(root) / hashlib.sha256(text.encode()).hexdigest()[:12]
