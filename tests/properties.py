"""How long tests look for what breaks a property: the same few inputs on each run."""

import hypothesis

few = hypothesis.settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # As it is while all cores compile.
)
