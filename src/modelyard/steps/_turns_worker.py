"""The process that ``speedup`` measures one of its models in: it runs when it is told to, and says how long it took.

The job comes as JSON on the first line of standard input; after it, each line names a cell to run for a while, and is
answered with one line of JSON. Between two lines the process sleeps, so that the other model has the machine. Knows no
statistics.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO, cast

from modelyard.core.artifact import open_artifact
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor

FEWEST_RUNS = 3


def serve(lines: TextIO, answer: Callable[[Mapping[str, Any]], None]) -> None:
    """Open the job's model, warm every cell up, and time one for each line that comes.

    A cell is a batch size; its time is the median seconds of one call of the network on so many rows.

    Raises:
        InputError: the model takes no rows of that length.
    """
    job = json.loads(lines.readline())
    with Predictor(cast(Model, open_artifact(Path(job["model"]))), threads=job["threads"]) as predictor:
        cells = {}
        for batch in job["batch_sizes"]:
            (work, *_) = predictor.task.workloads(predictor, batch, job["length"])
            work.run()
            cells[batch] = work.run
        answer({"ready": True})
        for line in lines:
            answer({"seconds": _median(cells[int(line)], job["seconds"])})


def _median(run: Callable[[], Any], seconds: float) -> float:
    # The first call after a pause finds cold caches and sleeping threads.
    run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < FEWEST_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    # Libraries print: nothing but our lines may come out of the pipe.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as pipe:
        os.dup2(2, 1)

        def answer(message: Mapping[str, Any]) -> None:
            pipe.write(json.dumps(message) + "\n")
            pipe.flush()

        try:
            serve(sys.stdin, answer)
        except InputError as error:
            answer({"error": error.to_json()})


if __name__ == "__main__":
    main()
