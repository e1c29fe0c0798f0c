"""The narrow waist: the nouns and protocols that every other room speaks.

Knows the standard library and numpy (and Arrow, inside ``dataset``, as the format
that data rests in). Knows no model framework, no recipe, no yard and no server.
"""
