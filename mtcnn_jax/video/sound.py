"""The sound of a video, copied as it is, packet by packet, into another file."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any


class Sound:
    """All sound of a file, on its way into another one.

    Args:
        read: PyAV's container that it comes from.
        file: PyAV's container that it goes to, of which nothing has been written.
        name: of the former, for errors.
        ending: of the latter.

    Raises:
        ValueError: `file` cannot hold it.
    """

    def __init__(self, read: Any, file: Any, name: str, ending: str) -> None:
        self.name = name
        self._file, self._ending = file, ending
        self._tracks = {}
        for track in read.streams.audio:
            try:
                self._tracks[track.index] = file.add_stream_from_template(track)
            except ValueError as error:
                raise self._not_held([track]) from error
        packets = read.demux(read.streams.audio) if self._tracks else iter(())
        # The last of each track is empty.
        self._packets = (packet for packet in packets if packet.size)
        self._next = next(self._packets, None)

    def begin(self) -> None:
        """Begins the file, when all its streams are known.

        Raises:
            ValueError: as above; some containers say so only now.
        """
        try:
            self._file.start_encoding()
        except ValueError as error:
            if not self._tracks:
                raise
            raise self._not_held(self._tracks.values()) from error

    def _not_held(self, tracks: Iterable[Any]) -> ValueError:
        codecs = [one.codec_context.name if one.codec_context else "unknown" for one in tracks]
        return ValueError(
            f"{self.name!r} has sound of the codec {', '.join(codecs)}, which a file "
            f"{self._ending} does not hold; accepted: an output that ends in .mkv"
        )

    def copy(self, until: Fraction | None = None) -> None:
        """Copies what begins before a time, in seconds; all of the rest without one."""
        while self._next is not None:
            tick = self._next.dts if self._next.dts is not None else self._next.pts
            if until is not None and tick is not None and tick * self._next.time_base > until:
                return
            self._next.stream = self._tracks[self._next.stream.index]
            self._file.mux(self._next)
            self._next = next(self._packets, None)
