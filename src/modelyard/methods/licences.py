"""Licences: which one a text is, and whether what was built may be given away under another.

Names are SPDX identifiers in lower case, as on model cards. Knows the terms that conflict by rule (non-commercial, no
derivatives, share-alike); a licence of a company's own must be read, and is said to be. This is not legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_PHRASES = {
    "agpl-3.0": r"gnu affero general public license\s+version 3",
    "lgpl-3.0": r"gnu lesser general public license\s+version 3",
    "gpl-3.0": r"gnu general public license\s+version 3",
    "gpl-2.0": r"gnu general public license\s+version 2",
    "mpl-2.0": r"mozilla public license,? version 2\.0",
    "apache-2.0": r"apache license,?\s+version 2\.0",
    "cc-by-nc-nd-4.0": r"attribution-noncommercial-noderivatives 4\.0",
    "cc-by-nc-sa-4.0": r"attribution-noncommercial-sharealike 4\.0",
    "cc-by-nc-4.0": r"attribution-noncommercial 4\.0",
    "cc-by-sa-4.0": r"attribution-sharealike 4\.0",
    "cc-by-nd-4.0": r"attribution-noderivatives 4\.0",
    "cc-by-4.0": r"attribution 4\.0 international",
    "cc0-1.0": r"cc0 1\.0 universal",
    "openrail": r"openrail|responsible ai license",
    "llama": r"llama [\d.]+ community license",
    "gemma": r"gemma terms of use",
    "bsd-3-clause": r"redistribution and use in source and binary forms.*neither the name",
    "bsd-2-clause": r"redistribution and use in source and binary forms",
    "mit": r"permission is hereby granted, free of charge, to any person obtaining a copy",
}
_OWN_TERMS = (
    "llama",
    "gemma",
    "openrail",
    "bigscience",
    "bigcode",
    "creativeml",
    "other",
    "unknown",
    "deepfloyd",
    "qwen",
)
_SHARES_ALIKE = re.compile(r"(?:^|-)(?:sa|gpl|agpl)(?:-|$)")


def identify(text: str) -> str:
    """The identifier of a licence's text; empty for one that is not known."""
    plain = " ".join(text.lower().split())
    return next((name for name, phrase in _PHRASES.items() if re.search(phrase, plain)), "")


def normal(name: str) -> str:
    """An identifier as model cards write it."""
    name = name.strip().strip("\"'").lower()
    return re.sub(r"-(only|or-later)$", "", name)


def conflicts(release: str, sources: Mapping[str, str]) -> list[str]:
    """What stands against giving a model away under a licence, a sentence each.

    Args:
        release: licence of the result; empty where it is not stated.
        sources: licence by what it was made from, such as ``{"base": "cc-by-nc-4.0", "data": "mit"}``.
    """
    found = []
    ours = normal(release)
    for what, name in sources.items():
        theirs = normal(name)
        parts = theirs.split("-")
        if "nd" in parts:
            found.append(f"{what} is under {theirs}: nothing that is derived from it may be given away")
        if "nc" in parts and "nc" not in ours.split("-"):
            found.append(f"{what} is under {theirs}, which allows no commercial use; {ours or 'no licence'} does")
        if _SHARES_ALIKE.search(theirs) and not (ours and _family(ours) == _family(theirs)):
            found.append(f"{what} is under {theirs}, which asks for the same licence, not {ours or 'none'}")
        if theirs.startswith(_OWN_TERMS):
            found.append(f"{what} is under terms of its own ({theirs}), which must be read")
    return found


def _family(name: str) -> str:
    """A licence without its version."""
    return re.sub(r"-?\d+(\.\d+)*$", "", name)
