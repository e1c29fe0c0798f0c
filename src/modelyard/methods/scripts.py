"""Scripts that put no blanks between words, as ranges for patterns. Knows characters only."""

from __future__ import annotations

WITHOUT_BLANKS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Kana, Han and hangul."""
