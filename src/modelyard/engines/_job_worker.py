"""A worker of :class:`modelyard.engines.jobs.Processes`: jobs come as lines on standard input, results go out."""

from __future__ import annotations

import json
import os
import signal
import sys

from modelyard.engines.jobs import find_function


def main() -> None:
    """Answer until standard input ends."""
    # Who started this process decides about interruptions, and ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    # Whatever a library prints must not mix with the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer = {"result": find_function(question["function"])(question["job"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer, allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
