"""A key–value cache inside OpenVINO: attention in pages (Kwon et al. 2023), the tokens of all slots in one call.

A call takes the next tokens of each slot one after the other, without padding, and writes keys and values where they
stay. Each slot has pages of its own that lie side by side. Knows graphs that ``attention`` has fused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.slot_memory import SlotMemory
from modelyard.runtimes.openvino.attention import by_name


def can_be_paged(graph: Any) -> bool:
    """Whether the graph is a language model whose attention is whole operators."""
    kinds = {operator.get_type_name() for operator in graph.get_ops()}
    return "ScaledDotProductAttention" in kinds and "past.0.key" in by_name(graph.inputs)


def paged(graph: Any) -> Any:
    """A copy of the graph whose caches are inputs that it writes to: ``key_cache.N`` and ``value_cache.N``.

    Its other inputs are OpenVINO's own: ``input_ids`` and ``position_ids`` of the new tokens of all sequences,
    ``past_lens``, ``subsequence_begins``, ``block_indices``, ``block_indices_begins``, ``max_context_len``; and
    ``logits_at``, (1, kept), which of the tokens to give logits for.
    """
    from openvino._offline_transformations import paged_attention_transformation

    stateful = _stateful(graph.clone())
    # OpenVINO's pass puts tokens along the first axis, and picks its inputs by the names of operators.
    inputs = by_name(stateful.inputs)
    for name in ("input_ids", "position_ids"):
        inputs[name].get_node().set_friendly_name(name)
    _pick_along_first_axis(inputs["logits_at"])
    try:
        paged_attention_transformation(stateful)
    except RuntimeError as error:
        raise InputError(
            "OpenVINO finds no attention in the network that it can give a cache",
            expected="causal attention over all tokens in every layer",
            fix="export it to the runtime onnxruntime",
        ) from error
    return stateful


def _stateful(graph: Any) -> Any:
    """Pairs of inputs and outputs as variables: the form that OpenVINO's pass knows."""
    import openvino
    from openvino import opset6, opset13

    inputs, results = by_name(graph.inputs), by_name(graph.outputs)
    rows = opset13.parameter([-1], np.int32, name="beam_idx")
    rows.output(0).set_names({"beam_idx"})
    kept, sinks = [rows], []
    for name, port in inputs.items():
        if not name.startswith("past."):
            kept.append(port.get_node())
            continue
        takers, shape = port.get_target_inputs(), port.get_partial_shape()
        sizes = [size.get_length() if size.is_static else -1 for size in shape]
        nothing = opset13.constant(np.zeros([max(size, 0) for size in sizes], np.float32))
        variable = opset6.read_value(nothing, name, np.float32, sizes)
        chosen = opset13.gather(variable, rows, opset13.constant(np.int32(0)))
        for taker in takers:
            taker.replace_source_output(chosen.output(0))
        grown = results[name.replace("past", "present")].get_node().input_value(0)
        sinks.append(opset6.assign(grown.get_node(), name))
    return openvino.Model([results["logits"].get_node()], sinks, kept, "paged")


def _pick_along_first_axis(logits_at: Any) -> None:
    from openvino import opset13

    (places,) = (taker.get_node() for taker in logits_at.get_target_inputs())
    (picking,) = (taker.get_node() for taker in places.output(0).get_target_inputs())
    picking.input(2).replace_source_output(opset13.constant(np.int64(0)).output(0))


class PagedCache:
    """Args:
        compiled: what :func:`paged` gives, compiled.
        slots: how many.
        tokens: most tokens of one slot.

    Attributes:
        lengths: tokens that each slot holds, int64.
    """

    def __init__(self, compiled: Any, slots: int, tokens: int) -> None:
        import openvino

        self.lengths = np.zeros(slots, np.int64)
        self._request = compiled.create_infer_request()
        caches = {name: port for name, port in by_name(compiled.inputs).items() if "_cache." in name}
        self._page = caches["value_cache.0"].get_partial_shape()[2].get_length()
        self._pages = -(-tokens // self._page)
        self._memory: list[SlotMemory] = []
        self._buffers: dict[str, np.ndarray] = {}
        for name, port in caches.items():
            kind = port.get_element_type()
            shape = [slots * self._pages, *(size.get_length() for size in list(port.get_partial_shape())[1:])]
            memory = SlotMemory(slots, int(np.prod(shape)) // slots * kind.size)
            self._memory.append(memory)
            self._buffers[name] = memory.bytes.reshape(slots, self._pages, -1)
            held = openvino.Tensor(memory.bytes, openvino.Shape(shape), kind)
            self._request.set_tensor(name, held)

    def append(self, pieces: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
        """As :meth:`KeyValueCache.append` says, in one call."""
        import openvino

        slots = np.array([slot for slot, _ in pieces])
        arrays = self._arrays(slots, [ids for _, ids in pieces])
        for name, array in arrays.items():
            self._request.set_tensor(name, openvino.Tensor(array))
        self._request.infer()
        self.lengths[slots] += [len(ids) for _, ids in pieces]
        return np.array(self._request.get_tensor("logits").data)[:, 0]

    def _arrays(self, slots: np.ndarray, ids: Sequence[np.ndarray]) -> Mapping[str, np.ndarray]:
        past, counts = self.lengths[slots], np.array([len(piece) for piece in ids])
        pages = -(-(past + counts) // self._page)
        ends = counts.cumsum()
        places = [np.arange(begin, begin + count) for begin, count in zip(past, counts, strict=True)]
        blocks = [slot * self._pages + np.arange(count) for slot, count in zip(slots, pages, strict=True)]
        whole = {
            "past_lens": past,
            "subsequence_begins": np.concatenate([[0], ends]),
            "block_indices": np.concatenate(blocks),
            "block_indices_begins": np.concatenate([[0], pages.cumsum()]),
            "max_context_len": (past + counts).max(),
        }
        tokens = {"input_ids": np.concatenate(ids), "position_ids": np.concatenate(places), "logits_at": ends[None] - 1}
        return {name: np.array(array, np.int32) for name, array in whole.items()} | {
            name: np.array(array, np.int64) for name, array in tokens.items()
        }

    def copy(self, source: int, target: int, length: int) -> None:
        """As :meth:`KeyValueCache.copy` says; whole pages."""
        pages = -(-length // self._page)
        for buffer in self._buffers.values():
            buffer[target, :pages] = buffer[source, :pages]
        self.lengths[target] = length

    def clear(self, slot: int) -> None:
        """As :meth:`KeyValueCache.clear` says."""
        self.lengths[slot] = 0
        for memory in self._memory:
            memory.clear(slot)
