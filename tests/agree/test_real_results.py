"""`calcscan agree` on what `calcscan run` really writes."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from calcscan import assess_agreement
from calcscan.cli import main
from calcscan.report.read_back import read_report

SAMPLE = Path(__file__).parents[2] / "sample_data" / "bilateral_pallidum"


def test_a_run_agrees_fully_with_itself_and_less_with_an_edited_map(tmp_path: Path, run_once) -> None:
    _, out = run_once(SAMPLE)
    report = read_report(out)
    volumes = {(row.site, row.side): row.volume_mm3 for row in report.sites}
    itself = assess_agreement(out, out)
    assert itself.overall.dice == 1
    assert itself.overall.bias_mm3.value == 0
    assert itself.overall.results_unknown == sum(volume is None for volume in volumes.values())
    image = nib.load(out / "sites.nii.gz")
    sites = np.asarray(image.dataobj).copy()
    left = sites == 5
    sites[left] = 0
    sites[tuple(slice(n, n + 2) for n in np.argwhere(left)[0] + 40)] = 7
    nib.save(nib.Nifti1Image(sites, image.affine), tmp_path / "edited.nii.gz")
    assert main(["agree", str(out), str(tmp_path / "edited.nii.gz"), "-o", str(tmp_path / "agree"), "--quiet"]) == 0
    found = json.loads((tmp_path / "agree" / "agreement.json").read_text(encoding="utf-8"))
    rows = {(row["site"], row["side"]): row for row in found["by_site"]}
    assert (rows["pallidum", "left"]["only_a"], rows["pallidum", "left"]["dice"]) == (1, 0)
    assert rows["pallidum", "left"]["bias_mm3"] == pytest.approx(volumes["pallidum", "left"], rel=1e-5)
    assert rows["pallidum", "right"]["dice"] == 1
    assert rows["thalamus", "left"]["only_b"] == 1
