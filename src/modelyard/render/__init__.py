"""Shows what was found: one page as HTML, Markdown or terminal tables, figures as SVG or PNG.

Knows findings and facts, neither the yard nor how they came about. Whatever it shows is inert: names, labels and
data are text, never markup.
"""
