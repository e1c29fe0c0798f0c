"""Smaller numbers for weights: a model that is smaller and faster, and answers nearly the same."""

DEFAULT = "dynamic"
