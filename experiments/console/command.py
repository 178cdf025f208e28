"""What the commands' `main`s have in common."""

import sys
from collections.abc import Callable, Sequence

from absl import flags, logging

from mtcnn_jax.commandline.endings import told, until_interrupted


def parse_flags(argv: Sequence[str]) -> list[str]:
    """absl's flags of a command line, for `app.run`; a wrong one ends it with a sentence and 2.

    Returns:
        What is no flag: the program, and the rest.
    """
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def run_command(argv: Sequence[str], work: Callable[[], None], *, quiet: bool = False) -> int:
    """Does a command's work; wrong flags and input end it with a word and not with a traceback.

    Args:
        argv: the command line as absl leaves it: the program, and what was no flag.
        work: what to do.
        quiet: log warnings only, unless --verbosity says otherwise.

    Returns:
        The exit code: 0, `INTERRUPTED` after Ctrl-C, or 2 after an OSError, a ValueError or, where
        a loss is no number any more, a FloatingPointError.
    """
    if quiet and not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)

    def checked() -> int:
        try:
            if argv[1:]:
                raise ValueError(f"{argv[1:]} is not part of a flag")
            work()
        except (OSError, ValueError, FloatingPointError) as error:
            print(f"error: {told(error)}", file=sys.stderr)
            return 2
        return 0

    return until_interrupted(checked)
