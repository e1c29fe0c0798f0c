"""The yard: content-addressed objects, numbered versions, aliases, lineage and the audit log.

The only mutable state of modelyard. ``modelyard.yard.yard`` holds :class:`Yard`, the one way in.
"""
