"""A small language for conditions on one row and its answer: what a rule's ``when`` says.

Read by a tokenizer and recursive descent of our own; nothing is ever handed to Python. Time is linear in the row's
texts, and an expression is bounded in size and depth. Knows no rule and no model.

::

    contains(lower(text), 'unsubscribe') and not label == 'spam'
    age < 18 or `home country` in ['US', 'CA']
    matches(text, '\\\\b[A-Z]{3}-\\\\d+') and scores.spam >= 0.4

Values are texts, numbers, true, false and lists. Values of two kinds are never equal, and never one below the other;
a value that is missing is of no kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InputError, suggestion
from modelyard.methods.linear_pattern import Pattern

MAX_LENGTH = 2000
MAX_DEPTH = 20
MAX_TOKENS = 300

OUTPUTS = ("label", "score", "scores", "value")
"""Names of an answer's parts; whatever else is named is a part of the row."""

Values = Mapping[str, Any]
_Evaluate = Callable[[Values], Any]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[0-9]{1,20}(?:\.[0-9]{1,20})?)
      | (?P<text>'[^']*'|"[^"]*")
      | (?P<name>[^\W\d]\w*|`[^`]+`)
      | (?P<sign><=|>=|==|!=|[<>()\[\],.-])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Expression:
    """A condition, ready to be judged.

    Attributes:
        text: as it was written.
        names: of the parts of a row and of an answer that it looks at.
        labels: class names that it looks at after ``scores.``

    Raises:
        InputError: it is not of the language, or too large; names the place.
    """

    def __init__(self, text: str) -> None:
        parser = _Parser(text)
        self.text = text
        self._evaluate = parser.parse()
        self.names, self.labels = frozenset(parser.names), frozenset(parser.labels)

    @property
    def of_outputs(self) -> bool:
        """Whether it looks at the answer, so that it can be judged only after the model."""
        return bool(self.names & set(OUTPUTS))

    def holds(self, values: Values) -> bool:
        """Whether it holds for a row (role or column → value) together with its answer."""
        return self._evaluate(values) is True

    def check_names(self, inputs: Collection[str], outputs: Collection[str]) -> None:
        """See that a model has what it looks at.

        Raises:
            InputError: a name that is none of these.
        """
        known = [*inputs, *outputs]
        for name in sorted(self.names):
            if name not in known:
                raise InputError(
                    f"when: no {name!r}", expected="a part of a row or of an answer", fix=suggestion(name, known)
                )


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def _split(text: str) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        raise InputError(f"an expression of {len(text)} characters", expected=f"at most {MAX_LENGTH}")
    tokens: list[_Token] = []
    place = 0
    while not tokens or tokens[-1].kind != "end":
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            raise _refuse(text, place, f"{text[place]!a} means nothing here", "a name, a number, a 'text' or a sign")
        kind, word = found.lastgroup, found[found.lastgroup]
        tokens.append(_Token("word" if kind == "name" and word in _WORDS else kind, word, found.start(kind)))
        place = found.end()
        if len(tokens) > MAX_TOKENS:
            raise _refuse(text, tokens[-1].place, "the expression is too long", f"at most {MAX_TOKENS} words and signs")
    return tokens


def _refuse(text: str, place: int, what: str, expected: str = "", fix: str = "") -> InputError:
    near = text[place : place + 20]
    where = f"before {near!a}" if near else "at the end"
    return InputError(f"when: {what}, at character {place + 1} ({where})", expected=expected, fix=fix)


class _Parser:
    """Each method reads one kind of part and returns what evaluates it."""

    def __init__(self, text: str) -> None:
        self._text, self._tokens, self._next, self._depth = text, _split(text), 0, 0
        self.names: set[str] = set()
        self.labels: set[str] = set()

    def parse(self) -> _Evaluate:
        evaluate = self._either()
        if self._here.kind != "end":
            raise self._refuse(f"{self._here.text!a} is too much", "and, or, a comparison, or the end")
        return evaluate

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *texts: str, kinds: tuple[str, ...] = ("word", "sign")) -> str | None:
        """The next token's text, if it is one of these; then it is used up."""
        token = self._here
        if token.kind in kinds and (not texts or token.text in texts):
            self._next += 1
            return token.text
        return None

    def _expect(self, sign: str) -> None:
        if self._take(sign) is None:
            raise self._refuse(f"{sign!r} is missing")

    def _refuse(self, what: str, expected: str = "", fix: str = "", at: _Token | None = None) -> InputError:
        return _refuse(self._text, (at or self._here).place, what, expected, fix)

    def _either(self) -> _Evaluate:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refuse("parts inside parts too deep", f"at most {MAX_DEPTH} levels")
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else lambda values: any(part(values) is True for part in parts)

    def _all(self) -> _Evaluate:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda values: all(part(values) is True for part in parts)

    def _negation(self) -> _Evaluate:
        negated = False
        while self._take("not"):
            negated = not negated
        part = self._comparison()
        return (lambda values: part(values) is not True) if negated else part

    def _comparison(self) -> _Evaluate:
        left = self._value()
        negated = self._here.text == "not" and self._here.kind == "word" and self._take("not") is not None
        if negated and self._here.text != "in":
            raise self._refuse("'not' here needs 'in'", "VALUE not in [ … ]")
        if self._take("in"):
            members = self._value()
            return lambda values: _is_in(left(values), members(values)) != negated
        sign = self._take(*_COMPARE)
        if sign is None:
            return left
        right, compare = self._value(), _COMPARE[sign]
        if self._here.kind == "sign" and self._here.text in _COMPARE:
            raise self._refuse("two comparisons in a row", "and between them")
        return lambda values: _compare(sign, compare, left(values), right(values))

    def _value(self) -> _Evaluate:
        token = self._here
        if self._take("("):
            inner = self._either()
            self._expect(")")
            return inner
        if self._take("["):
            return self._list()
        if self._take("true", "false"):
            return _constant(token.text == "true")
        minus = self._take("-") is not None
        number = self._take(kinds=("number",))
        if number is not None:
            return _constant(-float(number) if minus else float(number))
        if minus:
            raise self._refuse("'-' before what is no number")
        if self._take(kinds=("text",)) is not None:
            return _constant(token.text[1:-1])
        if self._take(kinds=("name",)) is not None:
            return self._call(token) if self._here.text == "(" and self._here.kind == "sign" else self._name(token)
        raise self._refuse("a value is missing", "a name, a number, a 'text', a [list] or a function")

    def _list(self) -> _Evaluate:
        members: list[_Evaluate] = []
        while not self._take("]"):
            if members:
                self._expect(",")
            members.append(self._nested())
        return lambda values: [member(values) for member in members]

    def _nested(self) -> _Evaluate:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._refuse("parts inside parts too deep", f"at most {MAX_DEPTH} levels")
        value = self._value()
        self._depth -= 1
        return value

    def _name(self, token: _Token) -> _Evaluate:
        name = token.text.strip("`")
        self.names.add(name)
        if name != "scores":
            return lambda values: values.get(name)
        if self._take(".") is None or (label := self._take(kinds=("name", "number", "word"))) is None:
            raise self._refuse("'scores' of what?", "scores.LABEL, such as scores.spam or scores.`very good`")
        label = label.strip("`")
        self.labels.add(label)
        return lambda values: (values.get("scores") or {}).get(label)

    def _call(self, token: _Token) -> _Evaluate:
        name = token.text
        if name not in (*_FUNCTIONS, "matches"):
            fix = suggestion(name, [*_FUNCTIONS, "matches"])
            raise self._refuse(f"no function {name!a}", fix=fix, at=token)
        self._expect("(")
        given = [self._nested()]
        if name == "matches":
            self._expect(",")
            found_in = self._pattern()
            self._expect(")")
            return lambda values: isinstance(text := given[0](values), str) and found_in(text)
        while self._take(","):
            given.append(self._nested())
        self._expect(")")
        count, function = _FUNCTIONS[name]
        if len(given) != count:
            raise self._refuse(f"{name} takes {count} value{'s' * (count > 1)}, not {len(given)}", at=token)
        return lambda values: function(*(part(values) for part in given))

    def _pattern(self) -> Callable[[str], bool]:
        token = self._here
        if self._take(kinds=("text",)) is None:
            raise self._refuse("the pattern is no 'text'", "matches(text, 'PATTERN')")
        try:
            return Pattern(token.text[1:-1]).found_in
        except InputError as error:
            raise self._refuse(error.what, error.expected, error.fix, at=token) from None


def _constant(value: Any) -> _Evaluate:
    return lambda values: value


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _compare(sign: str, compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    if _kind(left) != _kind(right) or _kind(left) == "other":
        return sign == "!="
    return compare(left, right)


def _is_in(value: Any, members: Any) -> bool:
    return isinstance(members, list) and any(_compare("==", _COMPARE["=="], value, member) for member in members)


def _of_texts(function: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda text, part: isinstance(text, str) and isinstance(part, str) and function(text, part)


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "contains": (2, _of_texts(lambda text, part: part in text)),
    "startswith": (2, _of_texts(str.startswith)),
    "endswith": (2, _of_texts(str.endswith)),
    "lower": (1, lambda text: text.lower() if isinstance(text, str) else None),
    "length": (1, lambda text: len(text) if isinstance(text, str) else None),
}
"""How many values each takes, and what it makes of them."""
