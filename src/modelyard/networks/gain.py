"""Trains a generator to fill gaps so that a discriminator cannot tell what was filled: GAIN.

Yoon, Jordon and van der Schaar, "GAIN: Missing data imputation using generative adversarial nets", ICML 2018. Arrays
in, arrays out: what was learned runs without torch (:mod:`modelyard.methods.generated_imputation`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from modelyard.core.progress import progress
from modelyard.methods.generated_imputation import NOISE

HINT = 0.9
"""Share of the cells of which the discriminator is told whether they were there."""
RATE = 1e-3
NARROWEST = 32
"""Hidden layers are as wide as the table, as in the paper, but no narrower: a few ReLUs may all be dead."""

Layers = list[tuple[list[list[float]], list[float]]]


def train(scaled: np.ndarray, *, steps: int, batch_size: int, reconstruction: float, seed: int) -> Layers:
    """Learn on rows with gaps.

    Args:
        scaled: (rows, columns) from 0 to 1, NaN for a gap.
        steps: updates of each of the two networks.
        batch_size: rows of one update.
        reconstruction: weight of the squared error on what was there, beside the discriminator's verdict.
        seed: of weights, batches and noise.

    Returns:
        Matrix and constants of each of the generator's layers.
    """
    generator_random = torch.Generator().manual_seed(seed)
    there = torch.from_numpy(~np.isnan(scaled)).float()
    rows = torch.from_numpy(np.nan_to_num(scaled)).float()
    width = rows.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator, discriminator = (_network(width) for _ in range(2))
    optimizers = [torch.optim.Adam(network.parameters(), lr=RATE) for network in (generator, discriminator)]
    with progress("training", steps) as bar:
        for _ in range(steps):
            chosen = torch.randint(len(rows), (min(batch_size, len(rows)),), generator=generator_random)
            mask = there[chosen]
            noise = NOISE * torch.rand(mask.shape, generator=generator_random)
            seen = mask * rows[chosen] + (1 - mask) * noise
            told = (torch.rand(mask.shape, generator=generator_random) < HINT).float()
            hint = told * mask + 0.5 * (1 - told)
            _step(generator, discriminator, optimizers, seen, mask, hint, reconstruction)
            bar.advance()
    linear = [layer for layer in generator if isinstance(layer, torch.nn.Linear)]
    return [(layer.weight.detach().double().T.tolist(), layer.bias.detach().double().tolist()) for layer in linear]


def _network(width: int) -> torch.nn.Sequential:
    """Two hidden layers; the sigmoid is the loss's, or the caller's."""
    layers: list[torch.nn.Module] = []
    hidden = max(width, NARROWEST)
    for inputs, outputs in ((2 * width, hidden), (hidden, hidden), (hidden, width)):
        layer = torch.nn.Linear(inputs, outputs)
        torch.nn.init.xavier_normal_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        layers += [layer, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def _step(
    generator: torch.nn.Module,
    discriminator: torch.nn.Module,
    optimizers: list[torch.optim.Adam],
    seen: torch.Tensor,
    mask: torch.Tensor,
    hint: torch.Tensor,
    reconstruction: float,
) -> None:
    """One update of the discriminator, then one of the generator."""
    answer = torch.sigmoid(generator(torch.cat([seen, mask], 1)))
    filled = mask * seen + (1 - mask) * answer
    verdict = discriminator(torch.cat([filled.detach(), hint], 1))
    optimizers[1].zero_grad()
    functional.binary_cross_entropy_with_logits(verdict, mask).backward()
    optimizers[1].step()
    verdict = discriminator(torch.cat([filled, hint], 1))
    # The logarithm of the probability that a filled cell was there.
    fooled = -((1 - mask) * functional.logsigmoid(verdict)).mean()
    error = ((mask * (seen - answer)) ** 2).sum() / mask.sum().clamp(min=1)
    optimizers[0].zero_grad()
    (fooled + reconstruction * error).backward()
    optimizers[0].step()
