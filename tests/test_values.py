"""Public values stay what they are when they are copied, or sent to another process."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from support.copies import COPIES, differences, writeable
from support.results import BALLS, SMALL, make_atlas, make_result

import calcscan
import calcscan.grid
from calcscan import errors
from calcscan.batch.model import Settings, Task
from calcscan.batch.model import Study as BatchStudy
from calcscan.grid.displacement import Displacement
from calcscan.grid.geometry import Geometry
from calcscan.grid.isotropic import IsotropicVolume
from calcscan.grid.midline import MidlineSurface
from calcscan.guideline import load_ruleset, recommend
from calcscan.knowledge.left_out import LeftOutReason
from calcscan.model import Acquisition, Blur, Flag, LeftOut, LesionMap, Registration, Scan, Study
from calcscan.values import Value

ERRORS = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, errors.CalcscanError)]
every_copy = pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
Copied = Callable[[Any], Any]

number = st.floats(-1e3, 1e3)
length = st.floats(0.2, 5.0)
text = st.text(max_size=20)
figures = st.dictionaries(text, st.floats(allow_nan=True), max_size=3)


def arrays(dtype: type, *shape: int) -> st.SearchStrategy[np.ndarray]:
    """In C or Fortran order, read-only or not: a value takes them all."""
    drawn = npst.arrays(dtype, shape, elements=st.integers(0, 1) if dtype == np.bool_ else None)
    if dtype == np.float64:
        drawn = npst.arrays(dtype, shape, elements=number)
    return st.tuples(drawn, st.booleans(), st.booleans()).map(_laid_out)


def _laid_out(drawn: tuple[np.ndarray, bool, bool]) -> np.ndarray:
    array, turned, frozen = drawn
    array = np.asfortranarray(array) if turned else array
    array.flags.writeable = not frozen
    return array


flags = st.builds(Flag, code=text, message=text, value=st.none() | st.floats() | text, limit=st.none() | number)
geometries = st.builds(
    lambda shape, spacing: Geometry.regular(shape=shape, spacing_mm=spacing),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    st.tuples(length, length, length),
)
blurs = st.builds(
    Blur,
    in_plane_mm=length,
    in_plane_error=length,
    in_plane_measured=st.booleans(),
    across_mm=arrays(np.float64, 3),
    across_error=length,
    across_measured=st.booleans(),
    why=text,
)
scans = geometries.flatmap(
    lambda grid: st.builds(
        Scan,
        hu=arrays(np.int16, *grid.shape),
        geometry=st.just(grid),
        acquisition=st.builds(Acquisition, kernel=st.none() | text, kvp_kv=st.none() | length),
        study=st.builds(Study, patient_name=text, age_years=st.none() | length),
        flags=st.lists(flags, max_size=2).map(tuple),
        sources=st.lists(text, max_size=2).map(tuple),
    )
)
left_out = st.builds(
    LeftOut,
    reason=st.sampled_from(LeftOutReason),
    kji=arrays(np.int64, 4, 3),
    volume_mm3=number,
    mean_hu=number,
    max_hu=st.integers(0, 3000),
    centroid_lps_mm=st.tuples(number, number, number),
    evidence=figures,
)
lesion_maps = geometries.flatmap(
    lambda grid: st.builds(
        LesionMap,
        labels=arrays(np.int32, *grid.shape),
        geometry=st.just(grid),
        lesions=st.just(()),
        threshold_hu=number,
        settings=figures | figures.map(MappingProxyType),
        left_out=st.lists(left_out, max_size=2).map(tuple),
    )
)
displacements = st.builds(Displacement, shift_mm=arrays(np.float32, 2, 2, 2, 3), affine=arrays(np.float64, 4, 4))
midlines = st.builds(MidlineSurface, x_mm=arrays(np.float64, 3, 2), from_mm=st.tuples(number, number), step_mm=length)
registrations = st.builds(
    Registration,
    scan_to_atlas=arrays(np.float64, 4, 4),
    method=text,
    metric=number,
    overlap=number,
    accepted=st.booleans(),
    reason=text,
    flags=st.lists(flags, max_size=2).map(tuple),
    displacement=displacements,
    midline=st.none() | midlines,
    fluid_in_caudate=figures.map(MappingProxyType),
)
volumes = st.builds(
    IsotropicVolume,
    values=arrays(np.float32, 2, 3, 2),
    covered=arrays(np.bool_, 2, 3, 2),
    affine=arrays(np.float64, 4, 4),
    spacing_mm=length,
)
atlases = figures.map(lambda held: dataclasses.replace(make_atlas(), sites=MappingProxyType(held)))
results = st.builds(
    make_result,
    st.just(SMALL),
    balls=st.lists(st.sampled_from(BALLS), max_size=3, unique=True),
    refused=st.booleans(),
    accepted=st.booleans(),
)
values = st.one_of(
    scans, blurs, left_out, lesion_maps, displacements, midlines, registrations, volumes, atlases, geometries, results
)


@given(value=values, how=st.sampled_from(list(COPIES)))
def test_a_copy_is_the_same_and_as_read_only(value: Value, how: str) -> None:
    assert not writeable(value)
    copied = COPIES[how](value)
    assert not differences(value, copied)
    assert not writeable(copied)


@given(array=arrays(np.int16, 2, 2, 2))
def test_the_array_of_the_caller_stays_as_it_is(array: np.ndarray) -> None:
    before = array.flags.writeable
    grid = Geometry.regular(shape=(2, 2, 2), spacing_mm=(1.0, 1.0, 1.0))
    COPIES["copy"](Scan(hu=array, geometry=grid))
    assert array.flags.writeable == before


@every_copy
def test_a_real_result_is_the_same_and_as_read_only(sample_result: calcscan.Result, copied: Copied) -> None:
    again = copied(sample_result)
    assert not differences(sample_result, again)
    assert not writeable(again)
    assert repr(again) == repr(sample_result)
    assert again.lesions is not None
    with pytest.raises(ValueError, match="read-only"):
        again.lesions.labels[0, 0, 0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        again.facts = {}


def test_a_copied_result_goes_through_later_stages_as_the_first(sample_result: calcscan.Result, tmp_path: Path) -> None:
    calcscan.write_report(sample_result, tmp_path / "first")
    calcscan.write_report(COPIES["pickle 5"](sample_result), tmp_path / "copy")
    for path in sorted((tmp_path / "first").iterdir()):
        assert path.read_bytes() == (tmp_path / "copy" / path.name).read_bytes(), path.name


@every_copy
@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
@given(what=text, where=text, hint=text, code=text)
def test_an_error_is_the_same(kind: type, copied: Copied, what: str, where: str, hint: str, code: str) -> None:
    named = {"code": code} if kind is errors.RefusedError else {}
    error = kind(what, where=where, hint=hint, **named)
    error.add_note("at the third attempt")
    again = copied(error)
    assert type(again) is kind
    assert (str(again), repr(again), again.args) == (str(error), repr(error), error.args)
    assert vars(again) == vars(error)


@every_copy
def test_what_the_guideline_and_a_batch_hand_over_is_the_same(copied: Copied) -> None:
    ruleset = load_ruleset()
    assert copied(ruleset).sha256 == ruleset.sha256
    facts = {"age_years": 52, "findings": [{"site": "dura", "present": True}], "labs": {"pth": "8 pg/mL"}}
    advice = recommend(facts)
    assert copied(advice) == advice
    assert recommend(facts, rulesets=copied(ruleset)) == advice
    task = Task(study=BatchStudy(name="a", paths=(Path("a"),)), out=Path("b"), settings=Settings())
    assert copied(task) == task


def test_every_dataclass_with_an_array_that_stages_hand_on_is_a_value() -> None:
    modules = ["calcscan.model", "calcscan.verification.model"]
    modules += [f"calcscan.grid.{module.name}" for module in pkgutil.iter_modules(calcscan.grid.__path__)]
    things = [thing for name in modules for thing in vars(importlib.import_module(name)).values()]
    things += [getattr(calcscan, name) for name in calcscan.__all__]
    kinds = {thing for thing in things if inspect.isclass(thing) and dataclasses.is_dataclass(thing)}
    holding = [kind for kind in kinds if any("Array" in str(field.type) for field in dataclasses.fields(kind))]
    assert {Scan, LesionMap, Geometry, Registration} <= set(holding)
    for kind in holding:
        assert issubclass(kind, Value), kind
        assert "__repr__" not in vars(kind), f"{kind}: dataclass(repr=False) keeps the short one"


def test_no_value_shows_identifiers_or_a_screen_of_numbers() -> None:
    result = make_result()
    for value in (result, result.scan, result.lesions, result.intracranial, result.registration, result.atlas):
        shown = repr(value)
        assert len(shown) < 2500
        assert shown.count("\n") < 40
        for identifier in ("Mustermann", "HOSP-778899", "1.2.826", "20240131"):
            assert identifier not in shown
