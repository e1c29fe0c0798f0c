"""The ONNX Runtime as modelyard sets it up, beside the same graph in a session as it comes.

    python -m benchmarks.onnx_session sms-spam

One thread; both take turns. Figures are medians, and the median of the ratios within a turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

from modelyard.core import lookup
from modelyard.yard.yard import Yard

SHAPES = ((1, 12), (1, 32), (4, 32), (16, 32))
"""Rows and tokens."""
TURNS = 50


def main() -> None:
    import onnxruntime

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release", help="a text classifier on the runtime onnxruntime, in the yard")
    yard = Yard.default()
    model = yard.model(yard.resolve(parser.parse_args().release))
    ours = lookup.runtime(model.runtime).open(model, threads=1)
    options: Any = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    plain = onnxruntime.InferenceSession(model.path / "model.onnx", options)
    print("| rows, tokens | as it comes, ms | modelyard, ms | ratio | logits differ by |\n|---|---|---|---|---|")
    for rows, tokens in SHAPES:
        shape = (rows, tokens)
        feeds = {name: np.zeros(shape, np.int64) for name in ours.input_names}
        feeds["input_ids"] = np.random.default_rng(0).integers(1000, 20_000, shape)
        feeds["attention_mask"] = np.ones(shape, np.int64)
        times: list[tuple[float, float]] = []
        for _ in range(TURNS):
            started = time.perf_counter()
            theirs = plain.run(["logits"], feeds)[0]
            between = time.perf_counter()
            found = ours.run(feeds)["logits"]
            times.append((between - started, time.perf_counter() - between))
        before, after = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
        ratio = statistics.median(one / other for one, other in times)
        print(f"| {rows}, {tokens} | {before:.2f} | {after:.2f} | {ratio:.2f} | {np.abs(theirs - found).max():.1e} |")


if __name__ == "__main__":
    main()
