"""The cascade as one program: against the one that is compiled for a size."""
