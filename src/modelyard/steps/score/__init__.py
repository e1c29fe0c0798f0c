"""Scores of language models: what they write, held against references, and what they hold likely among choices."""

DEFAULT = "texts"
