"""The paper's studies, beside its own numbers: `python -m experiments.ablate`.

In reading order:

config: what a study is asked for, checked.
study: what a study is, what it gives, and how that is kept.
registry: the studies by name.
"""
