"""What is learned: from samples to the next step's parameters. It wants optax, `[train]`.

In reading order:

samples: the four kinds of training samples, and what a sample holds.
losses: per-example losses, their masks, and hard example mining.
augment_config, augment: changed samples, inside the jitted step.
recipe: how a network is trained, checked; its optimiser and schedule.
step: the training step, a pure function from a state and a batch to the next state.
inference: a network in training run over any number of patches.
"""
