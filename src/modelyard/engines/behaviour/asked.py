"""What a model is asked: the cases of its suite, and those that are made for its task."""

from __future__ import annotations

from modelyard.core.predictor import Predictor
from modelyard.engines.behaviour.generated import generated_cases
from modelyard.engines.behaviour.suited import check_case, read_images
from modelyard.formats.suite import Case, Suite


def cases_of(suite: Suite, predictor: Predictor, *, generated: bool) -> list[Case]:
    """The suite's own cases with their images, in their order, and the generated ones behind them.

    Args:
        generated: add these though the suite does not ask for them.

    Raises:
        InputError: a case that cannot be asked of the model, or an image that is not there.
    """
    cases = [read_images(case, suite.folder) for case in suite.cases]
    for case in cases:
        check_case(case, predictor.model)
    if generated or suite.generated:
        cases += generated_cases(predictor.model, predictor.processor)
    return cases
