"""The steps, one file a method: ``ls`` here is the table of contents.

A step imports no other step, no concrete task or runtime, no yard and no renderer.
"""
