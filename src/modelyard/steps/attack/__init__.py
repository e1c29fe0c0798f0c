"""Steps that try to make a model answer wrongly, or tell what it should not, and measure how far they came."""

DEFAULT = "typos"
