"""What the commands share.

command: their flags, and errors as one sentence.
markdown: tables of reports.
"""
