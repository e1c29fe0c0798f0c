"""How well a language model foresees the documents of a split, or one text after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.progress import progress
from modelyard.core.report import Findings
from modelyard.core.runtime import Session, WritingSession
from modelyard.methods import language_scores, length_batches
from modelyard.tasks.text_generation.writing import SLOTS, TOKENS

if TYPE_CHECKING:
    from modelyard.core.predictor import Predictor
    from modelyard.tasks.text_generation.processor import Processor

MOST_DOCUMENTS = 64
"""More than these are thinned out evenly: 16,000 tokens take half a minute on two cores."""
BATCH_TOKENS = 512
"""Tokens of one call; their logits take 4 bytes times the vocabulary each."""


def evaluate(predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
    """Perplexity, bits per byte and token accuracy of the beginnings of a split's documents.

    Raises:
        InputError: no document of the split has two tokens.
    """
    prepared: Processor = predictor.processor
    rows = predictor.rows(data, split)
    chosen = np.unique(np.linspace(0, len(rows) - 1, num=min(len(rows), MOST_DOCUMENTS)).astype(int))
    documents = [prepared.document(str(rows[row]["text"])) for row in chosen]
    kept = [place for place, (ids, _) in enumerate(documents) if len(ids) > 1]
    if not kept:
        raise InputError(f"no document of the split {split!r} has two tokens or more", expected="texts to score")
    ids = [documents[place][0] for place in kept]
    scores = _score(predictor.session, prepared, ids, [len(tokens) - 1 for tokens in ids])
    findings = language_scores.judge(
        np.asarray(data.column(split, ROW_ID), dtype=np.int64)[chosen[kept]],
        [logprobs for logprobs, _ in scores],
        [best for _, best in scores],
        [tokens[1:].astype(np.int32) for tokens in ids],
        np.array([documents[place][1] for place in kept], dtype=np.int64),
        confidence=confidence,
        seed=seed,
    )
    note = (
        f"Scored are {len(kept)} of {len(rows)} documents of the split {split!r}, of each the first "
        f"{prepared.max_length} tokens; the first token of a document has nothing before it and is not scored."
    )
    return replace(findings, notes=[note, *findings.notes])


def _score(
    session: Session, processor: Processor, texts: Sequence[np.ndarray], asked: Sequence[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each text the log probabilities of its last ``asked`` tokens and the likeliest token in the place of each."""
    scores: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0), np.empty(0))] * len(texts)
    with progress("scoring", total=len(texts)) as bar:
        for batch in length_batches.by_budget([len(ids) for ids in texts], BATCH_TOKENS):
            together = [texts[row] for row in batch]
            if isinstance(session, WritingSession):
                found = session.open_engine(SLOTS, max(TOKENS, *map(len, together))).score(together)
            else:
                found = _score_together(session, processor, together, max(asked[row] for row in batch))
            for row, (logprobs, best) in zip(batch, found, strict=True):
                scores[row] = logprobs[-asked[row] :], best[-asked[row] :]
            bar.advance(len(batch))
    return scores


def _score_together(
    session: Session, processor: Processor, texts: Sequence[np.ndarray], most: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same in one call, of the last ``most`` tokens of each text, or of all but the first."""
    # Nothing is asked of what would come after the last token.
    arrays = processor.collate([ids[:-1] for ids in texts])
    width = arrays["input_ids"].shape[1]
    arrays["logits_at"] = np.arange(width - most, width)[None].repeat(len(texts), axis=0)
    logits = np.asarray(session.run(arrays)["logits"])
    kept = [min(most, len(ids) - 1) for ids in texts]
    # Padding stands on the left.
    return [
        log_probabilities(logits[place, -count:], ids[-count:])
        for place, (ids, count) in enumerate(zip(texts, kept, strict=True))
    ]


def log_probabilities(logits: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Natural log probability of each token, float32, and the likeliest token, int32.

    Args:
        logits: shape (tokens, vocabulary), float32.
        tokens: ids, shape (tokens,).
    """
    highest = logits.max(axis=1)
    totals = np.exp(logits - highest[:, None]).sum(axis=1, dtype=np.float64)
    found = logits[np.arange(len(tokens)), tokens] - highest - np.log(totals)
    return found.astype(np.float32), logits.argmax(axis=1).astype(np.int32)


def likelihoods(session: Session, processor: Processor, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Natural log probability of each second text after the first, in the order of the pairs.

    Tokens are cut from both texts together, without special tokens; blanks at the end of the first go to the second,
    as tokenizers join them with the next word. What does not fit into the context is cut off at its beginning. After
    an empty text stands the model's first token, or its last one.

    Raises:
        InputError: a second text has no token, or does not fit into the context.
    """
    encoded = [_encode_pair(processor, *pair) for pair in pairs]
    scores = _score(session, processor, [ids for ids, _ in encoded], [asked for _, asked in encoded])
    return [float(logprobs.sum(dtype=np.float64)) for logprobs, _ in scores]


def _encode_pair(processor: Processor, before: str, after: str) -> tuple[np.ndarray, int]:
    """Token ids of both texts, and how many of them are the second's."""
    blanks = len(before) - len(before.rstrip())
    if blanks:
        before, after = before[:-blanks], before[-blanks:] + after
    whole = processor.tokenizer.encode(before + after, add_special_tokens=False).ids
    start = len(processor.tokenizer.encode(before, add_special_tokens=False).ids)
    asked = len(whole) - start
    if asked < 1 or asked >= processor.context:
        raise InputError(f"{after!r:.60} has {asked} tokens", expected=f"from 1 to {processor.context - 1}")
    first = [] if start else [_first_token(processor)]
    return np.asarray([*first, *whole][-processor.context :], dtype=np.int64), asked


def _first_token(processor: Processor) -> int:
    for name in ("bos_token", "eos_token"):
        number = processor.tokenizer.token_to_id(processor.special.get(name, ""))
        if number is not None:
            return int(number)
    raise InputError("the model has no first token to put before an empty prompt", fix="give the prompt some text")
