"""What the builders of TensorFlow Datasets have in common: a folder of archives, and checks."""

import os
import pathlib
from typing import Any

import tensorflow_datasets as tfds

from data.checks import Checks


class ArchiveBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder from archives that were downloaded by hand.

    Attributes:
        manual: the folder with the archives.
        checks: of pictures and labels; they tell what was left out.
    """

    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self, *, manual_dir: str | os.PathLike[str], leave_out_broken: bool = False, **settings
    ):
        self.manual = pathlib.Path(manual_dir)
        self.checks = Checks(leave_out_broken=leave_out_broken)
        super().__init__(**settings)

    def info_of(self, *, features: dict[str, Any], **settings) -> tfds.core.DatasetInfo:
        """Of a set whose examples have a picture, its name, and `features` of the set's own."""
        common = {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "image/filename": tfds.features.Text(),
        }
        every = tfds.features.FeaturesDict(common | features)
        return self.dataset_info_from_configs(features=every, **settings)
