"""The prediction server: opened models in, HTTP out.

Knows predictors, not how a release is found or built; the command line opens models and hands them over.
"""
