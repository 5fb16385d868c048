"""What a case of reading is, how a reader's answer is judged, and calcscan's answer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calcscan.errors import CalcscanError
from calcscan.quality import severity
from calcscan.read import read_scan
from support.ball_phantom import Measured, measured
from support.dicom_faults import Series, write

RIGHT_MM, RIGHT_SHARE = 0.5, 0.03
"""A ball whose centre and volume are off by less is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input. `verdict` and `codes` are what calcscan is to make of it."""

    name: str
    make: Callable[[Path], Path]
    verdict: str = "right"
    codes: frozenset[str] = frozenset()
    peers: bool = True
    """False where the question is not one for a converter: are these Hounsfield units?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a reader made of an input: the ball as it shows it (None: no ball, or no image) and what it said."""

    verdict: str
    """right, flagged (wrong, but it said so), refused (no image), SILENTLY WRONG."""
    ball: Measured | None = None
    said: str = ""


def judged(ball: Measured | None, *, warned: bool, said: str = "") -> Reading:
    """The verdict on a reader that gave an image."""
    right = ball is not None and ball.error_mm < RIGHT_MM and abs(ball.volume_ratio - 1) < RIGHT_SHARE
    return Reading(verdict="right" if right else "flagged" if warned else "SILENTLY WRONG", ball=ball, said=said)


def read_by_calcscan(path: Path) -> Reading:
    """What calcscan makes of it; a flag that is only a note is no warning."""
    try:
        scan = read_scan(path)
    except CalcscanError as error:
        return Reading(verdict="refused", said=str(error))
    grid = scan.geometry
    places = grid.to_world(np.moveaxis(np.indices(scan.hu.shape), 0, -1))
    ball = measured(scan.hu, places, grid.voxel_mm3[:, None, None])
    warned = any(severity(flag) != "note" for flag in scan.flags)
    return judged(ball, warned=warned, said=" ".join(sorted({flag.code for flag in scan.flags})))


CASES: list[Case] = []


def case(name: str, *codes: str, verdict: str = "right", peers: bool = True) -> Callable[[Any], Any]:
    """Adds to the cases: a function of a folder that writes into it and returns what to read, or returns images."""

    def add(function: Callable[[Path], Path | Series]) -> Callable[[Path], Path | Series]:
        def make(folder: Path) -> Path:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom warns of faults that are made on purpose
                made = function(folder)
                if isinstance(made, list):
                    write(made, folder)
                    return folder
            return made

        CASES.append(Case(name=name, make=make, verdict=verdict, codes=frozenset(codes), peers=peers))
        return function

    return add
