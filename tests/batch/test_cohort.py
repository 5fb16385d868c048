"""The tables of a whole batch: one row a study, all lesions, all sites."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from support import batch_work
from support.batch_work import InLine

from calcscan.batch import run as run_module
from calcscan.batch import run_batch
from calcscan.batch.columns import site_columns, study_row
from calcscan.errors import OutputError
from calcscan.read.headers.image import Person
from calcscan.read.headers.probe import Probe
from calcscan.report.tables import cell, columns_of

NEW = (
    "participant", "session", "run", "version", "atlas", "threshold_hu", "detection_floor_mm3", "volume_low_mm3",
    "volume_high_mm3", "kvp_kv", "slice_thickness_mm", "effective_thickness_mm", "kernel", "intracranial_ml",
)  # fmt: skip


def look(path: Path) -> Probe:
    """A text file is a DICOM file of the study that it names."""
    if path.suffix == ".csv":
        return Probe(reason="is not a DICOM image")
    who = Person(patient_id="", name="", age="", birth_date="", sex="", study_date="")
    return Probe(dicom=True, study_uid=path.read_text(), person=who)


def measured(row: dict[str, str]) -> dict[str, object]:
    """A row without the names that a batch gives, numbers as such."""
    plain = {key: value for key, value in row.items() if key not in ("participant", "session", "run")}
    return {key: float(value) if value[:1].isdigit() and key != "study" else value for key, value in plain.items()}


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_module, "probe", look)
    for number, name in enumerate(("sub-01/ses-1", "anna", "abstain", "broken")):
        folder = tmp_path / "in" / name
        folder.mkdir(parents=True)
        (folder / "1").write_text(str(number))
    return tmp_path / "in"


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_long_tables_hold_the_rows_of_every_study_under_its_name(studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run_batch(studies, out, runner=InLine())
    done = ["abstain", "anna", "sub-01__ses-1"]
    for name, table in (("lesions.csv", result.lesion_table), ("sites.csv", result.site_table)):
        assert table == out / name
        own = [{**row, "study": study} for study in done for row in rows(out / study / name)]
        found = [dict(row) for row in rows(out / name)]
        assert [measured(row) for row in found] == [measured(row) for row in own]
    assert {(row["participant"], row["session"]) for row in rows(out / "sites.csv")} == {("", ""), ("sub-01", "ses-1")}


def test_a_resumed_batch_has_the_same_tables(studies: Path, tmp_path: Path) -> None:
    out, names = tmp_path / "out", ("lesions.csv", "sites.csv")
    run_batch(studies, out, runner=InLine())
    first = [(out / name).read_bytes() for name in names]
    for name in names:
        (out / name).unlink()
    run_batch(studies, out, runner=InLine())
    assert [(out / name).read_bytes() for name in names] == first


def test_a_row_of_batch_csv_says_how_the_numbers_came_about(studies: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_batch(studies, out, runner=InLine())
    table = {row["study"]: row for row in rows(out / "batch.csv")}
    report = json.loads((out / "anna" / "report.json").read_text())
    row = table["anna"]
    assert row["version"] == report["software"]["version"]
    assert float(row["threshold_hu"]) == report["settings"]["threshold_hu"]
    assert float(row["detection_floor_mm3"]) == report["detection_floor_mm3"]
    assert (float(row["kvp_kv"]), float(row["slice_thickness_mm"]), row["kernel"]) == (120.0, 5.0, "H31s")
    assert float(row["intracranial_ml"]) == report["intracranial_ml"]
    assert float(row["volume_low_mm3"]) < float(row["volume_mm3"]) < float(row["volume_high_mm3"])
    left = next(site for site in report["sites"] if (site["site"], site["side"]) == ("pallidum", "left"))
    assert float(row["pallidum_left_low_mm3"]) == left["volume_low_mm3"]
    assert float(row["pallidum_left_high_mm3"]) == left["volume_high_mm3"]
    assert table["broken"]["version"] == table["broken"]["volume_low_mm3"] == ""


def test_the_columns_of_before_keep_their_names_and_order(studies: Path, tmp_path: Path) -> None:
    run_batch(studies, tmp_path / "out", runner=InLine())
    columns = (tmp_path / "out" / "batch.csv").read_text().partition("\n")[0].split(",")
    old = ["study", "state", "quality", "flags", "age_years", "sex", "lesions", "volume_mm3"]
    old += [f"{name}_mm3" for name in site_columns().values()]
    old += ["rules", "rules_sha256", "files", "input", "same_series_as", "seconds", "error"]
    assert columns[: len(old)] == old
    assert tuple(columns[len(old) : len(old) + len(NEW)]) == NEW
    assert columns[-2:] == ["reviewed_by", "reviewed_at"]
    assert tuple(columns) == columns_of(study_row())


@pytest.mark.parametrize("name", ["lesions.csv", "sites.csv"])
def test_a_table_of_somebody_elses_is_not_overwritten(studies: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("theirs")
    with pytest.raises(OutputError, match="did not write"):
        run_batch(studies, out, runner=InLine())
    assert (out / name).read_text() == "theirs"


def test_the_results_of_a_run_are_not_overwritten(studies: Path, tmp_path: Path) -> None:
    from calcscan.report.atomic_folder import put_files

    put_files(tmp_path / "out", batch_work.synthetic(False))
    before = (tmp_path / "out" / "lesions.csv").read_bytes()
    with pytest.raises(OutputError, match="single study"):
        run_batch(studies, tmp_path / "out", runner=InLine())
    assert (tmp_path / "out" / "lesions.csv").read_bytes() == before


@pytest.mark.parametrize("text", ["=CMD()", "+1", "-1", "@A1", "＝1", "\t=1", "a\nb", "\x1b[31m", "a\u202eb"])
def test_a_cell_is_text_and_one_line(text: str) -> None:
    found = str(cell(text))
    assert found.isprintable()
    assert not found.startswith(("=", "+", "-", "@", "＝"))


def test_names_that_are_formulas_come_out_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "probe", look)
    for number, name in enumerate(("=CMD|x", "a\nb")):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "1").write_text(str(number))
    run_batch(tmp_path / "in", tmp_path / "out", runner=InLine())
    for name in ("batch.csv", "lesions.csv", "sites.csv"):
        for row in rows(tmp_path / "out" / name):
            assert all(not value.startswith(("=", "+", "@")) and value.isprintable() for value in row.values())
