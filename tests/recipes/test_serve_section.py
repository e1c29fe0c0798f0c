"""``serve`` in a recipe: every mistake is found with its line; what is right fits the published schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from modelyard.core.errors import InputError
from modelyard.formats.document import parse
from modelyard.methods.rules import Outcome, Review, Told
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.recipes.schema import recipe_schema
from modelyard.recipes.serve_section import serving_of

HEAD = """\
modelyard: 1
name: sms-spam
task: {task}
model: ./encoder
serve:
"""
GOOD = """\
  review: {confidence_below: 0.75, sample: 0.01}
  feedback: true
  alarms: {webhook: "https://alarms.example.org/modelyard"}
  rules:
    - {when: "contains(text, 'STOP')", answer: ham}
    - {when: "label == 'spam' and score < 0.6", then: review, name: doubtful}
    - {when: "length(text) > 1000", then: block}
"""


def read(section: str, task: str = "text-classification") -> Any:
    return parse_recipe(HEAD.format(task=task) + section, "r.yaml", Path()).serving


def test_a_good_section_is_read_and_fits_the_schema() -> None:
    serving = read(GOOD)
    assert serving.review == Review(0.75, 0.01)
    assert serving.feedback is True
    assert serving.alarms == Told("https://alarms.example.org/modelyard")
    assert [(rule.name, rule.outcome, rule.answer) for rule in serving.rules] == [
        ("rule-1", Outcome.ANSWER, "ham"),
        ("doubtful", Outcome.REVIEW, None),
        ("rule-3", Outcome.BLOCK, None),
    ]
    text = HEAD.format(task="text-classification") + GOOD
    jsonschema.validate(parse(text, "r.yaml").value, recipe_schema())
    assert [rule.when.text for rule in serving_of(text).rules] == [rule.when.text for rule in serving.rules]


@pytest.mark.parametrize(
    ("section", "task", "what", "hint"),
    [
        ("  rule: []", "", "serve: unknown key 'rule'", "did you mean 'rules'"),
        ("  review: {confidence: 0.5}", "", "review: unknown key 'confidence'", "did you mean 'confidence_below'"),
        ("  review: {sample: 2}", "", "sample: 2", "a share from 0 to 1"),
        ("  feedback: 1", "", "feedback: 1", "true or false"),
        ("  alarms: true", "", "alarms: True", "webhook: https://HOST/PATH"),
        ("  alarms: {webhook: 'http://example.org'}", "", "http://example.org is not asked", "https://HOST"),
        ("  alarms: {webhook: 'https://a/b?key=1'}", "", "may hold a secret", "--alarm-webhook @FILE"),
        ("  alarms: {webhook: 'https://u:p@a/b'}", "", "is not asked", "https://HOST"),
        ("  alarms: {webhook: 'https://a/b', plain_http: 1}", "", "plain_http: 1", "true or false"),
        ("  alarms: {webhook: 'https://a/b', secret: x}", "", "alarms: unknown key 'secret'", "use one of"),
        ("  rules: [{when: 'true', then: blok}]", "", "then: 'blok'", "did you mean 'block'"),
        ("  rules: [{when: 'true', then: block, answer: x}]", "", "one thing that follows", ""),
        ("  rules: [{when: 'true', do: block}]", "", "unknown key 'do'", ""),
        ("  rules: [{when: 'txt == 1', then: block}]", "", "no 'txt'", "did you mean 'text'"),
        ("  rules: [{when: 'text ==', then: block}]", "", "at character 8", ""),
        ("  rules: [{when: 'true', answer: 5}]", "", "answer: 5", "a class name"),
        ("  rules: [{when: 'true', then: block, name: 'a b'}]", "", "name: 'a b'", ""),
        ("  rules: [{when: 'true', then: block, name: a}, {when: 'true', then: allow, name: a}]", "", "two rules", ""),
        ("  rules: [{when: 'true', answer: x}]", "text-generation", "comes before the model", ""),
        ("  review: {sample: 0.1}", "text-generation", "cannot be reviewed", ""),
        ("  review: {confidence_below: 0.1}", "tabular-regression", "have no score", ""),
        ("  rules: [{when: 'value > 3', answer: x}]", "tabular-regression", "answer: 'x'", "a number"),
    ],
)
def test_every_mistake_is_named_with_its_line(section: str, task: str, what: str, hint: str) -> None:
    with pytest.raises(RecipeError) as error:
        read(section, task or "text-classification")
    problem = next(item for item in error.value.problems if what in item.what)
    assert problem.where in ("r.yaml, line 5", "r.yaml, line 6")
    assert hint in problem.fix + problem.expected


def test_rules_that_do_not_fit_the_model_name_what_is_missing() -> None:
    serving = read("  rules: [{when: 'scores.spam > 0.5', answer: hamm}]")
    serving.check(["text"], ["hamm", "spam"])
    with pytest.raises(InputError) as error:
        serving.check(["text"], ["ham", "spam"])
    assert error.value.what == "rule 'rule-1': the model knows no class 'hamm'"
    assert "did you mean 'ham'" in error.value.fix
