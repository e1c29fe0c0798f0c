"""A step as a command: positional artifacts, options read off the signature."""

from __future__ import annotations

import argparse
import shutil
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from modelyard.cli.command import add_json, add_page, note, print_json, say, tell_report, write_page
from modelyard.core.errors import InputError
from modelyard.core.options import Option, wording
from modelyard.core.step import Step


class StepCommand:
    """``modelyard quantize dynamic MODEL --per-channel``, derived from the step."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.name = step.name
        self.summary = step.summary

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        for parameter in self.step.parameters:
            kind = parameter.kind.__name__.lower()
            help_text = parameter.help or f"a {kind}: a folder, a digest or yard:name@alias"
            nargs = "+" if parameter.many else "?" if parameter.optional else None
            parser.add_argument(parameter.name, metavar=parameter.name.upper(), nargs=nargs, help=_escape(help_text))
        for option in self.step.options.values():
            _add_option(parser, option)
        parser.add_argument("--out", type=Path, metavar="FOLDER", help="copy the result into this new folder too")
        if self.step.result.kind == "report":
            add_page(parser)
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.cli.progress import shown_progress
        from modelyard.core.report import Report
        from modelyard.recipes.call import run_step
        from modelyard.recipes.inputs import open_input
        from modelyard.yard.yard import Yard

        if arguments.out is not None and arguments.out.exists():
            raise InputError(f"{str(arguments.out)!r} exists already", fix="give --out a new folder")
        given = {
            name: parse_option(option, getattr(arguments, name))
            for name, option in self.step.options.items()
            if getattr(arguments, name) is not None
        }
        options = self.step.check_options(given)
        yard = Yard.default()
        inputs = [
            open_input(text, item, yard)
            for item in self.step.parameters
            for text in (getattr(arguments, item.name) if item.many else [getattr(arguments, item.name)])
        ]
        with shown_progress():
            result = run_step(self.step, inputs, options, yard)
        if arguments.out is not None:
            shutil.copytree(result.artifact.path, arguments.out)
        if isinstance(result.artifact, Report):
            write_page(arguments.page, self.name, result.artifact)
        self._show(result.artifact, arguments.json, reused=result.reused)
        return self._exit_code(result.artifact)

    def _exit_code(self, artifact: Any) -> int:
        """0, unless the step says what must hold and the report does not: 1, or 3 where that cannot be told."""
        if not self.step.holds:
            return 0
        from modelyard.core.requirement import Verdict, overall

        measures = artifact.findings.measures
        verdict = overall(requirement.judge(measures) for requirement in self.step.holds)
        return {Verdict.MET: 0, Verdict.NOT_MET: 1, Verdict.INCONCLUSIVE: 3}[verdict]

    def _show(self, artifact: Any, as_json: bool, *, reused: bool) -> None:
        from modelyard.core.model import Model
        from modelyard.core.report import Report

        facts = {"kind": artifact.kind, "digest": artifact.digest, "path": str(artifact.path), "reused": reused}
        if as_json:
            measures = artifact.findings.measures if isinstance(artifact, Report) else {}
            assumed = {"assumed": list(artifact.assumed)} if isinstance(artifact, Model) and artifact.assumed else {}
            print_json(
                facts | assumed | ({"measures": {k: m.to_json() for k, m in measures.items()}} if measures else {})
            )
            return
        if isinstance(artifact, Report):
            tell_report(artifact, reused=reused)
            return
        for assumption in artifact.assumed if isinstance(artifact, Model) else ():
            note(assumption)
        note(f"{artifact.kind} {'(reused) ' if reused else ''}{artifact.path}")
        say(artifact.digest)


def parse_option(option: Option, given: Any) -> Any:
    """The text after a flag as the value that the option declares.

    Lists may be written ``a,b``, mappings as YAML (``{a: 1}``).
    """
    from modelyard.formats.document import parse

    if not isinstance(given, str):
        return given
    kinds = _kinds(option.annotation)
    if kinds == {str} or (str in kinds and given.strip() == ""):
        return given
    value = parse(given, f"--{option.name.replace('_', '-')}").value if given.strip() else given
    if list in kinds and not isinstance(value, list | dict):
        return [parse(item, f"--{option.name}").value for item in given.split(",")]
    return value


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    flag = f"--{option.name.replace('_', '-')}"
    default = "" if option.required or option.default is None else f" (default: {_spell(option.default)})"
    help_text = _escape(f"{option.help or wording(option.annotation)}{default}")
    if _kinds(option.annotation) == {bool}:
        parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=help_text)
    else:
        metavar = option.name.upper()
        parser.add_argument(flag, metavar=metavar, default=None, required=option.required, help=help_text)


def _spell(default: Any) -> str:
    from modelyard.core.options import plain

    value = plain(default)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _escape(text: str) -> str:
    # argparse formats help with ``%``.
    return text.replace("%", "%%")


def _kinds(annotation: Any) -> set[Any]:
    """The plain types that an annotation admits, None left out."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kinds(args[0])
    if origin in (Union, types.UnionType):
        return {kind for item in args if item is not type(None) for kind in _kinds(item)}
    if origin in (list, tuple, Sequence):
        return {list}
    return {origin or annotation}
