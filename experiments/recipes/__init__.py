"""Recipes by name, by field and as files: what `--config` and the flags after it ask for.

In reading order:

fields: each field by the name of its flag, and its values as text.
overrides: a recipe with some fields changed.
files: recipes of `experiments.configs`, of files of one's own, and of the JSON that runs leave.
flags: a flag for each field, and the recipe that they ask for.
"""
