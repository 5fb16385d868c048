"""calcscan: find, measure and locate calcification in a non-contrast head CT. Research use only.

    result = calcscan.analyse("study/")
    calcscan.write_report(result, "out/")

Importing this package loads nothing heavy; each name below is fetched when it is first used. `register`, `locate`,
`summarise` and `verify` are at once the module of the stage and its function: both `calcscan.register(head, atlas)` and
`from calcscan.register import register` work.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calcscan.atlas import load_atlas as load_atlas
    from calcscan.attached import find_attached as find_attached
    from calcscan.batch import run_batch as run_batch
    from calcscan.components import lesion_table as lesion_table
    from calcscan.errors import CalcscanError as CalcscanError
    from calcscan.find import find_lesions as find_lesions
    from calcscan.geometry import Geometry as Geometry
    from calcscan.guideline import recommend as recommend
    from calcscan.locate import locate as locate
    from calcscan.model import Result as Result
    from calcscan.model import Scan as Scan
    from calcscan.pipeline import analyse as analyse
    from calcscan.quality import judge as judge
    from calcscan.read import read_scan as read_scan
    from calcscan.register import register as register
    from calcscan.report import write_report as write_report
    from calcscan.skull import find_skull as find_skull
    from calcscan.summarise import summarise as summarise
    from calcscan.verify import verify as verify

__version__ = "0.1.0"

_WHERE: dict[str, str] = {
    "CalcscanError": "errors",
    "Geometry": "geometry",
    "Result": "model",
    "Scan": "model",
    "analyse": "pipeline",
    "find_attached": "attached",
    "find_lesions": "find",
    "find_skull": "skull",
    "judge": "quality",
    "lesion_table": "components",
    "load_atlas": "atlas",
    "locate": "locate",
    "read_scan": "read",
    "recommend": "guideline",
    "register": "register",
    "run_batch": "batch",
    "summarise": "summarise",
    "verify": "verify",
    "write_report": "report",
}
_STAGES = frozenset(name for name, module in _WHERE.items() if name == module)
"""Modules that share the name of their function."""

__all__ = ["__version__", *sorted(_WHERE)]


class _Stage(ModuleType):
    """A module that is called by calling its function of the same name."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])(*arguments, **named)


class _Package(ModuleType):
    """This package: makes the stage modules callable as they are loaded (the import system sets them here)."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in _STAGES and isinstance(value, ModuleType):
            value.__class__ = _Stage
        super().__setattr__(name, value)


def __getattr__(name: str) -> object:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'calcscan' has no attribute {name!r}")
    loaded = importlib.import_module(f"calcscan.{module}")
    return loaded if name in _STAGES else getattr(loaded, name)


def __dir__() -> list[str]:
    return list(__all__)


sys.modules[__name__].__class__ = _Package
