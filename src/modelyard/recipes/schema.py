"""The JSON Schema of recipes, read off the steps' signatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.options import Option, json_schema, plain
from modelyard.core.source import Source
from modelyard.core.step import Step
from modelyard.recipes.open_options import AUTO, SCALES, SEARCH
from modelyard.recipes.recipe import NAME, SOURCE_KEYS, VERSION
from modelyard.recipes.serve_section import serving_schema

_BOUND = {
    "oneOf": [
        {"type": "string", "pattern": r"^\s*(<=|>=)\s*[-+0-9.eE]+\s*$"},
        {
            "type": "object",
            "properties": {
                **{key: {"type": "number"} for key in ("at_least", "at_most", "max_drop", "max_rise")},
                "against": {"type": "string", "description": "base, or yard:name@alias"},
                "confidence": {"type": "number", "minimum": 0.5, "exclusiveMaximum": 1},
            },
            "additionalProperties": False,
        },
    ]
}

_OPEN = "#/$defs/open"
_SEARCH = {
    "type": "object",
    "properties": {
        SEARCH: {
            "oneOf": [
                {"type": "array", "minItems": 1},
                {
                    "type": "object",
                    "properties": {
                        "low": {"type": "number"},
                        "high": {"type": "number"},
                        "scale": {"enum": list(SCALES)},
                    },
                    "required": ["low", "high"],
                    "additionalProperties": False,
                },
            ]
        }
    },
    "required": [SEARCH],
    "additionalProperties": False,
    "description": "left open: modelyard solve chooses",
}
_MEASURE = [
    {"type": "string"},
    {
        "type": "object",
        "properties": {"maximize": {"type": "string"}},
        "required": ["maximize"],
        "additionalProperties": False,
    },
]

REFERENCE = (
    "pypi:package==version/path, hf:owner/name@revision, sklearn:table, new:architecture, yard:name@alias, or a path "
    "beside the recipe"
)


def recipe_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a recipe with every step that is installed."""
    steps = [lookup.step(name) for name in lookup.step_names() if not name.startswith("load ")]
    names = {step.name: step for step in steps} | {
        verb: lookup.step(verb) for verb in lookup.defaults() if verb != "load"
    }
    reference = {
        "type": "string",
        "description": "pypi:package==version/path, hf:owner/name, yard:name@alias or a path",
    }
    data = _options(lookup.step("load data"))
    data["properties"]["source"] = {
        "oneOf": [reference, {"type": "object", "properties": dict.fromkeys(SOURCE_KEYS, reference)}]
    }
    data["required"] = [*data.get("required", []), "source"]
    model = _options(lookup.step("load model"))
    # The task is said once, at the top of the recipe.
    model["properties"] = {"source": reference} | {k: v for k, v in model["properties"].items() if k != "task"}
    model["required"] = ["source"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "modelyard recipe",
        "type": "object",
        "properties": {
            "modelyard": {"const": VERSION, "description": "version of the recipe format"},
            "name": {"type": "string", "pattern": f"^{NAME.pattern}$", "description": "name of the release"},
            "task": {
                "enum": list(lookup.names("tasks")),
                "description": "what the model does: a Hugging Face pipeline tag",
            },
            "model": {
                "oneOf": [reference, model],
                "description": f"the model to start from, unless a step makes it of the data: {REFERENCE}",
            },
            "data": data | {"description": "rows: where from, which column plays which role, how split"},
            "steps": {
                "type": "array",
                "items": {"oneOf": [{"enum": sorted([*names, AUTO])}, {"$ref": _OPEN}, *map(_entry, names.items())]},
                "description": "what is done, in order: the name of a step, or its name with options",
            },
            "require": {
                "type": "object",
                "additionalProperties": _BOUND,
                "description": "bounds by measure, judged on the released model",
            },
            "objective": {
                "oneOf": [*_MEASURE, {"type": "array", "items": {"oneOf": _MEASURE}, "minItems": 1}],
                "description": "what modelyard solve makes small (or large), in place of latency and size",
            },
            "serve": serving_schema(),
            "seed": {
                "type": "integer",
                "minimum": 0,
                "default": 0,
                "description": "seed of every step without its own",
            },
        },
        "required": ["modelyard", "name", "task"],
        "additionalProperties": False,
        "$defs": {"open": _SEARCH},
    }


def _entry(item: tuple[str, Step]) -> dict[str, Any]:
    name, step = item
    options = _options(step)
    opened = {key: _or_open(schema) for key, schema in options["properties"].items()}
    options = {"oneOf": [options | {"properties": opened | _inputs(step)}, {"type": "null"}]}
    return {
        "type": "object",
        "properties": {name: options},
        "required": [name],
        "additionalProperties": False,
        "description": step.summary,
    }


def _inputs(step: Step) -> dict[str, Any]:
    """Models and foreign files that an entry may name by reference."""
    references = {Model: {"type": "string", "pattern": "^yard:"}, Source: {"type": "string"}}
    found = {}
    for parameter in step.parameters:
        if parameter.kind in references:
            reference = references[parameter.kind]
            schemas = [reference, {"type": "array", "items": reference}] if parameter.many else [reference]
            found[parameter.name] = {"anyOf": schemas, "description": parameter.help}
    return found


def _or_open(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The option's own value, or alternatives to search."""
    told = {key: schema[key] for key in ("description", "default") if key in schema}
    return {"anyOf": [{key: value for key, value in schema.items() if key not in told}, {"$ref": _OPEN}], **told}


def _options(step: Step) -> dict[str, Any]:
    required = [option.name for option in step.options.values() if option.required]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {option.name: _property(option) for option in step.options.values()},
        "additionalProperties": False,
    }
    return schema | ({"required": required} if required else {})


def _property(option: Option) -> dict[str, Any]:
    schema = json_schema(option.annotation)
    if option.help:
        schema["description"] = option.help
    if not option.required:
        schema["default"] = plain(option.default)
    return schema
