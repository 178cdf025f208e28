"""Where the commands keep what JAX compiled, so that only the first run of a kind waits for it."""

import os
import pathlib
import sys

import jax

from mtcnn_jax.runtime.ownership import distrust, make_private


def keep_compilations() -> None:
    """Has JAX keep what it compiles in the user's cache folder, unless told of another place.

    What lies in the folder is run, so a new one is for this user alone. One that others own or can
    write to, or that cannot be made, is not used, and standard error says why.
    """
    named = jax.config.jax_compilation_cache_dir
    if named is not None and (not named or "://" in str(named)):
        return
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = pathlib.Path(named or os.path.join(cache, "mtcnn_jax"))
    try:
        make_private(folder)
        why = distrust(folder.stat())
        if not (why or named):
            folder.chmod(0o700)  # One of an earlier version, that others could read.
    except OSError as error:
        why = f"cannot be used: {error}"
    if why:
        jax.config.update("jax_enable_compilation_cache", False)
        print(
            f"warning: nothing that is compiled is kept: {str(folder)!r} {why}; accepted: a folder "
            "that only you can write to (remove it to have it made anew)",
            file=sys.stderr,
        )
    elif not named:
        jax.config.update("jax_compilation_cache_dir", str(folder))
