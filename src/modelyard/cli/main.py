"""The entry point: finds the command, runs it, and turns errors into words and exit codes.

Exit codes: 0 done and met, 1 failed or not met, 2 bad input (nothing ran), 3 inconclusive.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from modelyard.cli.command import Command
from modelyard.core.errors import InputError, ModelyardError, suggestion

INTERRUPTED = 130
ENVIRONMENT = {
    # Libraries keep their own bars and warnings to themselves; the progress shown is ours.
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    # torchao, which transformers imports where it is installed, registers its types in a way that torch warns of.
    "TORCH_LOGS": "-torch.utils._pytree",
    # Threads that wait must sleep. Those that spin hold the core which the thread they wait for needs: beside one
    # other busy process, a layer of 32 tokens took 100 ms spinning and 3 ms sleeping on two cores.
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""Set before any library is loaded, unless the user has said otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # It says of each of its libraries for GPUs that it cannot be loaded.
    logging.getLogger("torchao").setLevel(logging.ERROR)
    try:
        return _dispatch(words)
    except ModelyardError as error:
        return _fail(error, as_json="--json" in words)
    except KeyboardInterrupt:
        print("interrupted; the next run goes on from here", file=sys.stderr)  # noqa: T201
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (``modelyard list | head``).
        sys.stderr.close()
        return 1


class Parser(argparse.ArgumentParser):
    """Argparse whose errors are ours, so that they look and exit like every other."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message, fix=f"{self.prog} --help")


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        _print_overview()
        return 0 if words else InputError.exit_code
    if words[0] in ("-V", "--version"):
        from modelyard import __version__

        print(f"modelyard {__version__}")  # noqa: T201
        return 0
    command, rest = find_command(words)
    parser = Parser(prog=f"modelyard {command.name}", description=command.summary)
    command.add_arguments(parser)
    return command.run(parser.parse_args(rest))


def find_command(words: list[str]) -> tuple[Command, list[str]]:
    """The command that the words begin with, and the words after its name.

    Raises:
        InputError: there is none of that name.
    """
    from modelyard.cli.commands import COMMANDS
    from modelyard.cli.steps import StepCommand
    from modelyard.core import lookup

    if words[0] in COMMANDS:
        return COMMANDS[words[0]](), words[1:]
    for length in (2, 1):
        name = " ".join(words[:length])
        if len(words) >= length and (name in lookup.step_names() or name in lookup.defaults()):
            return StepCommand(lookup.step(name)), words[length:]
    known = [*COMMANDS, *lookup.step_names(), *lookup.defaults()]
    raise InputError(f"unknown command {words[0]!r}", fix=suggestion(words[0], known))


def _print_overview() -> None:
    from modelyard.cli.overview import overview

    print(overview())  # noqa: T201


def _fail(error: ModelyardError, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(error.to_json(), ensure_ascii=False))  # noqa: T201
    print(f"error: {error}", file=sys.stderr)  # noqa: T201
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
