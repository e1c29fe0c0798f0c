"""What is settled about a network before it is trained: dropout, number of weights, precision."""

from __future__ import annotations

from typing import Any, Literal

from modelyard.engines import instructions

Precision = Literal["auto", "fp32", "bf16"]

DROPOUT = ("hidden_dropout_prob", "hidden_dropout", "dropout", "resid_pdrop", "embd_pdrop", "embedding_dropout")
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
"""Names that Hugging Face configurations give to the two kinds."""


def with_dropout(network: Any, dropout: float | None, attention_dropout: float | None) -> Any:
    """The same weights in a network with other dropout rates; None leaves a rate as it is.

    The rates are written into the Hugging Face configuration and the network is built anew from it, so that
    no name inside the network need be known. A network without a configuration comes back as it is.
    """
    import torch

    from modelyard.networks import resizing

    config = getattr(network, "config", None)
    wanted = dict.fromkeys(DROPOUT, dropout) | dict.fromkeys(ATTENTION_DROPOUT, attention_dropout)
    changed = {
        name: rate
        for name, rate in wanted.items()
        if rate is not None and getattr(config, name, None) not in (None, rate)
    }
    if not changed:
        return network
    for name, rate in changed.items():
        setattr(config, name, rate)
    with torch.random.fork_rng(devices=[]):
        rebuilt = type(network)(config)
    # A pruned network is smaller than its configuration says.
    resizing.fit(rebuilt, network.state_dict())
    rebuilt.load_state_dict(network.state_dict())
    return rebuilt.to(next(network.parameters()).device)


def count_trained(network: Any) -> int:
    """Number of trained weights, word embeddings aside: of those each row uses only a few."""
    import torch

    embedded = {
        id(weight)
        for module in network.modules()
        if isinstance(module, torch.nn.Embedding)
        for weight in module.parameters()
    }
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad and id(weight) not in embedded)


def use_bf16(precision: Precision, network: Any) -> bool:
    """Whether to train under bfloat16 autocast; ``auto`` does where the chip is faster in it."""
    import torch

    if precision != "auto":
        return precision == "bf16"
    if next(network.parameters()).is_cuda:
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return instructions.bf16_pays()
