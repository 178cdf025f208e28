"""A picture decoded in another process, which dies of it, hangs, or wants too much memory."""

import io
import os
import time

import numpy as np
import pytest
from PIL import Image

from experiments.bulk.isolation import Isolated
from experiments.bulk.pictures import Fetched, decode


def png(size):
    content = io.BytesIO()
    Image.new("RGB", size, (9, 8, 7)).save(content, "png")
    return content.getvalue()


class Trap:
    """Bytes that call a function in the process which gets them."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def test_other_pictures_are_decoded_after_each_that_fails():
    small, large = Fetched("a.png", png((5, 4))), Fetched("large.png", png((20_000, 6_000)))
    decoder = Isolated(memory=2**27, patience=15)

    def failure(fetched):
        with pytest.raises(ValueError) as caught:
            decoder.decode(fetched, max_pixels=2**27)
        return str(caught.value)

    try:
        image = decoder.decode(small, max_pixels=2**27)
        assert np.array_equal(image, decode(small, max_pixels=20))
        assert image.shape == (4, 5, 3)
        # 120 megapixels are 360 MB, and the process may have 134 MB.
        assert failure(large) == "'large.png' takes more memory than there is"
        assert failure(Fetched("b.png", b"none")).startswith("'b.png' is not a picture")
        assert failure(Fetched("c.png", Trap(os._exit, 3))).startswith("'c.png' killed its decoder")
        decoder._patience = 0.5
        decoder._pool.submit(int).result()  # The process has begun.
        assert failure(Fetched("d.png", Trap(time.sleep, 60))).startswith("'d.png' took its")
    finally:
        decoder.close()
