"""Under which licences the files of a model say that they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from modelyard.formats.audit.finding import Blob, Finding, Severity
from modelyard.methods import licences

_TEXTS = re.compile(r"(?:licen[cs]e|copying)(?:[.-][\w.-]*)?", re.IGNORECASE)
_CARD = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)
_CARD_LICENCE = re.compile(r"^license:\s*['\"]?([A-Za-z0-9.+-]+)", re.MULTILINE)
LONGEST = 1 << 20


def stated(blob: Blob) -> str:
    """The licence that a file states, by its text or its model card; empty where it states none."""
    if _TEXTS.fullmatch(blob.base):
        return licences.identify(blob.read(LONGEST).decode("utf-8", "replace")) or "unknown"
    if blob.base.lower() == "readme.md":
        card = _CARD.match(blob.read(LONGEST).decode("utf-8", "replace").replace("\r\n", "\n"))
        found = _CARD_LICENCE.search(card[1]) if card else None
        return licences.normal(found[1]) if found else ""
    return ""


def judge(found: Mapping[str, str], told: Mapping[str, str]) -> Iterator[Finding]:
    """Licences that contradict one another.

    Args:
        found: licence by file.
        told: licence by ``release`` and whatever it was made from (``base``, ``data``, …).
    """
    names = sorted({name for name in found.values() if name != "unknown"})
    if len(names) > 1:
        yield Finding(
            Severity.MEDIUM,
            ", ".join(found),
            f"the files state different licences: {', '.join(names)}",
            "one licence",
            "ask whoever made the model, and correct the files",
        )
    sources = {what: name for what, name in told.items() if what != "release"}
    if names:
        sources["model"] = names[0]
    release = told.get("release", "")
    for sentence in licences.conflicts(release or (names[0] if names else ""), sources):
        yield Finding(
            Severity.MEDIUM,
            ", ".join(found) or ".",
            sentence,
            "a licence that what the model was made from allows",
            "state the licence that it must have (licences: {release: …}), or start from another model or other data",
        )
