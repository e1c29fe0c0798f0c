"""Fewer parts of a network: a model that is smaller and, where whole parts go, faster."""

DEFAULT = "layers"
