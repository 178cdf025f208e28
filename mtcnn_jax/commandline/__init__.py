"""The command `mtcnn-jax`, which nothing of the library imports.

In reading order:

program: its sub commands, help and version.
options: the flags of detection, each in one place.
detection: the faces of many pictures, into a folder.
pictures: those that paths, folders and patterns stand for.
clips: the faces of a video, into a folder.
results: a line of faces.jsonl, and the picture with its faces drawn.
lines: those added to a file as they come, and never where a link leads.
endings: exit codes, and errors as one sentence.
compilations: where compiled functions are kept between runs.
"""
