r"""Converts the weights of facenet-pytorch, mtcnn or facenet into this project's .npz file.

    python -m experiments.convert --from=facenet_pytorch --input=PATH --output=weights.npz

PATH is what the package installs or an export of it:

    facenet_pytorch   the installed folder facenet_pytorch, its folder data, a folder with pnet.pt,
                      rnet.pt and onet.pt, or the wheel facenet_pytorch-*.whl; read through torch.
    mtcnn             the installed folder mtcnn, its folder assets/weights, a folder with pnet.lz4,
                      rnet.lz4 and onet.lz4, or the wheel mtcnn-1.*.whl; read through joblib and
                      lz4. joblib reads pickles, which CAN RUN CODE AS YOU: give it only files that
                      you trust, such as the package's own. All other files here run nothing.
    facenet           its folder, the folder src/align in it, or one with det1.npy, det2.npy and
                      det3.npy.
    mtcnn_0_1         mtcnn_weights.npy, the installed folder mtcnn, its folder data, or the wheel
                      mtcnn-0.1.*.whl.
    any of these      an .npz with the package's tensors under its names; read by NumPy alone.

The .npy files are pickles too; a reader of this project's takes arrays, dictionaries and lists from
them, refuses all else and runs nothing. Their layouts: experiments/files/packages.py.

The exit code is 0 if the file was written, 2 if not (1 for unknown flags).
"""

import sys

from absl import app, flags

from experiments.files.packages import PACKAGES, Package
from experiments.files.sources import read_weights
from mtcnn_jax.commandline.endings import told, until_interrupted
from mtcnn_jax.weights.params import nest, save_params

__all__ = ["PACKAGES", "Package", "read_weights", "run"]


def run(package: str, source: str, output: str) -> int:
    """Reads, checks and writes the weights, and gives the command's exit code."""
    try:
        weights = read_weights(PACKAGES[package], source)
        save_params(output, nest(weights))
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {told(error)}", file=sys.stderr)
        return 2
    print(f"{output}: {len(weights)} tensors of {package}")
    return 0


def define_flags() -> None:
    """Defines the command's flags; a function, so that commands can be imported side by side."""
    flags.DEFINE_enum(
        "from", None, list(PACKAGES), "The package that the weights are of.", required=True
    )
    flags.DEFINE_string(
        "input",
        None,
        "The package's folder or wheel, a folder with its files of weights, or an .npz of its "
        "tensors. The .lz4 files of mtcnn are pickles, which can run code as you: give only those "
        "that you trust. No other file here runs anything.",
        required=True,
    )
    flags.DEFINE_string("output", None, "The .npz file to write.", required=True)


def main(argv: list[str]) -> int:
    """Runs the command with absl's flags."""
    if argv[1:]:
        raise app.UsageError(f"{argv[1:]} is not part of a flag; name the weights with --input")
    values = flags.FLAGS
    return until_interrupted(lambda: run(values["from"].value, values.input, values.output))


if __name__ == "__main__":
    define_flags()
    app.run(main)
