"""Several models as one: their answers combined, or their weights averaged."""

DEFAULT = "average"
