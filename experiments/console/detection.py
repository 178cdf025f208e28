"""absl's flags of detection, which `mtcnn-jax` has as well."""

from collections.abc import Container

from absl import flags

from mtcnn_jax.commandline.options import FLAGS

_DEFINE = {
    bool: flags.DEFINE_boolean,
    float: flags.DEFINE_float,
    int: flags.DEFINE_integer,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_list,
}


def define_detection_flags(names: Container[str]) -> None:
    """Defines those of `mtcnn_jax.commandline.options.FLAGS` that have these names."""
    for flag in FLAGS:
        if flag.name not in names:
            continue
        if flag.accepted and flag.kind is str:
            flags.DEFINE_enum(flag.name, flag.default, flag.accepted, flag.help)
        elif flag.kind is tuple:
            flags.DEFINE_list(flag.name, list(map(str, flag.default)), flag.help)
        else:
            _DEFINE[flag.kind](flag.name, flag.default, flag.help)
