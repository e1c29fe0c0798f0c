"""What an attack did to a row, to look at: a text with its edits on grounds, an image beside itself as it was.

Knows no attack and no model; a figure is data.
"""

from __future__ import annotations

import base64
import difflib

import numpy as np

from modelyard.core.report import Figure
from modelyard.formats import image_file
from modelyard.methods import text_edits

SHOWN = 6
"""Rows of a report that are drawn."""
LONGEST = 1500
"""Characters of a text that are drawn."""
IMAGE_NOTE = "Pictures: an image as it was, as it was attacked, and the change between them, stretched about grey."


def title(row: object, before: object, after: object) -> str:
    """Row and answers in words."""
    return f"Row {row}: {before}, after the attack {after}"


def edited_text(title: str, before: str, after: str) -> Figure:
    """The text as it was over the text as it is now; words that went on one ground, words that came on the other."""
    old, new = (text_edits.split(text[:LONGEST]) for text in (before, after))
    same = difflib.SequenceMatcher(None, old.words, new.words, autojunk=False).get_matching_blocks()
    kept_old = {place for block in same for place in range(block.a, block.a + block.size)}
    kept_new = {place for block in same for place in range(block.b, block.b + block.size)}
    pieces = [*_pieces(old, kept_old, 1.0), ("\n", 0.0), ("\n", 0.0), *_pieces(new, kept_new, -1.0)]
    return Figure(title, "text", x_names=[piece for piece, _ in pieces], cells=[[ground for _, ground in pieces]])


def _pieces(words: text_edits.Words, kept: set[int], ground: float) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for place, word in enumerate(words.words):
        found += [(words.between[place], 0.0), (word, 0.0 if place in kept else ground)]
    return found


def moved_image(title: str, before: np.ndarray, after: np.ndarray) -> Figure:
    """The image as it was, as it is now, and the change between them, stretched to the whole range about grey.

    Args:
        before: shares of a pixel's range, of shape (channels, height, width).
        after: of the same shape.
    """
    change = after - before
    stretched = 0.5 + 0.5 * change / (np.abs(change).max() or 1.0)
    gap = np.ones((*before.shape[:2], max(1, before.shape[2] // 20)))
    row = np.concatenate([before, gap, after, gap, stretched], axis=2)
    pixels = np.clip(np.rint(row * 255), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    picture = base64.b64encode(image_file.encode(np.ascontiguousarray(pixels))).decode("ascii")
    return Figure(title, "image", picture=picture)
