"""A batch over whatever people keep in folders: each file is accounted for once, and nothing costs more than itself."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from support import batch_work
from support import dicom_faults as faults
from support.batch_work import InLine
from support.waiting import PATIENCE_S, wait_until

from calcscan.batch import run as run_module
from calcscan.batch import run_batch
from calcscan.batch.discover import find_studies
from calcscan.batch.lists import MOST_ROWS
from calcscan.batch.model import DONE, FAILED, Found, Outcome, Settings, Study, Task, Work
from calcscan.batch.names import cell, shown, study_name
from calcscan.batch.processes import local_processes
from calcscan.batch.status import fingerprint, finished, write_status
from calcscan.batch.table import row_of, same_series, write_table
from calcscan.batch.work import _one_path
from calcscan.cli import main
from calcscan.errors import NoCTError, OutputError
from calcscan.read.headers.probe import probe

LABELS = b"calcscan sites.nii.gz".rjust(169, b"\0").ljust(344, b"\0") + b"n+1\0" + bytes(1000)
"""How a label map of calcscan's begins."""
TINY = {"rows": 4, "columns": 4, "slices": 9}


def series(folder: Path, **tags: object) -> list[Path]:
    """A tiny series; new uids each time."""
    return faults.write(faults.series(**{**TINY, **tags}), folder)  # type: ignore[arg-type]


def found_in(root: Path, out: str = "nowhere") -> Found:
    return find_studies(root, root / out, probe)


def places(found: Found) -> dict[str, int]:
    return {study.place: study.files for study in found.studies}


def reasons(found: Found) -> dict[str, str]:
    reasons = {row.path: row.reason for row in found.left_out}
    assert len(reasons) == len(found.left_out)
    return reasons


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


# ---- everything at once


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with one of each."""
    root = tmp_path / "root"
    one = faults.series(**TINY)
    faults.write(one, root / "flat", suffix="")
    two = faults.write(faults.series(**TINY), root / "flat", suffix="")
    shutil.move(two[0], root / "flat" / "!")  # the second study has the first and the last name of the folder
    person = faults.series(**TINY, PatientID="P2", PatientName="Second^Person")
    faults.write(faults.in_study_of(one, person)[len(one) :], root / "flat")  # a second person, under the first's uid
    for n in range(30):
        (root / "flat" / f"A{n:02d}.dll").write_bytes(b"MZ")

    spread = faults.series(**TINY)
    faults.write(spread[:4], root / "spread" / "a")
    faults.write(spread[4:], root / ".hidden" / "b")
    series(root / os.fsdecode(b"\xff\xfe"))
    series(root / "=1+1" / "x" / "\x1b[31m")
    series(root / ("long" * 40) / ("name" * 40))
    series(root / "cut")
    cut = root / "cut" / "zz.dcm"
    cut.write_bytes((root / "cut" / "000.dcm").read_bytes()[:700])
    (root / "cut" / "dead.dcm").symlink_to("nothing")

    elsewhere = tmp_path / "elsewhere"
    series(elsewhere)
    (root / "linked").symlink_to(elsewhere)
    (root / "linked again").symlink_to(elsewhere)
    (root / "spread" / "a" / "loop").symlink_to(root)
    (root / "gone").symlink_to(tmp_path / "nothing")

    (root / "broken").mkdir()
    (root / "broken" / "1.dcm").write_bytes(b"nothing of the kind")
    (root / "broken" / "2.dcm").write_bytes(b"")
    (root / "locked").mkdir()
    os.mkfifo(root / "pipe.dcm")
    (root / "packed").mkdir()
    (root / "packed" / "inner.tar").write_bytes(b"tar")
    (root / "spread" / "a" / "IM1.dcm.gz").write_bytes(gzip.compress(b"x"))
    with zipfile.ZipFile(root / "packed" / "study.zip", "w") as target:
        target.writestr("1", b"x")
    (root / "packed" / "head.nii").write_bytes(bytes(400))
    (root / "packed" / "sites.nii.gz").write_bytes(gzip.compress(LABELS))
    (root / "packed" / ".DS_Store").write_bytes(b"Bud1")
    (root / "packed" / "readme").write_text("no image")
    (root / "earlier" / "s").mkdir(parents=True)
    for name, content in batch_work.synthetic(False).items():
        (root / "earlier" / "s" / name).write_bytes(content)
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: main")
    (root / "DICOMDIR").write_bytes(b"")
    really = os.scandir

    def refuse(path: object) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return really(path)  # type: ignore[call-overload]

    monkeypatch.setattr("os.scandir", refuse)
    with socket.socket(socket.AF_UNIX) as bound:
        monkeypatch.chdir(root)
        bound.bind("socket")
        yield root


def files_below(root: Path) -> list[str]:
    """Everything that is no folder, by os.walk, links followed where they lead out."""
    found = []
    for place, folders, names in os.walk(root):
        below = Path(place).relative_to(root)
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        found += [str(below / name) for name in (*names, *links)]
    return sorted(found)


def test_every_file_is_accounted_for_once(everything: Path, tmp_path: Path) -> None:
    out = everything / "results"
    result = run_batch(everything, out, runner=InLine())
    left = {row["path"]: row for row in rows(out / "left_out.csv")}
    assert len(left) == len(rows(out / "left_out.csv"))
    table = {row["study"]: row for row in rows(out / "batch.csv")}
    assert len(table) == len(result.outcomes) == len({name.casefold() for name in table})
    listed_files = sum(int(row["files"] or 0) for row in left.values())
    in_studies = sum(int(row["files"] or 0) for row in table.values())
    below = [path for path in files_below(everything) if not path.startswith("results")]
    links = ["linked", "linked again", "spread/a/loop"]  # to folders: they are no files
    assert set(links) <= set(below)
    linked = 9
    assert listed_files + in_studies == len(below) - len(links) + linked

    inputs = sorted(row["input"] for row in table.values())
    long = "/".join(["long" * 40, "name" * 40])
    assert inputs == sorted(
        [
            ".",  # spread over two folders
            "flat", "flat", "flat", "\\xff\\xfe", "./=1+1/x/\\x1b[31m", long, "cut", "linked", "broken", "locked",
            "packed/study.zip", "packed/head.nii",
        ]
    )  # fmt: skip
    assert {row["files"] for row in table.values() if row["input"] in ("flat", ".", "linked", "cut")} == {"9"}
    assert result.failed == tuple(
        sorted(row["study"] for row in table.values() if row["input"] in ("broken", "locked"))
    )
    reasons = {path: row["reason"] for path, row in left.items()}
    assert reasons["cut/zz.dcm"] == "is truncated within its header"
    assert reasons["cut/dead.dcm"] == reasons["gone"] == "is a broken link"
    assert "already" in reasons["linked again"]
    assert reasons["pipe.dcm"] == "is a pipe, not a file"
    assert reasons["socket"] == "is a socket, not a file"
    assert "archive" in reasons["packed/inner.tar"]
    assert reasons["spread/a/IM1.dcm.gz"].startswith("is a compressed DICOM file")
    assert reasons["packed/sites.nii.gz"] == "is a label map that calcscan wrote"
    assert reasons["earlier/s/lesions.nii.gz"] == reasons["earlier/s/report.json"] == "is a result of calcscan"
    assert reasons[".git"] == "is a version-control folder"
    assert "Permission denied" in reasons["locked"]
    assert reasons["packed/readme"] == "is not a DICOM image"
    assert sum(path.startswith("flat/") for path in reasons) == 30
    for name in table:
        assert (out / name / "status.json").is_file()
        assert name.isprintable()
        assert len(name.encode()) <= 200
        assert name[0] not in "=+-@."
    assert (out / "batch.csv").read_text(encoding="utf-8").replace("\n", "").isprintable()

    again = InLine()
    second = run_batch(everything, out, runner=again)
    assert set(again.done) == set(result.failed)
    left_now = {row["path"]: row for row in rows(out / "left_out.csv")}
    results = left_now.pop("results")
    assert results["reason"] == "is the output folder"
    assert int(results["files"]) > 10
    assert left_now == left
    assert second.table.read_bytes() == result.table.read_bytes()


def test_a_nifti_is_a_study_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "volume").write_bytes(bytes(344) + b"n+1\0" + bytes(100))
    (tmp_path / "packed.dat").write_bytes(gzip.compress(bytes(344) + b"n+1\0" + bytes(100)))
    (tmp_path / "report.nii").write_bytes(b"%PDF-1.4")
    found = found_in(tmp_path)
    assert places(found) == {"volume": 1, "packed.dat": 1}
    assert reasons(found) == {"report.nii": "is not a DICOM image (a document, picture or program)"}


def test_the_command_says_where_everything_went(
    everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_module, "local_processes", lambda jobs, timeout: InLine())
    out = tmp_path / "out"
    assert main(["batch", str(everything), "-o", str(out)]) == 3
    said = capsys.readouterr()
    assert "13 studies: 11 done, 0 abstained, 2 failed" in said.out
    assert str(out / "left_out.csv") in said.out
    assert "30: is not a DICOM image (a document" in said.out or "31: is not a DICOM image (a document" in said.out
    assert "no CT in it [broken]" in said.err
    assert said.out.replace("\n", "").isprintable()
    assert said.err.replace("\n", "").isprintable()
    shutil.rmtree(out)
    assert main(["batch", str(everything), "-o", str(out), "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "left out: cut/zz.dcm is truncated within its header" in said.out
    assert "13 studies" in said.out
    assert not out.exists()


# ---- which files are whose


def test_a_study_behind_other_files_is_found(tmp_path: Path) -> None:
    paths = series(tmp_path / "cd")
    for path in paths:
        path.rename(path.with_name("m" + path.name))
    for n in range(60):
        (tmp_path / "cd" / f"a{n:02d}.bin").write_bytes(b"x")
        (tmp_path / "cd" / f"z{n:02d}").write_bytes(b"x")
    found = found_in(tmp_path)
    assert places(found) == {"cd": 9}
    assert set(reasons(found).values()) == {"is not a DICOM image"}
    assert len(found.left_out) == 120


@pytest.mark.parametrize(
    "tags", [{"PatientID": "P2"}, {"PatientName": "Doe^John"}, {"PatientBirthDate": "19500101"}, {"PatientSex": "M"}]
)
@pytest.mark.parametrize("uid", ["same", None])
def test_two_people_are_two_studies(tmp_path: Path, tags: dict[str, str], uid: str | None) -> None:
    uids = {"StudyInstanceUID": "1.2.3" if uid else None}
    series(tmp_path / "s", PatientBirthDate="19700101", **uids)
    series(tmp_path / "s", **{"PatientBirthDate": "19700101", **uids, **tags})
    found = found_in(tmp_path)
    assert [study.files for study in found.studies] == [9, 9]
    first, second = ({dcmread(path).get(key) for path in study.paths} for study in found.studies for key in list(tags))
    assert len(first) == len(second) == 1
    assert first != second


def test_one_person_said_more_or_less_fully_is_one_study(tmp_path: Path) -> None:
    series(tmp_path / "s", StudyInstanceUID="1.2.3", PatientName="Müller^Hans", SpecificCharacterSet="ISO_IR 100")
    series(
        tmp_path / "s", StudyInstanceUID="1.2.3", PatientName="MÜLLER^HANS^", PatientID=None, PatientSex=None,
        SpecificCharacterSet="ISO_IR 192",
    )  # fmt: skip
    series(tmp_path / "s", StudyInstanceUID="1.2.3", PatientName=None)
    assert places(found_in(tmp_path)) == {"s": 27}


def test_what_does_not_say_whose_it_is_goes_to_nobody(tmp_path: Path) -> None:
    for number in ("P1", "P2", None):
        series(tmp_path / "s", StudyInstanceUID="1.2.3", PatientID=number, PatientName=None)
    found = found_in(tmp_path)
    assert [study.files for study in found.studies] == [9, 9]
    assert set(reasons(found).values()) == {"does not say whose it is, and its study is of several people"}


def test_slices_with_a_study_uid_each_are_one_study(tmp_path: Path) -> None:
    for path in series(tmp_path / "s"):
        image = dcmread(path)
        image.StudyInstanceUID = generate_uid()
        image.save_as(path)
    assert places(found_in(tmp_path)) == {"s": 9}
    for path in (tmp_path / "s").iterdir():
        image = dcmread(path)
        image.InstanceNumber = 1  # nine studies of one slice
        image.save_as(path)
    assert [study.files for study in found_in(tmp_path).studies] == [1] * 9


def changed(folder: Path, **tags: object) -> None:
    """Every second file, by name."""
    for path in sorted(folder.iterdir())[1::2]:
        image = dcmread(path)
        faults.with_tags([image], **tags)
        image.save_as(path)


def test_a_study_uid_that_some_slices_lack_makes_no_half_studies(tmp_path: Path) -> None:
    series(tmp_path / "s")
    changed(tmp_path / "s", StudyInstanceUID=None)
    assert places(found_in(tmp_path)) == {"s": 9}
    changed(tmp_path / "s", PatientID="P2")  # now they are of somebody else
    assert sizes(tmp_path) == [4, 5]


def test_study_uids_that_differ_within_a_series_make_no_half_studies(tmp_path: Path) -> None:
    series(tmp_path / "s")
    changed(tmp_path / "s", StudyInstanceUID="1.2.3")
    assert places(found_in(tmp_path)) == {"s": 9}
    changed(tmp_path / "s", StudyDate="20250101")  # another day
    assert sizes(tmp_path) == [4, 5]
    changed(tmp_path / "s", StudyDate="20240229", SeriesInstanceUID="1.2.3.4")
    assert sizes(tmp_path) == [4, 5]


def test_two_days_without_uids_are_two_studies(tmp_path: Path) -> None:
    for day in ("20240101", "20250101"):
        series(tmp_path / "s", StudyInstanceUID=None, StudyDate=day)
    assert sizes(tmp_path) == [9, 9]
    series(tmp_path / "t", StudyInstanceUID=None)
    changed(tmp_path / "t", StudyDate=None)
    assert sizes(tmp_path / "t") == [9]


def test_copies_of_a_study_under_another_uid_are_another_study(tmp_path: Path) -> None:
    images = faults.series(**TINY)
    faults.write(images, tmp_path / "s")
    faults.write(faults.with_tags(images, StudyInstanceUID="1.2.3"), tmp_path / "s")
    assert sizes(tmp_path) == [9, 9]


def sizes(root: Path) -> list[int]:
    return sorted(study.files for study in found_in(root).studies)


def test_a_long_header_is_read_to_the_study(tmp_path: Path) -> None:
    for path in series(tmp_path / "s"):
        image = dcmread(path)
        image.add_new((0x0009, 0x0010), "LO", "PRIVATE")
        image.add_new((0x0009, 0x1001), "OB", bytes(20_000))
        image.save_as(path)
    (study,) = found_in(tmp_path).studies
    assert study.files == 9


def test_a_file_cut_within_its_header_makes_no_study(tmp_path: Path) -> None:
    first = series(tmp_path / "s")[0].read_bytes()
    uid = first.index(dcmread(tmp_path / "s" / "000.dcm").StudyInstanceUID.encode())
    for size in (130, 140, 300, uid - 9, uid - 2, uid, uid + 1, uid + 30, uid + 60):
        (tmp_path / "s" / "zz.dcm").write_bytes(first[:size])
        found = found_in(tmp_path)
        assert [study.files for study in found.studies] == [9], size
        assert list(reasons(found)) == ["s/zz.dcm"]
    (tmp_path / "s" / "zz.dcm").write_bytes(first[:-10])  # its study is known: the reader finds the rest out
    assert [study.files for study in found_in(tmp_path).studies] == [10]


def test_what_can_not_be_read_stays_with_the_study_that_it_may_belong_to(tmp_path: Path) -> None:
    series(tmp_path / "s")
    series(tmp_path / "s", PatientID="P2")
    (tmp_path / "s" / "x.dcm").symlink_to("nothing")
    (tmp_path / "s" / "y.txt").write_text("note")
    found = found_in(tmp_path)
    assert len(found.studies) == 2
    for study in found.studies:
        assert study.files == 9
        assert tmp_path / "s" / "x.dcm" in study.paths
        assert tmp_path / "s" / "y.txt" not in study.paths
        assert study.top == tmp_path / "s"
    assert reasons(found)["s/x.dcm"] == "is a broken link"


@pytest.mark.parametrize(("name", "count", "fails"), [("x.dcm", 1, True), ("x", 7, False), ("x", 8, True)])
def test_a_folder_in_which_nothing_can_be_read_failed(tmp_path: Path, name: str, count: int, fails: bool) -> None:
    series(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    for n in range(count):
        (tmp_path / "bad" / f"{n}{name}").symlink_to("nothing")
    found = found_in(tmp_path)
    assert places(found) == {"good": 9} | ({"bad": count} if fails else {})
    assert len(found.left_out) == (0 if fails else count)


def test_the_dicomdir_goes_with_its_study(tmp_path: Path) -> None:
    series(tmp_path / "cd" / "IMAGES" / "A")
    (record,) = faults.write([faults.directory_record()], tmp_path / "r", suffix="")
    shutil.move(record, tmp_path / "cd" / "DICOMDIR")
    (study,) = found_in(tmp_path).studies
    assert (study.name, study.paths) == ("cd__IMAGES__A", (tmp_path / "cd",))
    series(tmp_path / "cd" / "IMAGES" / "B")
    found = found_in(tmp_path)
    assert len(found.studies) == 2
    for study in found.studies:
        assert study.paths == (tmp_path / "cd" / study.place.removeprefix("cd/"), tmp_path / "cd" / "DICOMDIR")
        assert study.top == tmp_path / "cd"
    assert reasons(found)["cd/DICOMDIR"] == "is a DICOMDIR, a list of files"


def test_a_folder_that_leads_to_another_study_by_a_link_is_not_read_whole(tmp_path: Path) -> None:
    series(tmp_path / "a")
    series(tmp_path / "b")
    (tmp_path / "a" / "other").symlink_to(tmp_path / "b")
    one, two = found_in(tmp_path).studies
    assert len(one.paths) == 9
    assert two.paths == (tmp_path / "b",)


def test_thousands_of_files_of_a_kind_are_one_row(tmp_path: Path) -> None:
    series(tmp_path)
    for n in range(MOST_ROWS + 1):
        (tmp_path / f"{n}.dll").touch()
        (tmp_path / f"{n}.bin").touch()
    (tmp_path / "0.bin").write_bytes(b"x")  # another reason: the pattern would not tell
    found = found_in(tmp_path)
    counts = {row.path: row.files for row in found.left_out}
    assert counts["*.dll"] == MOST_ROWS + 1
    assert sum(path.endswith(".bin") for path in counts) == MOST_ROWS + 1
    assert len(counts) == MOST_ROWS + 2


def test_nothing_but_studies_without_ct_is_a_row_for_each(tmp_path: Path) -> None:
    series(tmp_path / "mr", Modality="MR")
    faults.write([faults.dose_report()], tmp_path / "sr")
    assert places(found_in(tmp_path)) == {"mr": 9, "sr": 1}


def test_files_read_beside_a_nifti_are_listed_as_such(tmp_path: Path) -> None:
    for name in ("head.nii.gz", "head.json", "other.json"):
        (tmp_path / name).write_bytes(b"{}")
    found = found_in(tmp_path)
    assert places(found) == {"head.nii.gz": 1}
    assert reasons(found)["head.json"] == "is no image; it is read with head.nii.gz"
    assert reasons(found)["other.json"].startswith("is not a DICOM image")


def test_a_root_that_holds_a_report_is_searched_without_it(tmp_path: Path) -> None:
    series(tmp_path / "root")
    for name, content in batch_work.synthetic(False).items():
        (tmp_path / "root" / name).write_bytes(content)
    (study,) = found_in(tmp_path / "root").studies
    assert study.files == len(study.paths) == 9
    assert set(reasons(found_in(tmp_path / "root")).values()) == {"is a result of calcscan"}


def test_label_maps_of_an_earlier_run_are_no_studies(tmp_path: Path) -> None:
    maps = {name: content for name, content in batch_work.synthetic(False).items() if name.endswith(".nii.gz")}
    for name, content in maps.items():
        (tmp_path / f"copy of {name}").write_bytes(content)
    found = found_in(tmp_path)
    assert not found.studies
    assert set(reasons(found).values()) == {"is a label map that calcscan wrote"}
    assert len(found.left_out) == len(maps) >= 3


def test_values_that_are_no_text_are_not_quoted_to_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in series(tmp_path / "s"):
        path.write_bytes(path.read_bytes().replace(b"1.2.826", b"1.M\xfc826"))
    assert places(found_in(tmp_path)) == {"s": 9}
    assert capfd.readouterr() == ("", "")


# ---- names


def test_names_can_be_got_back(tmp_path: Path) -> None:
    names = [b"\xff.dcm", b"tab\tbell\x07", b"back\\slash", "ä日".encode(), b"=1+1", b"\\xff.dcm", b"\xc2\x9b31m"]
    written = [shown(os.fsdecode(name)) for name in names]
    assert len(set(written)) == len(names)
    for name, text in zip(names, written, strict=True):
        assert text.isprintable()
        assert text[0] not in "=+-@"
        escaped = text.removeprefix("./").encode("latin-1", "backslashreplace").decode("unicode_escape")
        assert os.fsencode(escaped) == name or escaped.encode("latin-1") == name


def test_study_names_are_good_names() -> None:
    assert study_name(["batch.csv"]) != "batch.csv"
    assert study_name(["LEFT_OUT.CSV"]) != "LEFT_OUT.CSV"
    assert len(study_name(["日" * 100]).encode()) <= 200
    assert study_name(["a" * 200]) != study_name(["a" * 201])
    assert study_name(["@SUM(1+1)"])[0] == "_"
    assert cell("=1") == "'=1"
    assert cell(1.5) == 1.5


def test_names_that_differ_only_in_case_stay_distinct(tmp_path: Path) -> None:
    for name in ("Head", "head"):
        series(tmp_path / name)
    names = [study.name for study in found_in(tmp_path).studies]
    assert len({name.casefold() for name in names}) == 2


# ---- in and out


def test_the_input_is_only_ever_read(tmp_path: Path) -> None:
    series(tmp_path / "root" / "a")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    (tmp_path / "link").symlink_to("root")
    for out in (tmp_path / "root", tmp_path, tmp_path / "link", tmp_path / "root" / ".." / "root"):
        with pytest.raises(OutputError, match="only ever read"):
            run_batch(tmp_path / "root", out, runner=InLine())
    (tmp_path / "link").unlink()
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_out_below_root_and_within_a_study_is_no_input(tmp_path: Path) -> None:
    series(tmp_path / "s")
    runner = InLine()
    for _ in range(3):
        run_batch(tmp_path, tmp_path / "s" / "out", runner=runner)
    assert runner.done in (["s"], [f"s{runner.done[0][1:]}"] * 2)  # the first time OUT was not there yet
    again = InLine()
    run_batch(tmp_path, tmp_path / "s" / "out", runner=again)
    assert again.done == []


def test_no_study_says_what_was_seen(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(NoCTError, match=r"a\.txt is not a DICOM image"):
        run_batch(tmp_path, tmp_path / "out", runner=InLine())


# ---- one bad thing in OUT


def one_study(tmp_path: Path) -> tuple[Path, Path]:
    series(tmp_path / "root" / "a")
    run_batch(tmp_path / "root", tmp_path / "out", runner=InLine())
    return tmp_path / "root", tmp_path / "out"


def _text(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


def _folder(name: str):
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return change


def _pipe(name: str):
    def change(folder: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return change


def _report(**changes: object):
    def change(folder: Path) -> None:
        report = json.loads((folder / "report.json").read_text())
        (folder / "report.json").write_text(json.dumps(report | changes))

    return change


DEEP = "[" * 200_000
DAMAGE = {
    "status empty": _text("status.json", ""),
    "status deep": _text("status.json", DEEP),
    "status of wrong types": _text("status.json", '{"schema": "calcscan-status/1", "state": [], "seconds": {}}'),
    "status a list": _text("status.json", "[1]"),
    "status no text": lambda folder: (folder / "status.json").write_bytes(b"\xff\xfe\0"),
    "status a pipe": _pipe("status.json"),
    "report deep": _text("report.json", DEEP),
    "report cut": _text("report.json", '{"schema": "calcscan-report/1", '),
    "report bare": _text("report.json", '{"schema": "calcscan-report/1"}'),
    "report with lesions of a wrong type": _report(lesions=5),
    "report with an unknown site": _report(sites=[{"site": "toe", "side": "left", "volume_mm3": 1}]),
    "report gone": lambda folder: (folder / "report.json").unlink(),
    "lesions.csv gone": lambda folder: (folder / "lesions.csv").unlink(),
    "mosaic cut": _text("mosaic.png", "cut"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_done_again(tmp_path: Path, damage: str) -> None:
    root, out = one_study(tmp_path)
    DAMAGE[damage](out / "a")
    runner = InLine()
    result = run_batch(root, out, runner=runner)
    assert runner.done == ["a"]
    assert result.outcomes["a"].state == DONE
    assert row_of(out / "a") is not None
    last = InLine()
    run_batch(root, out, runner=last)
    assert last.done == []
    assert [row["state"] for row in rows(out / "batch.csv")] == ["done"]


def test_seconds_that_are_none_do_not_matter(tmp_path: Path) -> None:
    root, out = one_study(tmp_path)
    status = json.loads((out / "a" / "status.json").read_text())
    del status["seconds"]
    (out / "a" / "status.json").write_text(json.dumps(status))
    assert run_batch(root, out, runner=InLine()).skipped == ("a",)


@pytest.mark.parametrize("name", ["status.json", "a"])
def test_what_stands_in_the_way_costs_one_study(tmp_path: Path, name: str) -> None:
    root, out = one_study(tmp_path)
    series(root / "b")
    if name == "a":
        shutil.rmtree(out / "a")
        (out / "a").write_text("a file where the study's folder goes")
    else:
        _folder("status.json")(out / "a")

    def work(tasks: Iterable[Task], work: Work) -> Iterator[tuple[Task, Outcome]]:
        for task in tasks:
            try:
                yield task, batch_work.write_synthetic(task)
            except OutputError as error:
                yield task, Outcome(state=FAILED, error=str(error))

    result = run_batch(root, out, runner=work)
    assert result.outcomes["b"].state == DONE
    assert "can't be written down" in result.outcomes["a"].error
    assert [row["study"] for row in rows(out / "batch.csv")] == ["a", "b"]


@pytest.mark.parametrize("make", [_pipe, _folder])
@pytest.mark.parametrize("status", [True, False])
def test_what_is_no_file_in_place_of_a_report_costs_one_study(tmp_path: Path, make: object, status: bool) -> None:
    root, out = one_study(tmp_path)
    make("report.json")(out / "a")  # type: ignore[operator]
    if not status:
        (out / "a" / "status.json").unlink()
    result = run_batch(root, out, runner=_in_this_process)
    assert result.outcomes["a"].state == FAILED
    assert "report.json" in result.outcomes["a"].error


@pytest.mark.parametrize("name", ["batch.csv", "left_out.csv", "report.json"])
def test_a_folder_in_place_of_a_table_is_found_out_before_the_work(tmp_path: Path, name: str) -> None:
    root, out = one_study(tmp_path)
    (out / name).unlink(missing_ok=True)
    for make in (Path.mkdir, os.mkfifo):
        make(out / name)
        runner = InLine()
        with pytest.raises(OutputError, match="is no file"):
            run_batch(root, out, runner=runner)
        assert runner.done == []
        shutil.move(out / name, tmp_path / make.__name__)


def test_a_full_disk_costs_the_note_and_not_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series(tmp_path / "root" / "a")
    series(tmp_path / "root" / "b")
    really = Path.write_text

    def full(self: Path, text: str, **named: object) -> int:
        if "a" in self.parts[-2:] and "status" in self.name:
            really(self, text[:10], **named)  # type: ignore[arg-type]
            raise OSError(28, "No space left on device")
        return really(self, text, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", full)
    result = run_batch(tmp_path / "root", tmp_path / "out", runner=InLine())
    assert [outcome.state for outcome in result.outcomes.values()] == [DONE, DONE]
    assert "No space left on device" in result.outcomes["a"].error
    assert [path.name for path in (tmp_path / "out" / "a").glob(".*")] == []


def test_somebody_elses_files_are_never_cleared(tmp_path: Path) -> None:
    root, out = one_study(tmp_path)
    (out / "a" / "status.json").unlink()
    (out / "a" / "report.json").write_text('{"schema": "theirs"}')
    before = (out / "a" / "lesions.csv").read_bytes()
    with pytest.raises(OutputError, match="did not write"):
        run_batch(root, out, runner=InLine())
    assert (out / "a" / "lesions.csv").read_bytes() == before


def test_any_of_the_files_of_a_report_counts(tmp_path: Path) -> None:
    root, out = one_study(tmp_path)
    (study,) = found_in(root).studies
    task = Task(study=study, out=out / "a", settings=Settings())
    assert finished(task) is not None
    for path in sorted(path for path in (out / "a").iterdir() if path.name != "status.json"):
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        assert finished(task) is None
        path.write_bytes(content)
    write_status(task, Outcome(state=DONE), fingerprint(task))
    assert finished(task) is not None


# ---- the end of the parent


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_work_ends_with_the_parent(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from support import batch_work\n"
        "from calcscan.batch.model import Settings, Study, Task\n"
        "from calcscan.batch.processes import local_processes\n"
        "from calcscan.cli import _stoppable, _stopped\n"
        "if __name__ == '__main__':\n"
        f"    at = Path({str(tmp_path)!r})\n"
        "    task = Task(study=Study(name='endless', paths=()), out=at / 'endless', settings=Settings())\n"
        "    with _stoppable():\n"
        "        try:\n"
        "            list(local_processes(1, None)([task], batch_work.leave_pid))\n"
        "        except KeyboardInterrupt as stop:\n"
        "            status = _stopped(stop)\n"
        "    sys.exit(status)\n"
    )
    places = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parents[2])])
    parent = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": places})
    noted = tmp_path / "endless.pid"
    try:
        wait_until(noted.exists)
        child = int(noted.read_text())
        parent.send_signal(number)
        assert parent.wait(PATIENCE_S) in (-signal.SIGKILL, 128 + signal.SIGTERM)
        wait_until(lambda: not _runs(child))
    finally:
        parent.kill()


def _runs(pid: int) -> bool:
    """Zombies don't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# ---- with the real work


def test_a_real_batch_over_good_and_bad(tmp_path: Path) -> None:
    """The good ones are no heads, which is an answer too; a study's own doubts are in its report."""
    root, out = tmp_path / "root", tmp_path / "out"
    small = {"rows": 24, "columns": 22, "pixel_mm": (2.0, 2.0)}
    flat = root / "flat"
    faults.write(faults.series(**small), flat)  # type: ignore[arg-type]
    faults.write(faults.series(PatientID="P2", **small), flat)  # type: ignore[arg-type]
    (flat / "gone.dcm").symlink_to("nothing")
    (root / "bad").mkdir()
    (root / "bad" / "x.dcm").write_bytes(b"\0" * 128 + b"DICM and no more")
    os.mkfifo(root / "pipe")
    result = run_batch(root, out, runner=_in_this_process)
    assert {name.partition("-")[0]: outcome.state for name, outcome in result.outcomes.items()} == {
        "bad": "failed",
        "flat": "abstained",
    }
    assert len(result.outcomes) == 3
    assert "x.dcm" in result.outcomes["bad"].error
    for name in result.outcomes:
        if name != "bad":
            report = json.loads((out / name / "report.json").read_text())
            assert "gone.dcm is a broken link" in json.dumps(report["quality"]["flags"])
            assert sum(choice["images"] for choice in report["series"] if choice["uid_sha256"]) == 28
    assert [row["path"] for row in rows(out / "left_out.csv")] == ["flat/gone.dcm", "pipe"]
    assert run_batch(root, out, runner=_in_this_process).skipped == tuple(
        name for name in result.outcomes if name != "bad"
    )


def _in_this_process(tasks: Iterable[Task], work: Work) -> Iterator[tuple[Task, Outcome]]:
    for task in tasks:
        yield task, work(task)


def test_a_process_that_is_given_a_study_of_pieces_reads_them(tmp_path: Path) -> None:
    study = Study(name="good", paths=(), top=None)
    task = Task(study=study, out=tmp_path / "good", settings=Settings())
    ((_, outcome),) = local_processes(1, PATIENCE_S)([task], batch_work.by_name)
    assert outcome.state == DONE


# ---- archives of several studies


def zip_of(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                target.write(path, f"export/{path.name}")
    return archive


def test_an_archive_of_two_studies_is_two_studies(tmp_path: Path) -> None:
    series(tmp_path / "in" / "s", StudyInstanceUID="1.2.3")
    series(tmp_path / "in" / "s", StudyInstanceUID="1.2.3", PatientID="P2")
    (tmp_path / "in" / "s" / "x.dcm").write_bytes(b"no slice")
    root = tmp_path / "root"
    root.mkdir()
    zip_of(tmp_path / "in", root / "a.zip")
    found = found_in(root)
    assert [study.place for study in found.studies] == ["a.zip", "a.zip"]
    assert sorted(study.files for study in found.studies) == [0, 1]
    assert len(found_in(root / "a.zip").studies) == 2
    for study in found.studies:
        with _one_path(study) as folder:
            assert len(study.members) == len(list(folder.iterdir())) == 10
            people = {dcmread(path).PatientID for path in folder.iterdir() if "x.dcm" not in path.name}
            assert len(people) == 1
        assert not folder.exists()


def test_an_archive_of_one_study_is_read_as_it_is(tmp_path: Path) -> None:
    series(tmp_path / "in" / "s")
    root = tmp_path / "root"
    root.mkdir()
    zip_of(tmp_path / "in", root / "a.zip")
    (root / "b.zip").write_bytes(b"none")
    assert [(study.name, study.members) for study in found_in(root).studies] == [("a", ()), ("b", ())]


def test_an_entry_that_can_not_be_unpacked_is_missed(tmp_path: Path) -> None:
    for number in ("P1", "P2"):
        series(tmp_path / "in" / "s", PatientID=number)
    archive = zip_of(tmp_path / "in", tmp_path / "a.zip")
    study, _ = found_in(tmp_path).studies[:2]
    with zipfile.ZipFile(archive) as opened:
        infos = sorted(opened.infolist(), key=lambda info: info.filename)
        at = infos[study.members[0]].header_offset
    content = bytearray(archive.read_bytes())
    content[at + 300] ^= 255
    archive.write_bytes(content)
    with _one_path(study) as folder:
        assert [path.stat().st_size == 0 for path in sorted(folder.iterdir())] == [True] + [False] * 8


def test_a_folder_of_studies_below_root_is_no_place_for_results(tmp_path: Path) -> None:
    """They would come to lie among its slices, and those would not be looked at."""
    root = tmp_path / "root"
    series(root / "a" / "inner")
    series(root / "b")
    (root / "link").symlink_to("a")
    before = sorted(root.rglob("*"))
    for out in (root / "a", root / "a" / "inner", root / "b" / ".." / "a", root / "link"):
        for dry in (True, False):
            with pytest.raises(OutputError, match="holds studies of the input") as caught:
                run_module.find(root, out) if dry else run_batch(root, out, runner=InLine())
            assert caught.value.hint == "give another folder"
    assert sorted(root.rglob("*")) == before
    (root / "results").mkdir()
    assert len(run_batch(root, root / "results", runner=InLine()).studies) == 2
    (root / "results" / "b" / "report.json").write_text("damaged")
    assert len(run_batch(root, root / "results", runner=InLine()).studies) == 2


def _measured(folder: Path, study: str | None, of_series: str | None) -> None:
    document = json.loads(batch_work.synthetic(False)["report.json"])
    document["study"] |= {"study_uid_sha256": study, "series_uid_sha256": of_series}
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(document))


def test_a_series_that_is_measured_twice_is_said(tmp_path: Path) -> None:
    """A ZIP beside the folder that it was made of: two rows of one scan."""
    uids = {"s": ("1", "2"), "s-zip": ("1", "2"), "later series": ("1", "3"), "nifti": (None, None), "n": (None, None)}
    tasks = []
    for name, (study, of_series) in uids.items():
        _measured(tmp_path / name, study, of_series)
        task = Task(study=Study(name=name, paths=(tmp_path / name,)), out=tmp_path / name, settings=Settings())
        tasks.append(task)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "report.json").write_text("[" * 9000)
    lost = Study(name="damaged", paths=(tmp_path / "damaged",))
    tasks.append(Task(study=lost, out=tmp_path / "damaged", settings=Settings()))
    outcomes = {task.study.name: Outcome(state=DONE) for task in tasks}
    again = same_series(tasks, outcomes)
    assert again == {"s": ("s-zip",), "s-zip": ("s",)}
    table = rows(write_table(tmp_path, tasks, outcomes, again))
    assert {row["study"]: row["same_series_as"] for row in table if row["same_series_as"]} == {
        "s": "s-zip", "s-zip": "s"
    }  # fmt: skip
    assert same_series(tasks, outcomes | {"s": Outcome(state=FAILED, error="x")}) == {}


def test_a_time_limit_longer_than_a_system_can_wait(tmp_path: Path) -> None:
    task = Task(study=Study(name="s", paths=(tmp_path,)), out=tmp_path / "s", settings=Settings())
    for limit_s in (1e9, 1e300):
        ((_, outcome),) = local_processes(1, limit_s)([task], batch_work.write_synthetic)
        assert outcome.state == DONE
