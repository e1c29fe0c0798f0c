"""The facts of a finished run, gathered for the page that shows them. Decides nothing about looks."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version

from modelyard.core.dataset import CHANGES, TRAINING, Dataset
from modelyard.core.errors import ModelyardError
from modelyard.core.model import Model
from modelyard.core.options import plain
from modelyard.core.report import Figure, Findings, Report, Series
from modelyard.core.requirement import Judgement, overall
from modelyard.core.step import Step
from modelyard.engines.training import CURVE
from modelyard.recipes.call import machine
from modelyard.recipes.plan import BASE, Node
from modelyard.recipes.run import Run
from modelyard.render.page import DataFacts, ModelFacts, Page, StepFact

LIBRARIES = ("modelyard", "torch", "transformers", "onnxruntime", "numpy")


def gather(run: Run, judgements: tuple[Judgement, ...], search: Report | None = None) -> Page:
    """Everything that the report and the model card say."""
    plan = run.plan
    return Page(
        name=plan.recipe.name,
        version="",
        verdict=overall(judgements).value,
        requirements=[judgement.to_json() for judgement in judgements],
        measures=run.measures(),
        before=run.measures(BASE) or None,
        model=_model_facts(released_model(run)),
        data=_data_facts(run),
        steps=[_step_fact(run, node) for node in plan.nodes],
        findings=[*([("Search", search.findings)] if search else []), *_findings(run)],
        training=[
            *_training_classes(used_data(run)),
            *(figure for node in plan.nodes for figure in _training_curve(run, node)),
        ],
        environment=_environment(),
        lineage={reference: str(entry["digest"]) for reference, entry in run.lock.sources.items()},
    )


def released_model(run: Run) -> Model:
    """The model at the end of the chain."""
    model = run.artifact(run.plan.model)
    if not isinstance(model, Model):
        raise ModelyardError("the recipe ends without a model")
    return model


def used_data(run: Run) -> Dataset | None:
    """The dataset as the last data step left it."""
    data = run.artifact(run.plan.data)
    return data if isinstance(data, Dataset) else None


def _model_facts(model: Model) -> ModelFacts:
    return ModelFacts(
        task=model.task,
        base=model.base,
        runtime=model.runtime,
        labels=model.labels,
        size_bytes=model.size_bytes,
        digest=model.digest,
        transforms=[transform.name for transform in model.transforms],
    )


def _data_facts(run: Run) -> DataFacts | None:
    data, section = used_data(run), run.plan.recipe.data
    if data is None or section is None:
        return None
    return DataFacts(", ".join(section.sources.values()), data.splits, data.profile, data.digest)


def _step_fact(run: Run, node: Node) -> StepFact:
    result = run.results[node.id]
    # The page says how long the work took when it was done, so that the same work gives the same page.
    options = {name: value for name, value in plain(node.options).items() if _is_chosen(node.step, name, value)}
    return StepFact(node.id, options, result.seconds, reused=False, digest=result.artifact.digest)


def _is_chosen(step: Step, name: str, value: object) -> bool:
    option = step.options[name]
    return option.required or plain(option.default) != value


def _findings(run: Run) -> list[tuple[str, Findings]]:
    nodes = [*run.plan.reports_on_earlier_data(), *run.plan.reports(""), *run.plan.reports(BASE, compares=True)]
    found = [(node, run.results[node.id].artifact) for node in nodes]
    return [(_title(node), report.findings) for node, report in found if isinstance(report, Report)]


def _title(node: Node) -> str:
    return "Compared with the model before conversion" if node.compares else node.step.name.capitalize()


def _training_classes(data: Dataset | None) -> list[Figure]:
    """The rows of each class before and after steps that changed them; none where no step did."""
    changes = data.profile.get(CHANGES, ()) if data else ()
    if data is None or not changes or not data.labels:
        return []
    loaded = data.profile.get("splits", {}).get(TRAINING, {}).get("classes", {})
    stages = [("as loaded", loaded), *((change["change"], change["classes"]) for change in changes)]
    series = [Series(name, list(counts), list(counts.values())) for name, counts in stages if counts]
    return [Figure("Rows to learn from", "bar", "class", "rows", series)]


def _training_curve(run: Run, node: Node) -> list[Figure]:
    model = run.results[node.id].artifact
    if not isinstance(model, Model) or CURVE not in model.files or node.step.converts:
        return []
    curve: Mapping[str, list[Mapping[str, float]]] = json.loads((model.path / CURVE).read_text(encoding="utf-8"))
    names = {"losses": "training", "evaluations": "validation"}
    series = [
        Series(shown, [point["step"] for point in curve[key]], [point["loss"] for point in curve[key]])
        for key, shown in names.items()
        if curve.get(key)
    ]
    return [Figure(f"Loss while training ({node.step.name})", "line", "step", "loss", series)] if series else []


def _environment() -> dict[str, str]:
    versions = {name: version(name) for name in LIBRARIES}
    return {**{key: str(value) for key, value in machine().items()}, "python": platform.python_version(), **versions}
