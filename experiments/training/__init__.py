"""Training a stage, or all three: `python -m experiments.train`.

In reading order:

config: a run of one stage, checked.
cascade: a recipe of all three and their samples, checked.
settings: what the stages default to.
mesh: the devices that a batch is split over.
loop: the run, going on where it was stopped.
interrupts: Ctrl-C, put off to between steps.
checkpoints: the one file that knows Orbax.
metrics, curves: what a run tells while it goes on, written and drawn.
validation: how well a network does on validation samples.
plans: the runs that a recipe asks for, in order.
pipeline: all three stages, with mining between them.
"""
