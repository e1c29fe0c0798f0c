"""Solve: the options that a recipe leaves open, searched for the cheapest release that meets ``require``.

``candidate`` measures one closed recipe, cheap things first; ``study`` decides what to try next; ``outcome`` says what
was found, what binds and what to relax; ``findings`` draws it; ``solving`` puts them in order and builds the release.
"""
