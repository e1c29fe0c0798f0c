"""Build: from a recipe file to a numbered release. Puts the parts in order; each does its own work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.release import Release
from modelyard.core.report import Report
from modelyard.core.requirement import Judgement, Verdict
from modelyard.recipes.call import Result
from modelyard.recipes.lock import lock_path, read_lock, write_lock
from modelyard.recipes.page import gather, released_model, used_data
from modelyard.recipes.plan import Node, make_plan
from modelyard.recipes.recipe import read_recipe
from modelyard.recipes.run import Run
from modelyard.recipes.serve_section import check_serving
from modelyard.render.html import render_html
from modelyard.render.markdown import render_markdown
from modelyard.render.page import Page
from modelyard.yard.registry import Version
from modelyard.yard.yard import Yard

REPORT_PAGE = "report.html"
MODEL_CARD = "README.md"


@dataclass(frozen=True)
class Built:
    """A finished build."""

    version: Version
    release: Release
    page: Page
    results: tuple[tuple[str, Result], ...]

    @property
    def verdict(self) -> Verdict:
        return self.release.verdict

    @property
    def report(self) -> Path:
        return self.release.path / REPORT_PAGE

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` prints."""
        return {
            "release": self.version.reference,
            "verdict": self.verdict.value,
            **self.release.body,
            "steps": [
                {"name": name, "reused": result.reused, "seconds": round(result.seconds, 3)}
                for name, result in self.results
            ],
            "model": self.release.model_digest,
            "report": str(self.report),
        }


def build(
    path: Path,
    yard: Yard,
    *,
    locked: bool = False,
    search: Report | None = None,
    on_result: Callable[[Node, Result], None] = lambda node, result: None,
) -> Built:
    """Check, run, judge and publish a recipe.

    Args:
        path: the recipe file; the lock is written beside it.
        yard: where results and the release are kept.
        locked: use exactly the digests of the lock, or refuse.
        search: how the recipe was found; it becomes a part of the proof.
        on_result: called after each step.

    Raises:
        InputError: the recipe or what it refers to cannot be used.
    """
    run = Run(make_plan(read_recipe(path)), yard, read_lock(lock_path(path)) if locked else None)
    run.execute(on_result)
    check_serving(run.plan.recipe.serving, released_model(run))
    if not locked:
        write_lock(lock_path(path), run.lock)
    judgements = run.judge()
    page = gather(run, judgements, search)
    release = _make_release(run, judgements, page, search)
    return Built(yard.publish(release), release, page, tuple(run.results.items()))


def preview(path: Path, yard: Yard) -> list[tuple[Node, bool]]:
    """The plan of a recipe, and which of its steps are already done; runs nothing."""
    return Run(make_plan(read_recipe(path)), yard).preview()


def _make_release(run: Run, judgements: tuple[Judgement, ...], page: Page, search: Report | None) -> Release:
    """Write the release, unless the same proof was written before."""
    recipe = run.plan.recipe
    results = {name: result.artifact.digest for name, result in run.results.items()}
    identity = [recipe.document.text, results, run.lock.to_json(), [item.to_json() for item in judgements]]
    key = hash_bytes(canonical_json(["release", *identity, *([search.digest] if search else [])]))
    known = run.yard.recall(key)
    if isinstance(known, Release):
        return known
    reports = [run.results[node.id].artifact for node in run.plan.nodes if node.step.result.kind == "report"]
    reports += [search] if search else []
    with run.yard.workplace(key) as work:
        (work.out / REPORT_PAGE).write_text(render_html(page), encoding="utf-8")
        (work.out / MODEL_CARD).write_text(render_markdown(page), encoding="utf-8")
        made = Release.write(
            work.out,
            name=recipe.name,
            model=released_model(run),
            data=used_data(run),
            reports=reports,
            recipe=recipe.document.text,
            lock=run.lock.to_json(),
            judgements=judgements,
            measures={name: measure.to_json() for name, measure in page.measures.items()},
        )
        release = run.yard.put(made)
        run.yard.remember(key, "release", release, 0.0)
    return release
