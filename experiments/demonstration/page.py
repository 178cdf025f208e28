"""The page of the demonstration: a photo or the camera, sliders, and what came out."""

import html
import pathlib
from typing import TYPE_CHECKING, Any

from experiments.demonstration.views import look, read_photo, settings
from mtcnn_jax.cascade.stages import Params
from mtcnn_jax.config import DetectConfig

if TYPE_CHECKING:
    import gradio

EMPTY = "Drop a photo, or take one with the camera."

CSS = """
.gradio-container {width: 100% !important; max-width: 1360px !important; margin: 0 auto !important}
#crops .grid-wrap {padding-top: 30px}
#said .html-container {padding: 0 !important}
#said p {font-size: 1.05rem; margin: 0}
footer {display: none !important}
"""


def make_page(params: Params, examples: list[pathlib.Path]) -> "gradio.Blocks":
    """The page as gradio's blocks, not yet served.

    Args:
        params: of the networks.
        examples: photos to begin with, offered below the one that is looked at.

    Raises:
        ValueError: gradio is not installed.
    """
    gr = load_gradio()

    def show(path: str | None, *values: float) -> tuple[Any, ...]:
        if path is None:
            return nothing(EMPTY)
        try:
            view = look(params, read_photo(path), settings(*values))
        except ValueError as error:
            return nothing(f"Not read: {error}.")
        except MemoryError:
            return nothing("Not read: there is not enough memory for a photo of this size.")
        stages = [gr.Image(picture, label=label) for picture, label in view.stages]
        return view.faces, view.crops, _paragraph(view.said), *stages

    def nothing(said: str) -> tuple[Any, ...]:
        empty = [gr.Image(None, label=title) for title in _TITLES]
        return None, [], _paragraph(said), *empty

    with gr.Blocks(title="mtcnn_jax", analytics_enabled=False) as page:
        gr.Markdown("# Faces, and what each stage left of a photo")
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                photo = gr.Image(
                    label="Photo", sources=["upload", "webcam", "clipboard"], type="filepath",
                    image_mode=None, height=300, elem_id="photo", buttons=[],
                )  # fmt: skip
                # We read it, with our errors; gradio has seen to it that the file is an upload.
                photo.preprocess = lambda payload: payload and payload.path
                sliders = _sliders(gr)
                if examples:
                    gr.Examples([[str(path)] for path in examples], [photo], label="A photo")
            with gr.Column(scale=3, min_width=300):
                said = gr.HTML(_paragraph(EMPTY), elem_id="said", padding=False)
                faces = gr.Image(
                    label="Faces", interactive=False, elem_id="faces", buttons=["fullscreen"]
                )
                crops = gr.Gallery(
                    label="Aligned, 112 x 112", columns=6, height=190, elem_id="crops",
                    object_fit="contain", fit_columns=False, interactive=False, buttons=[],
                )  # fmt: skip
        gr.Markdown("## What each stage left\n\nBlue windows just passed, yellow ones are sure.")
        with gr.Row():
            stages = [
                gr.Image(
                    label=title,
                    interactive=False,
                    min_width=260,
                    elem_id=f"stage{number}",
                    buttons=["fullscreen"],
                )  # fmt: skip
                for number, title in enumerate(_TITLES)
            ]
        gr.on(
            [photo.change, *(slider.change for slider in sliders)],
            show,
            [photo, *sliders],
            [faces, crops, said, *stages],
            show_progress="minimal",
            trigger_mode="always_last",
            api_visibility="private",
        )
    return page


_TITLES = ("P-Net", "R-Net", "O-Net")


def _sliders(gr: Any) -> list[Any]:
    """Those of `settings`, in its order; from 0.1, as below it every window passes."""
    default = DetectConfig()
    size = gr.Slider(
        12, 400, default.min_face_size, step=1, label="Smallest face, pixels", elem_id="size"
    )
    thresholds = [
        gr.Slider(0.1, 0.99, value, step=0.01, label=f"{title} passes from", elem_id=title)
        for title, value in zip(_TITLES, default.thresholds, strict=True)
    ]
    voting = gr.Slider(
        0.1, 1, default.voting, step=0.01, label="Windows that overlap so much vote on a face"
    )
    return [size, *thresholds, voting]


def _paragraph(said: str) -> str:
    return f"<p>{html.escape(said)}</p>"


def load_gradio() -> Any:
    """The package gradio; a ValueError that says how to install it where it is missing."""
    try:
        import gradio
    except ImportError as error:
        raise ValueError(
            f"the demonstration needs gradio ({error}); install it with: "
            "python -m pip install 'mtcnn_jax[demo]'"
        ) from error
    return gradio
