"""What one server admits: sizes, counts and times, checked before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.core.access import Rate

_WRONG_KEYS = Rate(1.0, 20)


@dataclass(frozen=True)
class Limits:
    """Bounds of a request and of the work that may wait.

    Attributes:
        body_bytes: largest body, after decompression.
        body_seconds: a body must have arrived by then.
        json_depth: deepest nesting of a JSON body.
        request_rows: most rows in one request.
        text_characters: longest text of one row, or of all messages of one chat.
        queue_rows: most rows that wait for or are in the model; more are turned away with 503.
        queue_seconds: longest that a prediction may have to wait for its turn; more are turned away with 503.
        batch_rows: most rows in one call of the model.
        batch_seconds: a worker that takes longer for a call, or for one piece of generated text, is ended.
        predict_seconds: a prediction must be answered by then, generation excluded.
        explain_seconds: the same for an explanation.
        explain_samples: most sets of parts that one explanation may ask the model about.
        load_seconds: a request waits so long for a model that is not loaded.
        generate_seconds: the same for generated text.
        generate_tokens: most tokens of one generated answer.
        sequences: most answers to one prompt.
        cache_waiting: how many times the cache of a text generator may be asked for by what waits for room in it;
            more is turned away with 429.
        stream_pieces: pieces of text that may wait for a reader that has stalled.
        wrong_keys: how often one address may show a wrong key before it is told to wait.
        stall_seconds: a reader that takes nothing for so long has stalled; its answer is given up.
    """

    body_bytes: int = 4 * 1024 * 1024
    body_seconds: float = 10.0
    json_depth: int = 32
    request_rows: int = 1024
    text_characters: int = 100_000
    queue_rows: int = 4096
    queue_seconds: float = 2.0
    batch_rows: int = 32
    batch_seconds: float = 60.0
    predict_seconds: float = 30.0
    explain_seconds: float = 60.0
    explain_samples: int = 2048
    load_seconds: float = 120.0
    generate_seconds: float = 300.0
    generate_tokens: int = 4096
    sequences: int = 8
    cache_waiting: float = 4.0
    stream_pieces: int = 256
    wrong_keys: Rate = _WRONG_KEYS
    stall_seconds: float = 10.0
