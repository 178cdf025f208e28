"""The command `mtcnn-jax`, which nothing of the library imports.

In reading order:

program: its sub commands, help and version.
options: the flags of detection, each in one place.
detection: the faces of many pictures, into a folder.
pictures: those that paths, folders and patterns stand for.
looking: these read in threads and looked at, and what fails named.
clips: the faces of a video, into a folder.
results: a line of faces.jsonl; how results are named and known.
copies: pictures made of a picture: with its faces drawn, without them, and one of each.
lines: those of faces.jsonl, added as they come and read again.
resumption: going on where a run was stopped.
tables: faces.csv, and COCO's format.
endings: exit codes, and errors as one sentence.
compilations: where compiled functions are kept between runs.
"""
