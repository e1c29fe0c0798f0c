"""Calibration: a classifier is made as sure of its answers as it is right, by what travels with it."""

DEFAULT = "temperature"
