"""A file for each benchmark: its data, its run over a set of weights, predictions made elsewhere.

registry names them all for the command.
"""
