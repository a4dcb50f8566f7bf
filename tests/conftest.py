"""Profiles: plain, the default, derandomized; ci doubles it; dev draws anew; deep draws thousands of examples per law.

`pytest --hypothesis-profile=deep` chooses one.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=100, deadline=None, database=None)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("plain", settings.get_profile("ci"), max_examples=50)
settings.register_profile("deep", settings.get_profile("dev"), max_examples=20_000,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("plain")
