"""What a student is taught by a teacher's answers: losses, and a student that shows its layers.

Tensors and modules only: where the teacher's answers come from is not its business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.nn import functional

from modelyard.networks import losses
from modelyard.networks.layer_states import LayerStates

STATES = "states"
"""Output of a student that shows its layers: one tensor (rows, width) a layer."""
TEACHER_LOGITS, TEACHER_STATES = "teacher.logits", "teacher.states."
"""Names under which a batch holds the teacher's answers; that of the states is followed by the layer's number."""


def answer_losses(
    logits: torch.Tensor,
    teacher: torch.Tensor,
    labels: torch.Tensor,
    *,
    temperature: float,
    soft: float,
    focus: torch.Tensor | None = None,
) -> torch.Tensor:
    """Loss of each row, shape (rows,): Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network", 2015.

    ``soft · T² · KL(teacher_T ‖ student_T) + (1 − soft) · cross entropy``, where ``_T`` is the softmax of logits over
    ``T``. The factor T² keeps the size of the gradient as the temperature changes. A row without a label is learned
    from the teacher alone: its loss is the first term with a weight of one.

    Args:
        logits: the student's, (rows, classes).
        teacher: the teacher's for the same rows; a constant added to a row changes nothing.
        labels: class numbers, negative where there is none.
        temperature: above 1 shows more of how the teacher ranks the wrong classes.
        soft: share of the teacher in the loss of a labelled row, from 0 to 1.
        focus: exponent gamma of each row's cross entropy, or None (:func:`modelyard.networks.losses.cross_entropy`).
    """
    log_student = functional.log_softmax(logits.float() / temperature, dim=-1)
    log_teacher = functional.log_softmax(teacher.float() / temperature, dim=-1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(-1)
    taught = divergence * temperature**2
    told = losses.row_losses(logits, labels.clamp(min=0), focus)
    return torch.where(labels < 0, taught, soft * taught + (1 - soft) * told)


def state_losses(student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor]) -> torch.Tensor:
    """Loss of each row, shape (rows,): how far the directions of the student's states are from the teacher's.

    ``‖s/‖s‖ − t/‖t‖‖²``, mean over the layers (Sun et al., "Patient knowledge distillation for BERT model
    compression", 2019). Both are (rows, width) tensors, one a layer.
    """
    distances = [
        (functional.normalize(ours.float(), dim=-1) - functional.normalize(theirs.float(), dim=-1)).square().sum(-1)
        for ours, theirs in zip(student, teacher, strict=True)
    ]
    return torch.stack(distances).mean(dim=0)


def make_loss(*, temperature: float, soft: float, hidden: float) -> Callable[[Any, Mapping[str, Any], Any], Any]:
    """A loss for the training loop: ``answers + hidden · states``, the mean over the rows of a batch.

    A batch without the teacher's states is judged by the answers alone. The three weights are those of
    :func:`answer_losses` and of :func:`state_losses` beside it; ``weights`` of shape (rows,) weigh the rows.
    """

    def loss(network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        taught = [tensor for name, tensor in batch.items() if name.startswith(TEACHER_STATES)]
        beside = (*losses.NOT_INPUTS, TEACHER_LOGITS)
        inputs = {name: batch[name] for name in batch if name not in beside and not name.startswith(TEACHER_STATES)}
        outputs = network(**inputs)
        found = answer_losses(
            outputs["logits"],
            batch[TEACHER_LOGITS],
            batch["labels"],
            temperature=temperature,
            soft=soft,
            focus=batch.get("focus"),
        )
        if taught:
            found = found + hidden * state_losses(outputs[STATES], taught)
        return found.mean() if weights is None else (found * weights).mean()

    return loss


class Student(torch.nn.Module):
    """A network whose output also holds the states of its layers, brought to the teacher's widths.

    Where a width differs a linear map is learned with the network and thrown away afterwards (Romero et al.,
    "FitNets", 2015; Jiao et al., "TinyBERT", 2020).

    Args:
        network: what learns.
        widths: width of the teacher's state that each layer of ``network`` is held against.
        example: arrays of one row or more, to find the widths of the network's own states with.
        seed: of the maps.
    """

    def __init__(self, network: Any, widths: Sequence[int], example: Mapping[str, Any], *, seed: int) -> None:
        super().__init__()
        self.network = network
        self._states = LayerStates(network)
        device = next(network.parameters()).device
        network.eval()
        with torch.inference_mode():
            network(**{name: torch.as_tensor(array, device=device) for name, array in example.items()})
        own = [state.shape[-1] for state in self._states.take()]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.maps = torch.nn.ModuleList(
                torch.nn.Identity() if ours == theirs else torch.nn.Linear(ours, theirs, bias=False)
                for ours, theirs in zip(own, widths, strict=True)
            ).to(device)

    def forward(self, **inputs: torch.Tensor) -> dict[str, Any]:
        """The network's outputs and its ``states``."""
        # What a run that failed left behind is not this one's.
        self._states.take()
        outputs = self.network(**inputs)
        states = [map_(state) for map_, state in zip(self.maps, self._states.take(), strict=True)]
        return {"logits": outputs["logits"], STATES: states}

    def release(self) -> Any:
        """The network by itself again."""
        self._states.close()
        return self.network
