"""YAML with line numbers: plain data, and where each piece of it stands.

Follows the YAML 1.2 core schema, so ``no`` is text and ``2e-4`` a number. Aliases, tags and
repeated keys are refused. Knows nothing of what a recipe or a suite may say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InputError

Place = tuple[str | int, ...]
"""Keys and indices that lead to a value."""

MAX_BYTES = 1_000_000
MAX_DEPTH = 32

_SCALARS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")
}
"""What a plain value is taken for; a tag that names an object of Python is written like these."""
_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?")


@dataclass(frozen=True)
class Document:
    """A parsed file: ``value`` is plain data; ``line`` tells where a place in it stands (from 1)."""

    name: str
    text: str
    value: Any
    lines: Mapping[Place, int]

    def line(self, place: Place) -> int:
        """Line of the nearest thing that is really written."""
        while place not in self.lines and place:
            place = place[:-1]
        return self.lines.get(place, 1)

    def where(self, place: Place) -> str:
        return f"{self.name}, line {self.line(place)}"


def parse(text: str, name: str) -> Document:
    """Parse one YAML document.

    Raises:
        InputError: it is not YAML, or uses tags, aliases or repeated keys; names the line.
    """
    import yaml

    if len(text.encode()) > MAX_BYTES:
        raise InputError("the file is too large", expected=f"at most {MAX_BYTES} bytes", where=name)
    try:
        node = yaml.compose(_without_aliases(text, name), Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(f"not valid YAML: {problem}", where=where) from None
    except RecursionError:
        raise InputError(f"nested deeper than {MAX_DEPTH} levels", where=name) from None
    if node is None:
        raise InputError("the file is empty", expected="a mapping", where=name)
    lines: dict[Place, int] = {}
    return Document(name, text, _Builder(name, lines).build(node, ()), lines)


def write_yaml(value: Any) -> str:
    """Plain data as YAML that :func:`parse` reads as the same data; keys stay in their order."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes text that would be read as a number, and writes repeated lists out: an alias would be refused."""

        def represent_text(self, text: str) -> Any:
            number = _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text)
            return self.represent_scalar("tag:yaml.org,2002:str", text, style='"' if number else None)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(str, Dumper.represent_text)
    return str(yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110))


def _without_aliases(text: str, name: str) -> str:
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{name}, line {event.start_mark.line + 1}" if event.start_mark else name
        if isinstance(event, yaml.AliasEvent):
            raise InputError(f"alias *{event.anchor}", expected="every value written out", where=where)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError(f"nested deeper than {MAX_DEPTH} levels", where=where)
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return text


@dataclass(frozen=True)
class _Builder:
    name: str
    lines: dict[Place, int]

    def build(self, node: Any, place: Place) -> Any:
        import yaml

        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        standard = "tag:yaml.org,2002:map" if isinstance(node, yaml.MappingNode) else "tag:yaml.org,2002:seq"
        if node.tag != standard:
            raise self._refuse(node, f"tag {node.tag!r}", "plain values without tags")
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, place)

    def _mapping(self, node: Any, place: Place) -> dict[str, Any]:
        import yaml

        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._refuse(key_node, "a key that is not a plain word", "a word")
            key = str(key_node.value)
            if key in result:
                raise self._refuse(key_node, f"the key {key!r} stands here twice", "each key once")
            self.lines[(*place, key)] = key_node.start_mark.line + 1
            result[key] = self.build(value_node, (*place, key))
        return result

    def _scalar(self, node: Any) -> Any:
        text = str(node.value)
        if node.tag not in _SCALARS:
            raise self._refuse(node, f"tag {node.tag!r}", "plain values without tags")
        if node.style is not None:
            return text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text.lower() in ("true", "false") and text in (text.lower(), text.upper(), text.capitalize()):
            return text.lower() == "true"
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _FLOAT.fullmatch(text) else text

    def _refuse(self, node: Any, what: str, expected: str) -> InputError:
        return InputError(what, expected=expected, where=f"{self.name}, line {node.start_mark.line + 1}")
