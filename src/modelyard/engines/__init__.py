"""Engines: where a step is executed."""
