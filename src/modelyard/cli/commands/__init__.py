"""The commands that are not steps, one file each."""

from __future__ import annotations

from modelyard.cli.command import Command
from modelyard.cli.commands.audit import Audit
from modelyard.cli.commands.build import Build
from modelyard.cli.commands.crossvalidate import Crossvalidate
from modelyard.cli.commands.diff import Diff
from modelyard.cli.commands.keys import Keys
from modelyard.cli.commands.learning_curve import LearningCurveCommand
from modelyard.cli.commands.lineage import Lineage
from modelyard.cli.commands.list import List
from modelyard.cli.commands.predict import Predict
from modelyard.cli.commands.promote import Promote
from modelyard.cli.commands.quickstart import Quickstart
from modelyard.cli.commands.review import ReviewCommand
from modelyard.cli.commands.rollback import Rollback
from modelyard.cli.commands.rollout import RolloutCommand
from modelyard.cli.commands.rules import Rules
from modelyard.cli.commands.scan import Scan
from modelyard.cli.commands.schema import Schema
from modelyard.cli.commands.serve import Serve
from modelyard.cli.commands.show import Show
from modelyard.cli.commands.sign import Sign
from modelyard.cli.commands.solve import Solve
from modelyard.cli.commands.verify import Verify
from modelyard.cli.commands.watch import Watch

COMMANDS: dict[str, type[Command]] = {
    command.name: command
    for command in (
        Quickstart,
        Build,
        Solve,
        Crossvalidate,
        LearningCurveCommand,
        Predict,
        Serve,
        List,
        Show,
        Diff,
        Lineage,
        Promote,
        Rollback,
        RolloutCommand,
        Watch,
        Sign,
        Rules,
        ReviewCommand,
        Scan,
        Verify,
        Audit,
        Keys,
        Schema,
    )
}
