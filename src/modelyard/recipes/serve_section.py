"""``serve`` in a recipe: rules, review, feedback and alarms, read and checked key by key.

What the model must have for it (columns, classes) is checked when there is a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelyard.core import lookup
from modelyard.core.addresses import check_url
from modelyard.core.errors import InputError, suggestion
from modelyard.core.model import Model
from modelyard.core.predictor import raw_columns
from modelyard.core.task import Task
from modelyard.formats.document import Place, parse
from modelyard.methods.expression import MAX_LENGTH, Expression
from modelyard.methods.rules import OUTPUTS_OF_LABELS, OUTPUTS_OF_NUMBERS, Outcome, Review, Rule, Serving, Told
from modelyard.recipes.problems import Problems

KEYS = ("rules", "review", "feedback", "alarms")
RULE_KEYS = ("when", "then", "answer", "name")
REVIEW_KEYS = ("confidence_below", "sample")
ALARM_KEYS = ("webhook", "plain_http")
THEN = (Outcome.ALLOW, Outcome.BLOCK, Outcome.REVIEW)
MAX_RULES = 100
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_UNREVIEWED = frozenset({"generation", "image"})
"""Abilities of tasks whose rows or answers the yard's reviews do not hold."""
_RULE = "{when: EXPRESSION, answer: LABEL} or {when: EXPRESSION, then: allow, block or review}"


def serving_schema() -> dict[str, Any]:
    """The JSON Schema of the section."""
    share = {"type": "number", "minimum": 0, "maximum": 1}
    when = {"type": "string", "maxLength": MAX_LENGTH, "description": "a condition on the row and the answer"}
    name = {"type": "string", "pattern": f"^{NAME.pattern}$", "description": "for metrics and reviews"}
    outcomes = {
        "answer": {"type": ["string", "number"], "description": "what is answered in the model's place"},
        "then": {"enum": [str(item) for item in THEN]},
    }
    forms = [
        {
            "type": "object",
            "properties": {"when": when, key: schema, "name": name},
            "required": ["when", key],
            "additionalProperties": False,
        }
        for key, schema in outcomes.items()
    ]
    return {
        "type": "object",
        "properties": {
            "rules": {
                "type": "array",
                "maxItems": MAX_RULES,
                "items": {"oneOf": forms},
                "description": "the first that holds decides",
            },
            "review": {
                "type": "object",
                "properties": {
                    "confidence_below": share | {"description": "a person is shown answers with a lower score"},
                    "sample": share | {"description": "share of all answers that a person is shown"},
                },
                "additionalProperties": False,
            },
            "feedback": {"type": "boolean", "description": "callers may send the right answer afterwards"},
            "alarms": {
                "type": "object",
                "properties": {
                    "webhook": {
                        "type": "string",
                        "description": "told when a requirement is not kept: https://HOST/PATH",
                    },
                    "plain_http": {"type": "boolean", "description": "http to another machine is meant"},
                },
                "required": ["webhook"],
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
        "description": "what the server does beside asking the model",
    }


def serving_of(recipe: str) -> Serving:
    """The section of a recipe that was checked when it was built.

    Raises:
        InputError: it was not, or by another version of this program.
    """
    document = parse(recipe, "recipe.yaml")
    value = document.value if isinstance(document.value, dict) else {}
    if "serve" not in value:
        return Serving()
    problems = Problems(document)
    serving = read_serving(value["serve"], str(value.get("task", "")), problems)
    problems.raise_if_any()
    return serving


def check_serving(serving: Serving, model: Model) -> None:
    """See that the model has the columns and classes that the rules speak of.

    Raises:
        InputError: names the rule and what is missing.
    """
    if serving.rules:
        serving.check(inputs_of(model), model.labels)


def inputs_of(model: Model) -> tuple[str, ...]:
    """What a row of the model holds: its roles, or the columns of a table."""
    task = lookup.task(model.task)
    if "features" in task.abilities:
        return tuple(raw_columns(model, task.processor(model)))
    return tuple(task.inputs)


def read_serving(value: Any, task_name: str, problems: Problems) -> Serving:
    """The section ``serve``; whatever is wrong with it goes to ``problems``."""
    if value is None:
        return Serving()
    if not isinstance(value, dict):
        problems.add(("serve",), "serve is not a mapping", expected=f"the keys {', '.join(KEYS)}")
        return Serving()
    _check_keys(value, KEYS, ("serve",), problems)
    task = lookup.task(task_name) if task_name in lookup.names("tasks") else None
    rules = _read_rules(value.get("rules", []), task, problems)
    review = _read_review(value["review"], task, problems) if "review" in value else None
    feedback = value.get("feedback", False)
    if not isinstance(feedback, bool):
        problems.add(("serve", "feedback"), f"feedback: {feedback!r}", expected="true or false")
    alarms = _read_alarms(value["alarms"], problems) if "alarms" in value else None
    serving = Serving(rules, review, feedback is True, alarms)
    if serving.reviews and task is not None and task.abilities & _UNREVIEWED:
        problems.add(
            ("serve",), f"answers of {task.name} cannot be reviewed", expected="classes or numbers for texts or tables"
        )
    return serving


def _check_keys(value: Mapping[str, Any], known: tuple[str, ...], place: Place, problems: Problems) -> None:
    for key in value:
        if key not in known:
            problems.add((*place, key), f"{place[-1]}: unknown key {key!r}", fix=suggestion(str(key), known))


def _read_review(value: Any, task: Task | None, problems: Problems) -> Review | None:
    place: Place = ("serve", "review")
    if not isinstance(value, dict) or not value:
        problems.add(place, f"review: {value!r}", expected="review: {confidence_below: 0.75, sample: 0.01}")
        return None
    _check_keys(value, REVIEW_KEYS, place, problems)
    shares = {}
    for key in REVIEW_KEYS:
        share = value.get(key, 0.0)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            problems.add((*place, key), f"{key}: {share!r}", expected="a share from 0 to 1")
            share = 0.0
        shares[key] = float(share)
    if shares["confidence_below"] and task is not None and "labels" not in task.abilities:
        problems.add(
            (*place, "confidence_below"), f"answers of {task.name} have no score", fix="review: {sample: 0.01}"
        )
    return Review(**shares)


def _read_alarms(value: Any, problems: Problems) -> Told | None:
    place: Place = ("serve", "alarms")
    if not isinstance(value, dict) or not isinstance(value.get("webhook"), str):
        problems.add(place, f"alarms: {value!r:.100}", expected="alarms: {webhook: https://HOST/PATH}")
        return None
    _check_keys(value, ALARM_KEYS, place, problems)
    url, plain = value["webhook"], value.get("plain_http", False)
    if not isinstance(plain, bool):
        problems.add((*place, "plain_http"), f"plain_http: {plain!r}", expected="true or false")
    with problems.at((*place, "webhook")):
        check_url(url, plain=plain is True)
        if "?" in url:
            raise InputError(
                "an address with a query may hold a secret, and a recipe is read by all",
                fix="modelyard serve --alarm-webhook @FILE",
            )
    return Told(url, plain is True)


def _read_rules(value: Any, task: Task | None, problems: Problems) -> tuple[Rule, ...]:
    place: Place = ("serve", "rules")
    if not isinstance(value, list) or len(value) > MAX_RULES:
        problems.add(place, "rules is no list that can be used", expected=f"at most {MAX_RULES} of {_RULE}")
        return ()
    rules: list[Rule] = []
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            problems.add((*place, index), f"cannot read the rule {item!r:.100}", expected=_RULE)
            continue
        rule = _read_rule(item, index, task, problems)
        if rule is not None and any(rule.name == other.name for other in rules):
            problems.add((*place, index), f"two rules are named {rule.name!r}", fix="give each a name of its own")
        if rule is not None:
            rules.append(rule)
    return tuple(rules)


def _read_rule(item: Mapping[str, Any], index: int, task: Task | None, problems: Problems) -> Rule | None:
    place: Place = ("serve", "rules", index)
    before = len(problems.found)
    for key in item:
        if key not in RULE_KEYS:
            problems.add((*place, key), f"rule: unknown key {key!r}", fix=suggestion(str(key), RULE_KEYS))
    name = item.get("name", f"rule-{index + 1}")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        problems.add((*place, "name"), f"name: {name!r:.80}", expected="1 to 64 letters, digits, '.', '_' and '-'")
    then, answer = item.get("then"), item.get("answer")
    if ("then" in item) == ("answer" in item) or not isinstance(item.get("when"), str):
        problems.add(place, "a rule says when, and one thing that follows", expected=_RULE)
        return None
    if "then" in item and then not in [str(known) for known in THEN]:
        problems.add((*place, "then"), f"then: {then!r:.80}", fix=suggestion(str(then), THEN))
    if "answer" in item and (isinstance(answer, bool) or not isinstance(answer, str | int | float)):
        problems.add((*place, "answer"), f"answer: {answer!r:.80}", expected="a class name or a number")
    expression = None
    with problems.at((*place, "when")):
        expression = Expression(item["when"])
        if task is not None:
            _check_task(expression, "answer" in item, answer, then, task)
    if expression is None or len(problems.found) > before:
        return None
    outcome = Outcome.ANSWER if "answer" in item else Outcome(str(then))
    return Rule(str(name), expression, outcome, answer)


def _check_task(expression: Expression, answers: bool, answer: Any, then: Any, task: Task) -> None:
    """See that the rule fits the task, as far as that can be told without a model."""
    if "generation" in task.abilities and (expression.of_outputs or answers or then == Outcome.REVIEW):
        raise InputError(
            f"a rule for {task.name} comes before the model",
            expected="a condition on the row, and then: allow or block",
        )
    outputs = OUTPUTS_OF_LABELS if "labels" in task.abilities else OUTPUTS_OF_NUMBERS
    if "features" not in task.abilities:
        expression.check_names(task.inputs, outputs)
    if answers and isinstance(answer, str) != ("labels" in task.abilities):
        raise InputError(f"answer: {answer!r}", expected="a class name" if "labels" in task.abilities else "a number")
