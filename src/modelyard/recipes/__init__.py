"""Recipes: read, check, plan, run, judge and publish.

A recipe is data with no behaviour; everything that it can say is found in the steps' signatures.
"""
