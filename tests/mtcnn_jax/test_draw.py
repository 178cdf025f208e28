import numpy as np
import pytest
from PIL import Image

from mtcnn_jax.draw import draw_faces
from mtcnn_jax.faces import Faces

GREY = np.full((200, 300, 3), 127, np.uint8)


def faces(*boxes):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    relative = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    landmarks = boxes[:, None, :2] + relative * (boxes[:, None, 2:] - boxes[:, None, :2])
    return Faces(boxes, np.linspace(0.99, 0.7, len(boxes)), landmarks.astype(np.float32))


def changed(image, source=GREY):
    return (np.asarray(image) != source).any(axis=-1)


def test_box_lies_around_its_pixels_and_nothing_is_drawn_far_from_it():
    drawn = changed(draw_faces(GREY, faces([100, 80, 180, 160])))
    # One line of 1 pixel (300 / 300) in colour, another of shade around it.
    assert drawn[78:80, 98:182].all() and drawn[160:162, 98:182].all()
    assert drawn[78:162, 98:100].all() and drawn[78:162, 180:182].all()
    assert not drawn[162:].any() and not drawn[:, :98].any() and not drawn[:, 182:].any()
    assert not drawn[80:105, 100:180].any(), "the inside of the box, above the eyes"


def test_points_are_centred_on_the_landmarks():
    found = faces([50, 50, 150, 150])
    drawn = changed(draw_faces(GREY, found))
    for x, y in found.landmarks[0]:
        rows, columns = np.nonzero(drawn[int(y) - 8 : int(y) + 8, int(x) - 8 : int(x) + 8])
        assert rows.size
        # The mean centre of the pixels drawn, from the corner of the first pixel.
        assert rows.mean() + 0.5 + int(y) - 8 == pytest.approx(y, abs=0.5)
        assert columns.mean() + 0.5 + int(x) - 8 == pytest.approx(x, abs=0.5)


def test_score_is_written_above_the_box_or_inside_where_there_is_no_room():
    above = changed(draw_faces(GREY, faces([100, 80, 180, 160])))
    assert above[60:78].any()
    top = changed(draw_faces(GREY, faces([100, 0, 180, 80])))
    assert top[2:10, 102:120].all()


def test_lines_grow_with_the_picture():
    large = np.full((2000, 3000, 3), 127, np.uint8)
    row = changed(draw_faces(large, faces([1000, 800, 1800, 1600])), large)[1200]
    assert row[:1000].sum() == round(3000 / 300) + 1


@pytest.mark.parametrize("size", [(1, 1), (12, 12), (5, 400)])
def test_tiny_pictures_and_boxes_at_the_border(size):
    image = np.zeros((*size, 3), np.uint8)
    box = [0, 0, size[1], size[0]]
    drawn = draw_faces(image, faces(box, [0, 0, 0, 0]))
    assert drawn.size == size[::-1]


def test_without_faces_it_is_the_picture_and_the_argument_is_left_alone():
    image = GREY.copy()
    assert not changed(draw_faces(image, faces())).any()
    draw_faces(image, faces([10, 10, 90, 90]))
    np.testing.assert_array_equal(image, GREY)


def test_takes_what_read_image_takes():
    drawn = draw_faces(Image.new("L", (300, 200), 127), faces([10, 10, 90, 90]))
    assert drawn.mode == "RGB" and changed(drawn).any()
