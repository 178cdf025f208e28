"""The paper's studies, beside its own numbers: `python -m experiments.ablate`.

In reading order:

config: what a study is asked for, checked.
study: what a study is, what it gives, and how that is kept.
registry: the studies by name.
arms: what differs in one field, trained, judged and compared.
detection: what the studies share whose networks are judged by what they detect.
ohem, joint_alignment, sources: Figures 3a and 3b, and the samples of section III.A.
intervals: how sure a difference is, over samples and runs.
networks: Table I, P-, R- and O-Net against the networks in rivals.
table_one: that table as Markdown.
runtime: Table II, the speed of both cascades.
"""
