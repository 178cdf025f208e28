"""Recipes, a file each: `python -m experiments.train --config=NAME`.

The docstring of each tells its command, how long it takes and what to expect; `config()` gives it.

paper: what the paper says, as far as it says it.
bundled: that of the weights that come with the package.
quick: small and short, to see all of it run.
own_folder: pictures of one's own, from the bundled weights on.
"""
