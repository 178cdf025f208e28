import numpy as np

from experiments.evaluation import gallery
from experiments.evaluation.gallery import LINE, TILE, Example


def test_a_box_stands_in_the_middle_with_its_surroundings():
    image = np.zeros((200, 300, 3), np.uint8)
    image[80:120, 140:180] = 200
    shown = np.asarray(gallery.tile(Example(image, np.array([140, 80, 180, 120]), "0.5")))
    assert shown.shape == (TILE + LINE, TILE, 3)
    # A third of the tile is the box, with a green line around it.
    third = TILE // 3
    assert (shown[third + 4 : 2 * third - 4, third + 4 : 2 * third - 4] == 200).all()
    assert shown[: third - 2].max() == shown[2 * third + 4 : TILE].max() == 0
    line = (shown[:TILE, :, 1] == 255) & (shown[:TILE, :, 0] == 80)
    assert line[TILE // 2].sum() == 2 and line[:, TILE // 2].sum() == 2
    assert shown[TILE:].max() > 100


def test_outside_the_picture_is_black():
    image = np.full((40, 40, 3), 200, np.uint8)
    shown = np.asarray(gallery.tile(Example(image, np.array([0, 0, 40, 40]), "")))
    assert shown[:40].max() == 0 and shown[50:80, 50:80].min() == 200


def test_grid():
    example = Example(np.zeros((9, 9, 3), np.uint8), np.array([1, 1, 5, 5]), "x")
    assert gallery.grid([example] * 3).size == (3 * TILE, TILE + LINE)
    assert gallery.grid(example for _ in range(9)).size == (8 * TILE, 2 * (TILE + LINE))
    assert gallery.grid([]).size == (TILE, TILE + LINE)
