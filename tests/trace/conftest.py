"""Settings for the properties of this folder: the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("cascade", deadline=None)
settings.load_profile("cascade")
