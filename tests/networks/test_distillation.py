"""The losses of distillation against their formulas, and the states of layers."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from modelyard.networks.distillation import STATES, Student, answer_losses, make_loss, state_losses
from modelyard.networks.layer_states import LayerStates, by_depth


class Stack(torch.nn.Module):
    """Three blocks of a width and a head, over rows of positions."""

    def __init__(self, width: int, blocks: int = 3) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(width, width) for _ in range(blocks))
        self.head = torch.nn.Linear(width, 2)
        self.width = width
        self.config = SimpleNamespace(num_hidden_layers=blocks)

    def save_pretrained(self, folder: Path) -> None:
        """Only what has this counts as a Hugging Face network."""

    def forward(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        state = inputs[..., None].expand(*inputs.shape, self.width)
        for layer in self.layers:
            state = torch.tanh(layer(state))
        return {"logits": self.head(state[:, 0])}


def test_the_loss_is_the_formula() -> None:
    student, teacher = [0.3, -1.2, 2.0], [1.5, 0.0, -0.5]
    temperature, soft, label = 3.0, 0.7, 1

    def softened(logits: list[float], by: float) -> list[float]:
        powers = [math.exp(logit / by) for logit in logits]
        return [power / sum(powers) for power in powers]

    pairs = zip(softened(teacher, temperature), softened(student, temperature), strict=True)
    taught = temperature**2 * sum(p * math.log(p / q) for p, q in pairs)
    told = -math.log(softened(student, 1.0)[label])
    found = answer_losses(
        torch.tensor([student, student]),
        torch.tensor([teacher, teacher]),
        torch.tensor([label, -1]),
        temperature=temperature,
        soft=soft,
    )
    assert found.tolist() == pytest.approx([soft * taught + (1 - soft) * told, taught], rel=1e-5)


def test_the_focus_bears_on_the_label_alone() -> None:
    logits, teacher = torch.tensor([[0.3, -1.2], [0.3, -1.2]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    labels, gamma = torch.tensor([0, -1]), torch.tensor([2.0, 2.0])
    plain = answer_losses(logits, teacher, labels, temperature=1.0, soft=0.25)
    focused = answer_losses(logits, teacher, labels, temperature=1.0, soft=0.25, focus=gamma)
    told = -float(torch.log_softmax(logits, 1)[0, 0])
    spared = 0.75 * told * (1 - (1 - math.exp(-told)) ** 2)
    assert (plain - focused).tolist() == pytest.approx([spared, 0.0], abs=1e-6)


def test_a_student_equal_to_its_teacher_has_nothing_to_learn() -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    ours = logits.clone().requires_grad_(True)
    # The teacher's logits are known up to a constant a row.
    losses = answer_losses(ours, logits + 7.0, torch.full((5,), -1), temperature=2.0, soft=0.5)
    losses.sum().backward()
    assert losses.detach().abs().max() < 1e-5
    assert ours.grad is not None
    assert ours.grad.abs().max() < 1e-5


def test_states_are_compared_by_direction() -> None:
    state = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    assert state_losses([state], [2.0 * state]).tolist() == pytest.approx([0.0, 0.0], abs=1e-6)
    assert state_losses([state], [-state]).tolist() == pytest.approx([4.0, 4.0])
    across = state_losses([state, state], [state, torch.tensor([[4.0, -3.0], [0.0, 2.0]])])
    assert across.tolist() == pytest.approx([1.0, 1.0])


def test_row_weights_and_states_enter_the_loss() -> None:
    network = Stack(4)
    student = Student(network, [4, 6, 4], {"inputs": torch.ones(1, 3)}, seed=0)
    batch: dict[str, Any] = {
        "inputs": torch.tensor([[1.0, 2.0], [0.5, 0.1]]),
        "labels": torch.tensor([0, -1]),
        "teacher.logits": torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
    }
    states = {f"teacher.states.{layer}": torch.randn(2, width) for layer, width in enumerate((4, 6, 4))}
    loss = make_loss(temperature=2.0, soft=0.5, hidden=10.0)
    with torch.no_grad():
        outputs = student(inputs=batch["inputs"])
    answers = answer_losses(outputs["logits"], batch["teacher.logits"], batch["labels"], temperature=2.0, soft=0.5)
    rows = answers + 10.0 * state_losses(outputs[STATES], list(states.values()))
    assert loss(student, batch, None).item() == pytest.approx(float(answers.mean()))
    assert loss(student, batch | states, None).item() == pytest.approx(float(rows.mean()))
    assert loss(student, batch | states, torch.tensor([2.0, 0.0])).item() == pytest.approx(float(rows[0]))
    assert loss(student, batch | {"focus": torch.tensor([0.0, 2.0])}, None).item() == pytest.approx(
        float(answers.mean())
    )
    assert loss(student, batch | {"focus": torch.tensor([2.0, 0.0])}, None).item() < float(answers.mean())


def test_a_map_is_learned_only_where_the_widths_differ() -> None:
    network = Stack(4)
    student = Student(network, [4, 6, 4], {"inputs": torch.ones(1, 3)}, seed=0)
    assert {name: tuple(weight.shape) for name, weight in student.maps.named_parameters()} == {"1.weight": (6, 4)}
    again = Student(Stack(4), [4, 6, 4], {"inputs": torch.ones(1, 3)}, seed=0)
    assert torch.equal(student.maps.state_dict()["1.weight"], again.maps.state_dict()["1.weight"])
    assert student.release() is network
    network(inputs=torch.ones(1, 3))
    assert not any(layer._forward_hooks for layer in network.layers)


def test_states_are_those_of_the_first_position() -> None:
    network = Stack(4, blocks=1)
    catcher = LayerStates(network)
    found = network(inputs=torch.randn(2, 3))
    (state,) = catcher.take()
    assert torch.equal(network.head(torch.tanh(state)), found["logits"])
    assert catcher.take() == []
    catcher.close()


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [(3, 6, [1, 3, 5]), (2, 6, [2, 5]), (1, 6, [5]), (6, 6, [0, 1, 2, 3, 4, 5]), (4, 2, [0, 0, 1, 1])],
)
def test_layers_meet_those_as_deep(ours: int, theirs: int, expected: list[int]) -> None:
    assert by_depth(ours, theirs) == expected
