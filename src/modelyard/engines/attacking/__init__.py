"""Attacks on opened models: what the steps that attack, detect and harden share.

Knows tasks by their abilities, and no step.
"""
