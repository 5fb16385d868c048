"""What the tests of the guideline share."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.guideline_facts import FACTS, write


@pytest.fixture
def facts_file(tmp_path: Path) -> str:
    """A file of the facts that most tests use."""
    return str(write(tmp_path, yaml.safe_dump(FACTS)))
