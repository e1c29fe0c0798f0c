"""Bring data and pretrained models into the yard's own form."""

DEFAULT = "data"
