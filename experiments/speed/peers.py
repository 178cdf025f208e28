"""Other packages, each in an interpreter of its own, to be timed turn by turn with this one."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from experiments.speed.peer_worker import PEERS

WORKER = pathlib.Path(__file__).with_name("peer_worker.py")


class PeerError(Exception):
    """A package could not be started, or ended before its time; says why."""


class PictureError(Exception):
    """A package cannot look at a picture, and goes on; says why."""


class Peer:
    """A running package.

    Attributes:
        name: of it.
        failure: a word on why it ended before its time; empty as long as it runs.
        windows: that its first two networks left of the last picture; None if it does not say.
    """

    def __init__(self, name: str, python: str, *, graphs: str = ""):
        self.name = name
        self.failure = ""
        self.windows: list[int] | None = None
        self._errors = tempfile.TemporaryFile("w+")
        try:
            self._process = subprocess.Popen(
                [python, str(WORKER), name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env={**os.environ, "NCNN_GRAPHS": graphs},
            )
        except OSError as error:
            self._errors.close()
            raise PeerError(f"{name}: {python} does not start: {error}") from error
        try:
            self._answer()
        except PeerError:
            self.close()
            raise

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = self._errors.read().strip().splitlines() or ["no word"]
            self.failure = f"{self.name}: ended with {last[-1]}"
            raise PeerError(self.failure)
        return json.loads(line)

    def _ask(self, request: dict) -> dict:
        # To a process that has ended; the answer that is missing says why.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def prepare(self, pictures: np.ndarray, min_face_size: float) -> int:
        """Loads uint8 [n, h, w, 3]; gives the number of faces in the first.

        Raises:
            PictureError: if the package fails on them.
            PeerError: if it ends.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "pictures.npy"
            np.save(path, pictures)
            asked = {"pictures": str(path), "min_face_size": min_face_size}
            answer = self._ask(asked)
        if "failed" in answer:
            raise PictureError(f"{self.name}: {answer['failed']}")
        self.windows = answer["windows"]
        return answer["faces"]

    def run(self) -> float:
        """Seconds for all pictures."""
        return self._ask({})["seconds"]

    def close(self) -> None:
        """Ends the process."""
        # What was asked of a process that has ended is still to be written.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._errors.close()


def parse_pythons(texts: Sequence[str]) -> dict[str, str]:
    """The values of --peer_python, name=path each."""
    pythons = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or name not in PEERS or not path:
            raise ValueError(
                f"--peer_python={text}; accepted: name=path with a name among {', '.join(PEERS)}"
            )
        pythons[name] = path
    return pythons


def start_peers(
    names: Sequence[str], pythons: dict[str, str], *, graphs: str = ""
) -> tuple[list[Peer], list[str]]:
    """Starts packages, by default in this interpreter's environment.

    Args:
        names: of them.
        pythons: name -> interpreter.
        graphs: folder of the graphs that "ncnn" runs (`ncnn_graph`).

    Returns:
        Those that run, and a word on each that does not.

    Raises:
        ValueError: if a name is none of `PEERS`.
    """
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise ValueError(f"--peers={','.join(unknown)}; accepted are {', '.join(PEERS)}")
    running, skipped = [], []
    for name in names:
        try:
            running.append(Peer(name, pythons.get(name, sys.executable), graphs=graphs))
        except PeerError as error:
            skipped.append(str(error))
    return running, skipped
