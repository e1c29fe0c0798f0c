"""Keeps some rows of a network's table of word embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from modelyard.core.errors import InputError
from modelyard.methods.vocabulary import renumbered
from modelyard.networks.blocks import configured
from modelyard.networks.resizing import put


def keep(network: nn.Module, old: Sequence[int]) -> None:
    """Keep the embeddings of these tokens, in this order; the configuration follows.

    Args:
        old: the number of each token that stays, ascending.

    Raises:
        InputError: the network also writes tokens, or the embeddings are no plain table.
    """
    whole = configured(network)
    table = whole.get_input_embeddings()
    if whole.get_output_embeddings() is not None or not isinstance(table, nn.Embedding):
        raise InputError(f"{type(whole).__name__} has no plain table of embeddings", expected="an encoder")
    ids = renumbered(whole.config.to_dict(), old)
    if ids.get("pad_token_id") != whole.config.pad_token_id:
        # RoBERTa and its kin count their positions from it.
        raise InputError(f"the padding token is number {whole.config.pad_token_id}", expected="one of the first tokens")
    put(table, "weight", table.weight[torch.tensor(old, device=table.weight.device)])
    for name, value in ids.items():
        setattr(whole.config, name, value)
    whole.config.vocab_size = len(old)
