"""Taking items from a slow iterator in a thread of its own, some ahead of where they are used."""

import collections
import concurrent.futures
from collections.abc import Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_END: Any = object()


def ahead(items: Iterator[T], count: int) -> Iterator[T]:
    """The same items, with up to `count` of them taken before they are asked for.

    An error of the iterator comes after the items before it. The thread ends with the items, or
    when this generator is closed, after the item that it is at.
    """
    with concurrent.futures.ThreadPoolExecutor(1, "ahead") as pool:
        waiting = collections.deque(pool.submit(next, items, _END) for _ in range(count))
        try:
            while (item := waiting.popleft().result()) is not _END:
                waiting.append(pool.submit(next, items, _END))
                yield item
        finally:
            pool.shutdown(cancel_futures=True)
            if hasattr(items, "close"):
                items.close()
