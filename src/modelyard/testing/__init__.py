"""Conformance kit and tiny models, for our own tests and for plug-ins."""
