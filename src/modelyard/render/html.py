"""A release's page, or one report alone, as an HTML file: no script, nothing loaded, light and dark, fit for a phone.

Everything that is not this package's own is escaped, invisible and commanding characters are written out, and the
content security policy allows this file's one style sheet and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from modelyard.core.report import Findings
from modelyard.render import summary, wording
from modelyard.render.page import Page
from modelyard.render.wording import inert

if TYPE_CHECKING:
    from jinja2 import Environment

MARKS = {"met": "✓", "not met": "✕", "inconclusive": "?"}
_ROWS_SHOWN = 60
_ROWS_OPEN = 15


def render_html(page: Page) -> str:
    """The whole page; the same facts give the same text."""
    return _fill("page.html", page=page)


def render_report(title: str, findings: Findings) -> str:
    """One report with its figures, tables, notes and measures."""
    return _fill("report.html", title=title, findings=findings)


def _fill(name: str, **facts: Any) -> str:
    style = files("modelyard.render").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # Figures carry their colours in style attributes and their pixels in themselves; the only style element is known
    # by its hash.
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; style-src-elem 'sha256-{digest}'; "
        "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )
    return _environment().get_template(name).render(**facts, style=_trusted(style), policy=_trusted(policy))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("modelyard.render", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.globals |= {
        "summary": summary,
        "draw": _draw,
        "marks": MARKS,
        "rows_shown": _ROWS_SHOWN,
        "rows_open": _ROWS_OPEN,
    }
    environment.filters |= {"cell": wording.write_cell, "share": _share, "kind": _verdict_class}
    return environment


def _finalize(value: Any) -> Any:
    """Every value that the template prints passes here before it is escaped."""
    from markupsafe import Markup

    return value if isinstance(value, Markup) else inert(str(value))


def _trusted(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def _draw(figure: Any) -> Any:
    from modelyard.render.figures import draw_svg

    return _trusted(draw_svg(figure, inline=True))


def _share(part: float) -> str:
    """A position from 0 to 1 as a percentage for a style attribute."""
    return f"{100 * part:.2f}%"


def _verdict_class(verdict: str) -> str:
    return {"met": "met", "not met": "unmet"}.get(verdict, "open")
