"""The training loop that every step which trains uses: examples, loop, checkpoints.

Generic over tasks: it calls their ``encode``, ``collate`` and a loss. Knows no step, no recipe and no yard.
"""

from modelyard.engines.training.curve import CURVE, write_curve
from modelyard.engines.training.examples import Examples, learned_transforms, read_both, read_examples
from modelyard.engines.training.loop import Settings, train

__all__ = [
    "CURVE",
    "Examples",
    "Settings",
    "learned_transforms",
    "read_both",
    "read_examples",
    "train",
    "write_curve",
]
