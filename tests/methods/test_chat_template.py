"""Chat templates: the usual ones work, hostile ones do not."""

from __future__ import annotations

import pytest

from modelyard.core.errors import InputError
from modelyard.methods.chat_template import render

MESSAGES = [{"role": "user", "content": "Hi {{ 1 + 1 }}"}]


def test_a_usual_template() -> None:
    template = (
        "{{ bos_token }}{% for message in messages %}\n"
        "{% if message.role == 'user' %}\n[{{ message['content'] | trim }}]\n{% endif %}\n{% endfor %}\n"
        "{% if add_generation_prompt %}A:{% endif %}"
    )
    assert render(template, MESSAGES, {"bos_token": "<s>"}) == "<s>[Hi {{ 1 + 1 }}]\nA:"


def test_parts_of_the_dialect_that_templates_use() -> None:
    template = "{% for m in messages %}{% generation %}{{ m | tojson }}{% endgeneration %}{% break %}{% endfor %}"
    assert render(template, [{"role": "user", "content": "<ü>"}], {}) == '{"role": "user", "content": "<ü>"}'


def test_a_template_may_refuse_the_messages() -> None:
    with pytest.raises(InputError, match="roles must alternate"):
        render("{{ raise_exception('roles must alternate') }}", MESSAGES, {})


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}",
        "{{ messages | attr('__class__') }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ '{0.__class__}'.format(messages) }}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ 'a' * 10000000000 }}",
        "{{ '%9999999999d' % 1 }}",
        "{{ 9 ** 9 ** 9 ** 9 }}",
        "{{ 'a'.ljust(9999999999) }}",
        "{{ 'a' | center(9999999999) }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}aaaaaaaa{% endfor %}{% endfor %}",
        "{% for i in range(9999999999) %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% if",
        "{{ messages[7].role }}",
        " " * 300_000,
    ],
)
def test_hostile_and_broken_templates_are_refused(template: str) -> None:
    with pytest.raises(InputError, match="chat template"):
        render(template, MESSAGES, {})
