"""The cascade as one program for pictures of any size, on a CPU; README.md says how.

In reading order:

layout: where the levels of a pyramid go on a sheet, made on the host.
workspace: the picture and its halves, in one flat array.
sheet: the levels, resampled onto a page.
scan: P-Net over the pages.
judge: R-Net and O-Net, and suppression, in rounds.
cascade: all of it in a row.
"""
