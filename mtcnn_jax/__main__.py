"""`python -m mtcnn_jax`, the command `mtcnn-jax`."""

import sys


def main() -> int:
    """Runs the command and gives its exit code."""
    from mtcnn_jax.commandline import program

    return program.main()


if __name__ == "__main__":
    sys.exit(main())
