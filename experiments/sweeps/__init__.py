"""Sweeps: cells that differ in fields of a recipe, trained, measured, tabled.

In reading order:

grid: the cells of a grid, as `--grid` writes it, checked.
cells: trains them one after the other, going on where it was stopped.
measures: what a trained cell is measured by.
tables: results.csv, results.md and results.png.
"""
