"""Say something about all rows together, with differential privacy and a budget that is kept."""

DEFAULT = "count"
