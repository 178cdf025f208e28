"""What stands between the pure cascade and a process that calls it; README.md says why each does.

In reading order:

buckets: the few shapes that pictures are padded to.
compiled: the cascade as jitted functions.
canvases: those run on a picture of any size, again where they overflow.
batches: those run on many, some of one bucket at a time, in order.
readahead: pictures read in threads before they are wanted.
pictures: the program for any size, in memory that is used again.
programs: what this process has compiled: one thread makes each, and not too many.
ownership: what others may have written, and so is not run.
executables: those kept on disk for the next process.
memory: settings of the whole process, which the caller makes: `mj.runtime.keep_memory()`.
"""

from mtcnn_jax.runtime.memory import keep_memory, spare_mappings

__all__ = ["keep_memory", "spare_mappings"]
