"""Who died of which picture: a note beside the results while a partition is worked on.

A worker that is killed, by the system as memory runs out or by a decoder's fault, leaves its note.
Who works on the partition next reads it, goes carefully, picture by picture, and notes which it has
in hand. A picture that two workers died of is not tried a third time.
"""

import collections
import json

from experiments.bulk.storage import Place, read, remove, write

FOLDER = "_attempts"

MOST_OF_PICTURE = 2
"""Deaths with a picture in hand after which it is left: one may be a machine's that failed."""

MOST_UNEXPLAINED = 5
"""Deaths of one partition's workers with no picture in hand after which the job ends."""


class Attempt:
    """Work on a partition.

    Attributes:
        careful: Whether a worker died of it, so that pictures are done one by one.
    """

    def __init__(self, output: Place, partition: int):
        """Begins it, by a note.

        Raises:
            OSError: The note cannot be read or written; the text names it.
            ValueError: Too many workers died of the partition, and of no one picture.
        """
        self._place = output / f"{FOLDER}/{partition:06}.json"
        note = self._read()
        self.careful = note is not None
        self._deaths: collections.Counter[str] = collections.Counter((note or {}).get("deaths"))
        self._unexplained = (note or {}).get("unexplained", 0)
        if self.careful:
            if note.get("hand") is not None:
                self._deaths[str(note["hand"])] += 1
            elif note.get("careful"):
                self._unexplained += 1
        if self._unexplained >= MOST_UNEXPLAINED:
            remove(self._place)  # Started again, the job tries again.
            raise ValueError(
                f"partition {partition} has killed {self._unexplained + 1} workers while no "
                "picture was in hand, as happens when memory runs out; accepted: more memory, "
                "fewer --workers, or a smaller --partition_size in another --output"
            )
        self.take(None)

    def _read(self) -> dict | None:
        content = read(self._place)
        if content is None:
            return None
        try:
            note = json.loads(content)
        except ValueError:  # Cut short, on a disk that lost its power.
            note = {}
        return note if isinstance(note, dict) else {}

    def take(self, number: int | None) -> bool:
        """Takes a picture in hand, by its number in the partition; None puts the last one back.

        Returns:
            Whether it may be tried. If not, it is not taken in hand.
        """
        if number is not None and self._deaths[str(number)] >= MOST_OF_PICTURE:
            return False
        note = {"careful": self.careful, "hand": number, "deaths": self._deaths}
        note["unexplained"] = self._unexplained
        write(self._place, json.dumps(note).encode())
        return True

    def end(self) -> None:
        """Takes the note away: the partition's file is written."""
        remove(self._place)
