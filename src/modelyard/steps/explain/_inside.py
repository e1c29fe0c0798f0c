"""A model's torch network and one row of it, for methods that look inside: what they find goes to the row's parts."""

from __future__ import annotations

import math
from typing import Any, Literal, cast

import numpy as np

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.task import DivisibleTask
from modelyard.methods import attention_rollout, grad_cam, integrated_gradients, smoothgrad
from modelyard.steps.explain._rows import Attribution, Subject


def frozen_network(model: Model) -> Any:
    """The network as the task gives it, on the CPU in float32; gradients go to its input alone."""
    network = lookup.task(model.task).network(model)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network


class Inside:
    """Loads the network once."""

    def __init__(self, model: Model) -> None:
        self._task = cast(DivisibleTask, lookup.task(model.task))
        self._labels = model.labels
        self._processor = self._task.processor(model)
        self._network = frozen_network(model)

    def gradients(
        self, subject: Subject, method: Literal["integrated", "smoothgrad", "gradcam"], steps: int
    ) -> Attribution:
        """Attributions by one of three methods on gradients.

        Raises:
            InputError: Grad-CAM of what is no image.
        """
        from modelyard.networks.input_gradients import RowFunction

        output = None if subject.label is None else self._labels.index(subject.label)
        function = RowFunction(self._network, self._arrays(subject, whole=True), output)
        if method == "gradcam":
            return self._grad_cam(subject, function)
        owners = self._task.owners(self._processor, subject.row, subject.units)
        if function.has_tokens:
            baseline = function.padded(owners < 0)
        else:
            (empty,) = self._arrays(subject, whole=False).values()
            baseline = empty[0].astype(np.float64)
        if method == "smoothgrad":
            smooth = smoothgrad.explain(function, function.inputs, baseline, steps=steps, seed=subject.seed)
            return self._gather(smooth, owners, subject)
        found, delta = integrated_gradients.explain(function, function.inputs, baseline, steps=steps)
        change = abs(float(found.sum()) - delta)
        figures = {"completeness_delta": abs(delta), "completeness_share": abs(delta) / max(change, 1e-12)}
        return self._gather(found, owners, subject, figures)

    def attention(self, subject: Subject) -> Attribution:
        """Attention rollout.

        Raises:
            InputError: the network has no attention, or its tokens are not those of the row.
        """
        from modelyard.networks import attentions

        found = attention_rollout.rollout(attentions.of_row(self._network, self._arrays(subject, whole=True)))
        owners = self._task.owners(self._processor, subject.row, subject.units)
        if owners.ndim == 1:
            return self._gather(found, owners, subject)
        # An image's tokens are a square of patches, after one or two that stand for none.
        side = math.isqrt(len(found))
        seen = grad_cam.enlarge(found[-side * side :].reshape(side, side), *owners.shape)
        return self._gather(seen, owners, subject)

    def _grad_cam(self, subject: Subject, function: Any) -> Attribution:
        from modelyard.networks import feature_maps

        if subject.units.kind != "patch":
            raise InputError("Grad-CAM is for images", fix="use method: integrated or smoothgrad")
        owners = self._task.owners(self._processor, subject.row, subject.units)
        activations, gradients = feature_maps.last_maps(self._network, function)
        return self._gather(grad_cam.explain(activations, gradients, *owners.shape), owners, subject)

    def _arrays(self, subject: Subject, *, whole: bool) -> dict[str, np.ndarray]:
        """The row as a batch of one, with all its parts or with none."""
        row = {role: subject.row[role] for role in self._task.inputs}
        kept = np.full((1, len(subject.units)), whole)
        masked = self._task.mask(self._processor, row, subject.units, kept)
        return dict(self._task.collate(self._processor, self._task.encode(self._processor, masked)))

    def _gather(
        self, found: np.ndarray, owners: np.ndarray, subject: Subject, figures: dict[str, float] | None = None
    ) -> Attribution:
        """The sum over the places of each part: of a token's embedding, a pixel's colours, a column's codes."""
        if found.ndim > owners.ndim:
            # Colours stand before the places of an image, an embedding behind the tokens of a text.
            found = found.sum(axis=0 if owners.ndim == 2 else -1)
        weights = np.bincount(owners.ravel() + 1, found.ravel(), minlength=len(subject.units) + 1)[1:]
        return Attribution(weights, map=found if owners.ndim == 2 else None, figures=figures or {})
