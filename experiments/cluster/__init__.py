"""Several processes that train one network, on one machine or many.

JAX connects them and watches over them: one that is lost ends the others.

In reading order:

joining: how they meet, and how they end.
agreement: what they agree on: settings, errors, where to stop.
"""
