"""Keys and tokens as their issuers publish them: a prefix that nothing else has, and a length.

Every pattern has a bounded length, so that the time is linear in the text. Whoever looks for them says what may stand
before and after. Passwords have no shape.
"""

from __future__ import annotations

TOKENS = {
    "a key of Amazon Web Services": r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    "a token of GitHub": r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}",
    "a token of GitLab": r"glpat-[A-Za-z0-9_-]{20,64}",
    "a token of Hugging Face": r"hf_[A-Za-z0-9]{30,64}",
    "a key of OpenAI, Anthropic or one that is alike": r"sk-[A-Za-z0-9_-]{20,200}",
    "a key of Google": r"AIza[A-Za-z0-9_-]{35}",
    "a token of Slack": r"xox[abeprs]-[A-Za-z0-9-]{10,250}",
    "a key of Stripe": r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}",
    "a token of a package index": r"pypi-[A-Za-z0-9_-]{50,250}|npm_[A-Za-z0-9]{36}",
    "a key of modelyard": r"my_[0-9a-f]{12}_[0-9a-f]{64}",
    # RFC 7519.
    "a JSON web token": r"eyJ[A-Za-z0-9_-]{8,1000}\.eyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{16,1000}",
}
"""Issuer → pattern, as a message names it."""
