"""Coverage and width of conformal intervals on a real table, over many draws of its rows.

    python benchmarks/conformal.py [DRAWS]

442 people with diabetes (scikit-learn): ten measurements, and how far the disease has gone a year later, from 25 to
346. Each draw divides the rows anew: 40% to learn from, 35% to fit the intervals to, 25% to test them on.
"""

from __future__ import annotations

import sys

import numpy as np

import modelyard

LEVEL = 0.9
DRAWS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
FITS = {"linear": modelyard.fit.linear, "boosting": modelyard.fit.boosting}


def main() -> None:
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for seed in range(DRAWS):
        rows = modelyard.load.data(
            modelyard.fetch("sklearn:diabetes"),
            columns={"target": "target", "features": "*"},
            split={"train": 0.4, "validation": 0.35, "test": 0.25, "seed": seed},
        )
        for name, fit in FITS.items():
            model = fit(rows, task="tabular-regression")
            for method in ("constant", "quantiles"):
                promised = modelyard.conformal.intervals(model, rows, method=method, level=LEVEL)
                measures = modelyard.evaluate(promised, rows).findings.measures
                values = tuple(measures[key].value for key in ("interval_coverage", "interval_width"))
                found.setdefault((name, method), []).append(values)
    print(f"level {LEVEL:g}, {DRAWS} draws; mean and standard deviation over draws")
    for (name, method), each in found.items():
        coverage, width = np.array(each).T
        spread = f"{coverage.mean():.3f} ± {coverage.std():.3f}"
        print(f"{name:<10}{method:<11}coverage {spread}  width {width.mean():.0f} ± {width.std():.0f}")


if __name__ == "__main__":
    main()
