"""Chat templates: Jinja programs that came with a model, judged by their constructs and not rendered."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jinja2 import Environment, TemplateError, nodes

from modelyard.formats.audit.finding import Blob, Finding, Severity
from modelyard.methods.chat_template import EXTENSIONS
from modelyard.methods.sandboxed_template import LONGEST_TEMPLATE

_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_REACHING_FILTERS = frozenset({"attr", "map", "selectattr", "rejectattr"})
_GLOBALS = frozenset({"lipsum", "cycler", "joiner", "self", "config", "request", "url_for", "get_flashed_messages"})
_DUNDER = re.compile(r"__\w*|\w+__")
"""A name of Python's own, or half of one that is put together."""
_FIX = "take the model from a source that you trust, or remove its chat template"


def inspect(blob: Blob, template: str, place: str) -> Iterator[Finding]:
    """Findings in one template.

    Args:
        blob: the file that it stands in.
        template: its source.
        place: where in the file, such as ``chat_template``.
    """
    if len(template) > LONGEST_TEMPLATE:
        yield _finding(blob, place, f"it is longer than {LONGEST_TEMPLATE} characters", Severity.HIGH)
        return
    try:
        tree = Environment(extensions=EXTENSIONS, autoescape=True).parse(template)
    except (TemplateError, RecursionError) as error:
        yield _finding(blob, place, f"it cannot be read: {error}"[:200], Severity.MEDIUM)
        return
    seen = set()
    for node in tree.find_all(nodes.Node):
        what = _what(node)
        if what and what not in seen:
            seen.add(what)
            yield _finding(blob, place, what, Severity.CRITICAL)


def _what(node: nodes.Node) -> str:
    """What a node does that no chat template needs; empty for all others."""
    if isinstance(node, _OTHER_FILES):
        return f"it takes in another template ({type(node).__name__.lower()})"
    name = ""
    if isinstance(node, nodes.Getattr):
        name = node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        name = node.arg.value
    elif isinstance(node, nodes.Filter) and node.name in _REACHING_FILTERS:
        given = [*node.args, *(pair.value for pair in node.kwargs)]
        name = next((str(item.value) for item in given if isinstance(item, nodes.Const) and "_" in str(item.value)), "")
        if node.name == "attr" and not name.startswith("_"):
            return "it reaches attributes by a name that it computes (the filter attr)"
    elif isinstance(node, nodes.Const) and isinstance(node.value, str) and _DUNDER.fullmatch(node.value):
        name = "_" + node.value
    if isinstance(node, nodes.Name) and node.ctx == "load" and node.name in _GLOBALS:
        return f"it reaches for {node.name!r}"
    return f"it reaches for the attribute {name!r:.60}" if name.startswith("_") else ""


def _finding(blob: Blob, place: str, what: str, severity: Severity) -> Finding:
    return blob.finding(
        severity, f"the template {place}: {what}", expected="a template that only puts messages together", fix=_FIX
    )
