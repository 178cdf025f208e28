"""The page on a port of this machine, which asks no other host for anything."""

import os
import socket
from typing import TYPE_CHECKING, Any

from experiments.demonstration.page import CSS, load_gradio

if TYPE_CHECKING:
    import gradio

LOCAL = "127.0.0.1"
LARGEST_FILE = "100mb"


def silence() -> None:
    """Turns off what gradio and its packages would tell their makers; before they are loaded."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"


def serve(page: "gradio.Blocks", *, port: int | None, share: bool = False) -> Any:
    """Serves a page in threads, to this machine alone.

    Args:
        page: from `make_page`.
        port: where; None for the first that is free from 7860 on.
        share: also by a public address of gradio's, through its servers.

    Returns:
        The address.

    Raises:
        OSError: the port is taken, or not for this user to take.
    """
    gr = load_gradio()
    if port is not None:
        _check_free(port)
    _, local, public = page.launch(
        server_name=LOCAL,
        server_port=port,
        share=share,
        prevent_thread_lock=True,
        quiet=True,
        show_error=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=LARGEST_FILE,
        footer_links=[],
        css=CSS,
        theme=gr.themes.Base(
            primary_hue="emerald",
            font=("ui-sans-serif", "system-ui", "sans-serif"),
            font_mono=("ui-monospace", "monospace"),
        ),
    )
    return public or local


def _check_free(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOCAL, port))
        except OSError as error:
            raise OSError(f"port {port} cannot be had ({error.strerror}); name another") from error
