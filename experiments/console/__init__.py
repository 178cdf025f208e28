"""What the commands share.

command: exit codes, and errors as one sentence.
compilations: where compiled functions are kept between runs.
markdown: tables of reports.
"""
