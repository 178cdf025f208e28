"""Detects the faces in photos: the command `mtcnn-jax detect`, with absl's flags.

    python -m experiments.detect --input=photos --output=found

--input is a photo, a folder of photos, or a pattern in quotes. All else is told by
`mtcnn-jax detect --help`, whose flags are those of this command.
"""

import functools

from absl import app, flags, logging

from experiments.console.detection import define_detection_flags
from mtcnn_jax.commandline.detection import run
from mtcnn_jax.commandline.endings import until_interrupted
from mtcnn_jax.commandline.options import FLAGS


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    flags.DEFINE_string("input", None, "A picture, a folder or a glob pattern.", required=True)
    flags.DEFINE_string("output", None, "The folder for the results.", required=True)
    define_detection_flags([flag.name for flag in FLAGS])


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    if argv[1:]:
        raise app.UsageError(f"{argv[1:]} is not part of a flag; name pictures with --input")
    values = flags.FLAGS
    if not values["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # Else JAX tells of every backend it did not find.
    chosen = {flag.name: getattr(values, flag.name) for flag in FLAGS}
    return until_interrupted(functools.partial(run, [values.input], values.output, chosen))


if __name__ == "__main__":
    define_flags()
    app.run(main)
