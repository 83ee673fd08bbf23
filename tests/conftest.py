"""Settings of all tests: hypothesis without deadlines, for shared and noisy machines."""

from hypothesis import HealthCheck, settings

settings.register_profile("patchplan", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patchplan")
