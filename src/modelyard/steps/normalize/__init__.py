"""The verb ``normalize``."""

DEFAULT = "characters"
