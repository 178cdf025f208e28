"""A network in training, run over patches."""

import numpy as np

from mtcnn_jax.training import inference
from mtcnn_jax.training.recipe import Recipe
from tests.drawn import draw_samples, fill_state


def test_any_number_of_patches_is_run_in_chunks(monkeypatch):
    state = fill_state(Recipe("pnet", 1000))
    samples = draw_samples("pnet", each=3)
    monkeypatch.setattr(inference, "CHUNK", 8)
    scores, offsets, points = inference.infer(state.recipe, state.params, samples.patches)
    assert (scores.shape, offsets.shape, points.shape) == ((21,), (21, 4), (21, 10))
    one = inference.infer(state.recipe, state.params, samples.patches[13:14])
    np.testing.assert_allclose(one[0], scores[13:14], atol=1e-6)
    alone = inference.score("pnet", state.params["pnet"], samples.patches)
    np.testing.assert_allclose(alone, scores, atol=1e-6)
    assert inference.score("pnet", state.params["pnet"], samples.patches[:0]).shape == (0,)
