"""Which of a picture's faces is the one, by facenet-pytorch's four rules."""

import numpy as np

METHODS = ("probability", "largest", "largest_over_threshold", "center_weighted_size")


def check_method(method: str) -> None:
    """Refuses a rule that is none of `METHODS`.

    Raises:
        ValueError: if it is none.
    """
    if method not in METHODS:
        raise ValueError(f"the selection method is {method!r}; accepted are {', '.join(METHODS)}")


def areas(boxes: np.ndarray) -> np.ndarray:
    """[n], of boxes [n, 4]."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def best_face(
    boxes: np.ndarray,
    scores: np.ndarray,
    size: tuple[int, int],
    method: str,
    *,
    threshold: float = 0.9,
    center_weight: float = 2.0,
) -> int | None:
    """The place of the face that a rule chooses.

    Args:
        boxes: [n, 4] of at least one face.
        scores: [n].
        size: height and width of the picture.
        method: the highest score ("probability"), the largest area, that among scores above
            `threshold`, or the largest area less `center_weight` times the squared distance from
            the picture's centre ("center_weighted_size").
        threshold: for "largest_over_threshold".
        center_weight: for "center_weighted_size".

    Returns:
        A place in 0..n - 1; None if no score is above the threshold.

    Raises:
        ValueError: if there is no such rule.

    Example:
        >>> import numpy as np
        >>> boxes = np.array([[0, 0, 20, 20], [40, 40, 50, 50]])
        >>> scores = np.array([0.8, 0.95])
        >>> [best_face(boxes, scores, (100, 100), method) for method in METHODS]
        [1, 0, 1, 1]
    """
    check_method(method)
    boxes, scores = np.asarray(boxes, float), np.asarray(scores, float)
    ranks = scores if method == "probability" else areas(boxes)
    if method == "largest_over_threshold":
        ranks = np.where(scores > threshold, ranks, -np.inf)
    if method == "center_weighted_size":
        away = (boxes[:, :2] + boxes[:, 2:] - np.array(size)[::-1]) / 2
        ranks = ranks - center_weight * (away**2).sum(axis=1)
    first = int(np.argmax(ranks))
    return first if ranks[first] > -np.inf else None
