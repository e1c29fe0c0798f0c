"""Changed copies of the rows to learn from, which mean the same; every other split stays as it is."""

DEFAULT = "typos"
