"""Settings of all tests: hypothesis without deadlines, for shared and noisy machines.

PATCHPLAN_EXAMPLES is how many examples a law is tried with that does not say it itself (50).
"""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("PATCHPLAN_EXAMPLES", "50"))

settings.register_profile(
    "patchplan", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patchplan")
