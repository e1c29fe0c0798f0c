"""One caller at a time: rows answered by a worker of one core, beside the same with all cores where that pays.

    modelyard export onnxruntime yard:sms-spam --out float32
    python -m benchmarks.lone_rows float32

Real SMS texts, through the server's own scheduler, without HTTP. Both take turns over the whole set; figures are
medians over the rounds after the first, in which the scheduler learns, and ratios within a round.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving import CORES, sms_texts
from modelyard.core.artifact import open_artifact
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import cores_alone
from modelyard.serve.limits import Limits
from modelyard.serve.scheduler import Scheduler
from modelyard.yard.yard import Yard

DEADLINE = 60.0


async def ask_all(scheduler: Scheduler, texts: Sequence[str]) -> tuple[list[float], list[float]]:
    """Seconds of each text, and its scores."""
    times, scores = [], []
    for text in texts:
        started = time.perf_counter()
        (answer,) = await scheduler.submit([{"text": text}], {}, DEADLINE)
        times.append(time.perf_counter() - started)
        scores.append(float(answer["score"]))
    return times, scores


async def compare(model: Model, texts: Sequence[str], rounds: int) -> None:
    """Print a table."""
    sources = [ForkServer(model), ForkServer(model, spread=cores_alone(model, CORES))]
    schedulers = [Scheduler(source, CORES, Limits()) for source in sources]
    for scheduler in schedulers:
        await scheduler.start()
    found: list[list[tuple[float, float, float]]] = [[], []]
    furthest = 0.0
    for _ in range(rounds + 1):
        scores = []
        for scheduler, figures in zip(schedulers, found, strict=True):
            times, answers = await ask_all(scheduler, texts)
            cuts = statistics.quantiles(times, n=100)
            figures.append((len(texts) / sum(times), cuts[49] * 1e3, cuts[98] * 1e3))
            scores.append(answers)
        furthest = max(furthest, *(abs(one - other) for one, other in zip(*scores, strict=True)))
    print("| | rows/s | p50 ms | p99 ms |\n|---|---|---|---|")
    for name, figures in zip(("one core", f"{CORES} cores where that pays"), found, strict=True):
        rate, middle, tail = (statistics.median(column) for column in zip(*figures[1:], strict=True))
        print(f"| {name} | {rate:.0f} | {middle:.2f} | {tail:.1f} |")
    ratios = [every[0] / one[0] for one, every in zip(*found, strict=True)][1:]
    print(f"times as many rows a second: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"scores differ by {furthest:.1e} at most")
    for scheduler, source in zip(schedulers, sources, strict=True):
        await scheduler.close()
        source.close()


def _open(name: str) -> Model:
    if not Path(name).is_dir():
        yard = Yard.default()
        return yard.model(yard.resolve(name))
    model = open_artifact(Path(name))
    if not isinstance(model, Model):
        raise InputError(f"{name} holds no model", expected="the folder of a model")
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="text classifier on the runtime onnxruntime: a folder, or in the yard")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    asyncio.run(compare(_open(given.model), sms_texts(), given.rounds))


if __name__ == "__main__":
    main()
