"""A causal language model as a pure function: its key–value cache is among its inputs and outputs.

Knows Hugging Face networks whose cache is one key and one value tensor a layer (not state-space models).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def cache_tensors(cache: Any) -> list[tuple[Tensor | None, Tensor | None]]:
    """Key and value of each layer; None where a layer keeps another kind of state."""
    return [(getattr(layer, "keys", None), getattr(layer, "values", None)) for layer in cache.layers]


def cache_shape(causal: Any) -> list[list[int]] | None:
    """Heads, key size and value size of each layer, as one token fills them; None for another kind of state."""
    import torch
    from transformers import DynamicCache

    cache, device = DynamicCache(), next(causal.parameters()).device
    with torch.inference_mode():
        token = torch.zeros((1, 1), dtype=torch.long, device=device)
        causal(input_ids=token, past_key_values=cache, use_cache=True)
    shapes = [[[] if part is None else list(part.shape) for part in layer] for layer in cache_tensors(cache)]
    if not shapes or any(len(key) != 4 or key[2] != 1 for key, _ in shapes):
        return None
    return [[key[1], key[3], value[3]] for key, value in shapes]


class CachedNetwork(nn.Module):
    """A causal network that is given its cache and hands out the longer one.

    Args:
        causal: what ``AutoModelForCausalLM`` loads.
    """

    def __init__(self, causal: Any) -> None:
        super().__init__()
        self.causal = causal

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, position_ids: Tensor, logits_at: Tensor, **past: Tensor
    ) -> dict[str, Tensor]:
        """Logits of the new tokens and the cache with them.

        Args:
            input_ids: the new tokens, (batch, new).
            attention_mask: 1 for tokens, 0 for padding, (batch, past + new).
            position_ids: place of each new token in its text, (batch, new).
            logits_at: which of the new tokens to give logits for, (batch, kept), the same in every row.
            past: ``past.N.key`` and ``past.N.value`` of each layer, (batch, heads, past, head size).

        Returns:
            ``logits`` (batch, kept, vocabulary) and ``present.N.key``, ``present.N.value``
            (batch, heads, past + new, head size).
        """
        from transformers import DynamicCache

        layers = range(len(past) // 2)
        cache = DynamicCache([(past[f"past.{layer}.key"], past[f"past.{layer}.value"]) for layer in layers])
        found = self.causal(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=logits_at[0],
        )
        outputs: dict[str, Any] = {"logits": found.logits}
        for number, (key, value) in enumerate(cache_tensors(cache)):
            outputs[f"present.{number}.key"], outputs[f"present.{number}.value"] = key, value
        return outputs

    @property
    def settings(self) -> dict[str, Any]:
        """What the task must know of the network: the cache shrinks with its layers and heads."""
        return {"cache": cache_shape(self.causal)}

    def save_pretrained(self, folder: Any) -> None:
        """Write the weights in Hugging Face layout."""
        self.causal.save_pretrained(folder)
