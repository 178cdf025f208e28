"""Where the commands keep what JAX compiled, so that only the first run of a kind waits for it."""

import os

import jax


def keep_compilations() -> None:
    """Has JAX keep what it compiles in the user's cache folder, unless told of another place."""
    if jax.config.jax_compilation_cache_dir is None:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        jax.config.update("jax_compilation_cache_dir", os.path.join(cache, "mtcnn_jax"))
