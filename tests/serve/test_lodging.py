from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from modelyard.core import memory
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.serve.following import open_version
from modelyard.serve.lodging import Lodging, assign
from modelyard.yard.registry import Version
from modelyard.yard.yard import Yard
from tests.serve.releases import NAME, Maker


class Counting(Yard):
    """Counts how often the files of each version's model are hashed."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.hashed: Counter[int] = Counter()

    def model(self, version: Version) -> Model:
        self.hashed[version.number] += 1
        return super().model(version)


def lodge(yard: Yard, references: list[str], limit: int | None = None) -> Lodging:
    versions = [yard.resolve(reference) for reference in references]
    return assign(
        yard, references, versions, workers=1, memory_limit=limit, admit=lambda version: None, open_it=open_version
    )


def test_a_model_is_hashed_once_before_the_server_starts(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    yard = Counting(tmp_path / "yard")
    maker = Maker(yard, tmp_path / "made")
    for regularization in (0.1, 1.0):
        maker.good(regularization)
    size = memory.memory_bytes(Yard(yard.home).model(yard.resolve(f"{NAME}:1")))

    # Two versions of one name stay; a plain name may be put away, and is opened anew when it is asked.
    fixed = lodge(yard, [f"{NAME}:1", f"{NAME}:2"], 3 * size)
    assert (len(fixed.first), list(fixed.lodgers)) == (2, [])
    assert fixed.room == 3 * size - sum(memory.memory_bytes(yard.model(yard.resolve(f"{NAME}:{n}"))) for n in (1, 2))
    yard.hashed.clear()
    single = lodge(yard, [NAME])
    assert [lodger.name for lodger in single.lodgers] == [NAME]
    assert single.room is None
    for open_first in single.first:
        hosted = open_first()
        assert hosted.version == "2"
        hosted.source.close()
    assert yard.hashed == {2: 1}
    version, opener = single.lodgers[0].resolve()
    assert version == "2"
    opener().source.close()
    assert yard.hashed == {2: 2}
    with pytest.raises(InputError, match="would take"):
        lodge(yard, [NAME], 1)
