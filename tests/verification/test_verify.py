"""`calcscan verify`: the score, and a whole run on a sample head."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from support.heads import PALLIDUM, SAMPLES, box_scan, sample

import calcscan
from calcscan.cli import main
from calcscan.knowledge.settings import load
from calcscan.knowledge.verification import VerificationSettings
from calcscan.model import Flag, LocatedLesion
from calcscan.report.atomic_folder import put_files
from calcscan.report.outputs import VERIFY
from calcscan.verification.candidate_sites import Room
from calcscan.verification.deposits import make_deposit
from calcscan.verification.model import SITE, SIZE, VOLUME, Cell, Planned, Trial, Verification
from calcscan.verification.plan import random_passes
from calcscan.verification.score import detection, located, smallest_reliable_mm, volumes

SETTINGS = load(VerificationSettings)


def lesion(volume_mm3: float = 10.0, site: str = "pallidum", side: str = "left", n: int = 1) -> LocatedLesion:
    return LocatedLesion(
        id=n, voxels=9, volume_mm3=volume_mm3, volume_low_mm3=0.9 * volume_mm3, volume_high_mm3=1.1 * volume_mm3,
        volume_130_mm3=1.5 * volume_mm3, mean_hu=200.0, max_hu=300, mass_hu_mm3=1.0, agatston=1.0, diameter_mm=3.0,
        centroid_lps_mm=(0.0, 0.0, 1.0), centroid_kji=(0.0, 0.0, 0.0), bbox_kji=((0, 1), (0, 1), (0, 1)),
        site=site, side=side, site_share=0.9, deposit=n,
    )  # fmt: skip


def trial(series: str, volume_mm3: float, *found: LocatedLesion, hu: float = 300.0, **place: str) -> Trial:
    deposit = make_deposit("ball", (0.0, 0.0, 0.0), volume_mm3, hu)
    return Trial(planned=Planned(series=series, deposit=deposit, **place), pass_number=1, lesions=found)


def test_recall_is_counted_by_size_and_density():
    small, large = np.pi / 6 * 2**3, np.pi / 6 * 4**3
    trials = [trial(SIZE, small), trial(SIZE, small, lesion()), trial(SIZE, large, lesion()), trial(VOLUME, large)]
    cells = detection(trials)
    assert [(cell.diameter_mm, cell.put_in, cell.found) for cell in cells] == [(2.0, 2, 1), (4.0, 1, 1)]


def test_a_size_is_reliable_only_if_all_larger_ones_are():
    found = {1.0: 10, 2.0: 10, 3.0: 9, 4.0: 10, 6.0: 10}
    cells = [Cell(diameter_mm=mm, hu=200.0, put_in=10, found=n) for mm, n in found.items()]
    assert smallest_reliable_mm(cells, 0.95) == {200.0: 4.0}
    assert smallest_reliable_mm([Cell(diameter_mm=6.0, hu=150.0, put_in=10, found=9)], 0.95) == {150.0: None}


def test_volumes_are_scored_over_the_deposits_found():
    trials = [
        trial(VOLUME, 100.0, lesion(105.0)),
        trial(VOLUME, 100.0, lesion(60.0), lesion(15.0)),
        trial(VOLUME, 20.0),
    ]
    score = volumes(trials)
    assert score is not None
    assert (score.put_in, score.found) == (3, 2)
    assert score.mean_bias == pytest.approx(-0.1)
    assert score.within == {"0.15": 0.5, "0.2": 0.5, "0.3": 1.0}
    assert score.interval_holds == 0.5
    assert score.plain_mean_bias == pytest.approx((0.575 + 0.125) / 2)
    assert volumes(trials, min_mm3=500.0) is None


def test_a_site_is_right_only_with_its_side_and_only_if_found():
    assert located(trial(SITE, 9.0, lesion(), site="pallidum", side="left")) == (True, True)
    assert located(trial(SITE, 9.0, lesion(), site="pallidum", side="right")) == (True, False)
    assert located(trial(SITE, 9.0, site="pallidum", side="left")) == (False, False)


def test_random_positions_keep_clear_of_bone_of_lesions_and_of_each_other():
    axis = np.arange(-60.0, 61.0, 3.0)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    depth = 60.0 - np.linalg.norm(points, axis=1)
    clear = np.linalg.norm(points - [20.0, 0.0, 0.0], axis=1)
    room = Room(points_mm=points, depth_mm=depth, clear_mm=clear)
    passes = random_passes(room, 40, np.random.default_rng(3), SETTINGS)
    assert sum(len(one) for one in passes) == 50
    for one in passes:
        centres = np.array([planned.deposit.centre_mm for planned in one])
        reach = np.array([planned.deposit.reach_mm for planned in one])
        assert (60.0 - np.linalg.norm(centres, axis=1) - reach > 8.0 - 1.3).all()
        assert (np.linalg.norm(centres - [20.0, 0.0, 0.0], axis=1) - reach > 10.0 - 1.3).all()
        away = np.linalg.norm(centres[:, None] - centres, axis=-1)
        assert away[~np.eye(len(one), dtype=bool)].min() > 15.0
    again = random_passes(room, 40, np.random.default_rng(3), SETTINGS)
    assert [p.deposit.centre_mm for one in again for p in one] == [p.deposit.centre_mm for one in passes for p in one]


def test_a_whole_run_of_the_command(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["verify", str(SAMPLES / PALLIDUM), "-o", str(out), "--deposits", "20"]) == 0
    assert {path.name for path in out.iterdir()} == {"verify.json", "verify.csv", "verify.png"}
    said = capsys.readouterr().out
    assert len(said.splitlines()) <= 28
    assert "found / inserted" in said
    content = json.loads((out / "verify.json").read_text(encoding="utf-8"))
    assert content["schema"] == "calcscan-verify/1"
    assert content["disclaimer"]
    with (out / "verify.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(content["deposits"]) == 20 + 5 + len(content["sites"])
    largest = [cell for cell in content["detection"] if cell["diameter_mm"] == 6.0 and cell["hu"] >= 300]
    assert largest
    assert all(cell["found"] == cell["put_in"] for cell in largest)
    assert abs(content["volume"]["large"]["mean_bias"]) < 0.15
    # what is calcified in this head is not tried again, and everything deep is attributed to where it was inserted
    assert content["sites_untried"]["pallidum right"] == "calcified already"
    right = {(row["site"], row["side"]): row["site_right"] and row["side_right"] for row in content["sites"]}
    assert all(right[site, side] for site in ("thalamus", "putamen", "white_matter") for side in ("left", "right"))
    assert content["steadiness"]["kept"] == content["steadiness"]["before"] > 0
    assert content["steadiness"]["shift_mm"] < 2.0


@cache
def with_contrast() -> Verification:
    return calcscan.verify_scan(replace(sample(PALLIDUM), flags=(Flag(code="contrast", message="seen"),)))


def test_nothing_is_tested_where_numbers_would_be_unsound():
    outcome = with_contrast()
    assert outcome.trials == ()
    assert "contrast" in outcome.why_not
    air = calcscan.verify_scan(box_scan(np.full((30, 30, 30), -1000)))
    assert air.trials == ()
    assert air.why_not.startswith("not_head")


def test_abstaining_is_status_4_and_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("calcscan.verification.verify.verify_scan", lambda *args, **named: with_contrast())
    assert main(["verify", "scan", "-o", str(tmp_path / "out")]) == 4
    assert "ABSTAINS" in capsys.readouterr().out
    assert json.loads((tmp_path / "out" / "verify.json").read_text())["detection"] is None


def test_it_never_overwrites_what_it_did_not_write(tmp_path, capsys):
    (tmp_path / "verify.csv").write_text("mine")
    assert main(["verify", "scan", "-o", str(tmp_path)]) == 1
    assert (tmp_path / "verify.csv").read_text() == "mine"
    put_files(tmp_path / "own", {"verify.json": b'{"schema": "calcscan-verify/1"}', "verify.csv": b"old"}, VERIFY)
    put_files(tmp_path / "own", {"verify.json": b'{"schema": "calcscan-verify/1"}'}, VERIFY)
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["verify.json"]
