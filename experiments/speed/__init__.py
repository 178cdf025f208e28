"""How long things take: `python -m experiments.benchmark`.

In reading order:

config: what to time, checked.
machine: what they were taken on.
timing: programs that take turns, and medians of their times.
scenes: pictures with a given number of faces.
stages: the cascade's stages, each beside its floor.
training: steps of training.
startup: import and first calls of fresh processes.
peers, peer_worker: other packages, each in an interpreter of its own.
ncnn_graph, ncnn_cascade: one of them, the same weights on a C++ engine.
report: all of it as Markdown.
"""
