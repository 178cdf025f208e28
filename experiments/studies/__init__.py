"""The paper's studies, beside its own numbers: `python -m experiments.ablate`.

In reading order:

config: what a study is asked for, checked.
study: what a study is, what it gives, and how that is kept.
registry: the studies by name.
cascade_cnn: the 12-, 24- and 48-nets of Li et al., 2015.
intervals: how sure a difference is, over samples and runs.
classify: networks trained to tell faces from the rest, and no more.
networks: Table I, P-, R- and O-Net against those.
cascade_detect: the cascade of those, whole pictures in and windows of faces out.
runtime: Table II, the speed of both cascades.
"""
