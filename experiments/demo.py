r"""A page in the browser: a photo or the camera in; faces, aligned crops and each stage's windows.

    python -m experiments.demo --port=7860

It needs gradio, `pip install '.[demo]'`. The page is served to this machine alone and asks no other
host for anything; photos stay here. With --share gradio's servers give it a public address.

The exit code is 2 if the page could not be served, and 130 after Ctrl-C, which ends it.
"""

import functools
import pathlib
import threading

import numpy as np
from absl import app, flags

import mtcnn_jax as mj
from experiments.console.command import parse_flags, run_command
from experiments.demonstration.page import make_page
from experiments.demonstration.serving import serve, silence
from experiments.demonstration.views import look, settings
from mtcnn_jax.commandline.compilations import keep_compilations

PHOTO = pathlib.Path(__file__).resolve().parents[1] / "docs/astronaut.jpg"


def run(*, weights: str | None, port: int | None, share: bool) -> None:
    """Serves the page until Ctrl-C."""
    silence()
    params = mj.load_params(weights)
    page = make_page(params, [PHOTO])
    keep_compilations()
    mj.runtime.keep_memory()
    address = serve(page, port=port, share=share)
    print("compiling, which the first start waits for", flush=True)
    default = mj.DetectConfig()
    values = (default.min_face_size, *default.thresholds, default.voting)
    look(params, np.zeros((64, 64, 3), np.uint8), settings(*values))
    print(f"the page is at {address}; Ctrl-C ends it", flush=True)
    threading.Event().wait()


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    where = "Where; the first free one from 7860 on if not given."
    flags.DEFINE_integer("port", None, where, lower_bound=1, upper_bound=65535)
    flags.DEFINE_string("weights", None, "An .npz of weights; the bundled ones if not given.")
    flags.DEFINE_bool("share", False, "Also by a public address, through gradio's servers.")


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    values = flags.FLAGS
    work = functools.partial(run, weights=values.weights, port=values.port, share=values.share)
    return run_command(argv, work, quiet=True)


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
