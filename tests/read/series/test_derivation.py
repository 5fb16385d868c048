"""Native before computed: by what headers say, and by what the pictures show where they say nothing."""

from __future__ import annotations

import warnings
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RTDoseStorage
from scipy import ndimage
from support import dicom_faults as faults
from support.ball_phantom import BRAIN_HU
from support.dicom_faults import Series
from support.series_names import COMPUTED, DERIVED, NATIVE

from calcscan.errors import NoCTError
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.settings import load
from calcscan.model import Scan
from calcscan.read import read_scan
from calcscan.read.files.source import SourceFile
from calcscan.read.headers.collect import read_headers
from calcscan.read.headers.image import Image
from calcscan.read.series.derivation import Derivation, Nature, derivation_of
from calcscan.read.series.select import select_series
from calcscan.read.series.stacks import stacks_of

SETTINGS = load(ReadingSettings)

_REASONS = "projection|subtraction|dual-energy|single energy|perfusion|overlay|synthetic|dose"
COARSE: dict[str, Any] = {"rows": 24, "columns": 22, "pixel_mm": (9.0, 8.4)}
THIN: dict[str, Any] = {"slices": 40, "spacing_mm": 3.5}


def chosen(scan: Scan) -> str:
    (one,) = [choice for choice in scan.series if choice.chosen]
    return one.uid


def named(kind: list[str], description: str, tags: dict[str, Any], **more: Any) -> Series:
    made = faults.series(**{**COARSE, "ImageType": kind, "SeriesDescription": description, **more})
    faults.with_tags(made, SpecificCharacterSet="ISO_IR 192")
    return faults.with_tags(made, **tags)


def ids(entry: tuple[list[str], str, dict[str, Any]]) -> str:
    kind, description, tags = entry
    return f"{description} {kind[0][0]} {' '.join(kind[2:])} {' '.join(tags)}".strip()


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """The header of a slice of each computed or derived series, in the order of the lists."""
    folder = tmp_path_factory.mktemp("names")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of image types as vendors write them
        slices = [named(*entry, slices=1, rows=4, columns=4)[0] for entry in (*COMPUTED, *DERIVED)]
        paths = faults.write(slices, folder)
        return [read_headers([SourceFile(path.name, path=path)], SETTINGS).images[0] for path in paths]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    folder = tmp_path_factory.mktemp("native")
    paths = faults.write(faults.series(**COARSE), folder)
    return read_headers([SourceFile(path.name, path=path) for path in paths], SETTINGS).images


def thinner(template: list[Image], like: Image, number: float) -> list[Image]:
    """Slices twice as dense as the template's, in its study, with what `like` says of itself."""
    low, high = (np.array(image.position_mm) for image in (template[0], template[-1]))
    made = []
    for index, share in enumerate(np.linspace(0, 1, 2 * len(template))):
        place = low + share * (high - low)
        image = replace(template[0], position_mm=tuple(map(float, place)), instance=float(index), sop_uid=f"9.{index}")
        made.append(replace(image, image_type=like.image_type, description=like.description, origin=like.origin,
                            pixels=like.pixels, series_uid="9", series_number=number, thickness_mm=2.5))  # fmt: skip
    return made


@pytest.mark.parametrize("number", range(len(COMPUTED) + len(DERIVED)), ids=lambda n: ids([*COMPUTED, *DERIVED][n]))
def test_a_thinner_derived_series_never_hides_the_native_one(
    parsed: list[Image], template: list[Image], number: int
) -> None:
    for series_number, first in ((1.0, True), (9.0, False)):
        derived = thinner(template, parsed[number], series_number)
        best, choices = select_series(
            stacks_of([*derived, *template] if first else [*template, *derived], SETTINGS), SETTINGS
        )
        assert best.first.series_uid == template[0].series_uid
        (reason,) = (choice.reason for choice in choices if not choice.chosen)
        assert not reason.startswith(("slices of", "as good", "fewer"))


@pytest.mark.parametrize("number", range(len(COMPUTED)), ids=lambda n: ids(COMPUTED[n]))
def test_a_computed_series_alone_is_refused_with_the_reason(
    parsed: list[Image], template: list[Image], number: int
) -> None:
    with pytest.raises(NoCTError, match=_REASONS):
        select_series(stacks_of(thinner(template, parsed[number], 1.0), SETTINGS), SETTINGS)


@pytest.mark.parametrize(
    "kind",
    [
        ["DERIVED", "PRIMARY", "AXIAL"],
        ["DERIVED", "SECONDARY"],
        ["DERIVED", "SECONDARY", "AXIAL", "JP2K_LOSSY"],
        ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"],
        ["DERIVED", "SECONDARY", "OTHER", "CSA MPR", "CSAPARALLEL"],
        ["DERIVED", "SECONDARY", "AXIAL", "ANON"],
    ],
)
def test_a_lone_derived_series_that_looks_native_is_read_with_the_reason(tmp_path: Path, kind: list[str]) -> None:
    faults.write(faults.series(ImageType=kind), tmp_path)
    scan = read_scan(tmp_path)
    assert len(scan.hu) == 28
    assert [(flag.code, flag.note) for flag in scan.flags] == [("resampled", True)]
    assert "derived" in scan.series[0].reason
    assert "there is no plainer series" in scan.series[0].reason


def test_a_lone_derived_series_without_skull_or_with_shifted_values_is_refused(tmp_path: Path) -> None:
    kind = ["DERIVED", "SECONDARY", "AXIAL"]
    bare = faults.recode(faults.series(ImageType=kind), lambda stored: np.where(stored > 1200, 24, stored))
    faults.write(bare, tmp_path / "bare")
    with pytest.raises(NoCTError, match="it shows no skull") as caught:
        read_scan(tmp_path / "bare")
    assert "the scanner's own slices" in caught.value.hint
    moved = faults.recode(faults.series(ImageType=kind), lambda stored: stored + 100)
    faults.write(moved, tmp_path / "moved")
    with pytest.raises(NoCTError, match=r"measures 13\d HU"):
        read_scan(tmp_path / "moved")
    grey = faults.recode(
        faults.series(ImageType=kind), lambda stored: np.clip(stored - 1024, 0, 255), RescaleIntercept=0
    )
    faults.write(grey, tmp_path / "grey")
    with pytest.raises(NoCTError, match="the value of air"):
        read_scan(tmp_path / "grey")


def derivation(tmp_path: Path, kind: list[str], description: str, tags: dict[str, Any]) -> Derivation:
    (path,) = faults.write(named(kind, description, tags, slices=1), tmp_path)
    (image,) = read_headers([SourceFile(path.name, path=path)], SETTINGS).images
    return derivation_of([image], SETTINGS)


def test_native_series_are_recognised_by_name(tmp_path: Path) -> None:
    wrong = {}
    for number, name in enumerate(NATIVE):
        own = derivation(tmp_path / str(number), ["ORIGINAL", "PRIMARY", "AXIAL"], name, {})
        if own.nature != Nature.NATIVE:
            wrong[name] = own.why
    assert not wrong


def test_compressed_and_anonymised_series_are_native(tmp_path: Path) -> None:
    for number, words in enumerate(
        ("3:1 JPEGLOSSLESS", "Lossy compression", "anonymised by dcm4che", "Legacy Converted")
    ):
        tags = {"DerivationDescription": words}
        assert not derivation(tmp_path / str(number), ["ORIGINAL", "PRIMARY", "AXIAL"], "Head", tags).why


def test_a_derivation_code_counts_like_a_description(tmp_path: Path) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113073", "DCM", "Maximum intensity projection"
    tags = {"DerivationCodeSequence": Sequence([code])}
    assert derivation(tmp_path, ["ORIGINAL", "PRIMARY", "AXIAL"], "Head", tags).nature == Nature.COMPUTED


def test_a_series_with_slices_of_another_as_its_source_is_derived(tmp_path: Path) -> None:
    native = faults.series(**COARSE)
    copy = faults.in_study_of(native, named(["ORIGINAL", "PRIMARY", "AXIAL"], "Head 1.0", {}, **THIN))[len(native) :]
    for image in copy:
        source = Dataset()
        source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = image.SOPClassUID, native[3].SOPInstanceUID
        image.SourceImageSequence = Sequence([source])
    faults.write([*copy, *native], tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == native[0].SeriesInstanceUID


@pytest.mark.parametrize("count", [6, 28])
@pytest.mark.parametrize("kind", [["DERIVED", "SECONDARY"], ["ORIGINAL", "PRIMARY", "AXIAL", "MIP"]], ids=str)
def test_derived_slices_in_the_series_itself_replace_none(tmp_path: Path, kind: list[str], count: int) -> None:
    derived = faults.series(ImageType=kind, ball_hu=BRAIN_HU, AcquisitionNumber=3)[:count]
    faults.write(faults.in_series_of(faults.series(), derived), tmp_path)
    scan = read_scan(tmp_path)
    assert len(scan.hu) == 28
    assert scan.hu.max() > 1200


def test_computed_in_some_slices_only(tmp_path: Path) -> None:
    native, other = faults.series(**COARSE), named(["ORIGINAL", "PRIMARY", "AXIAL"], "Head", {}, **THIN)
    faults.with_tags(other[5:], DerivationDescription="MIP 5 mm")
    faults.write(faults.in_study_of(native, other), tmp_path)
    assert chosen(read_scan(tmp_path)) == native[0].SeriesInstanceUID


def test_frames_of_an_enhanced_object_say_how_they_were_computed(tmp_path: Path) -> None:
    native = faults.series(**COARSE)
    whole = faults.multi_frame(faults.in_study_of(native, faults.series(**COARSE, **THIN))[len(native) :])
    for group in whole.PerFrameFunctionalGroupsSequence:
        kind = Dataset()
        kind.FrameType, kind.VolumeBasedCalculationTechnique = ["DERIVED", "PRIMARY", "VOLUME", "NONE"], "MAX_IP"
        group.CTImageFrameTypeSequence = Sequence([kind])
    faults.write([*native, whole], tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == native[0].SeriesInstanceUID
    assert any("projection" in choice.reason for choice in scan.series)


def test_a_dose_distribution_stored_as_ct_is_not_one(tmp_path: Path) -> None:
    native = faults.series(**COARSE)
    dose = named(["DERIVED", "SECONDARY", "AXIAL"], "plan", {"SOPClassUID": RTDoseStorage}, **THIN)
    faults.write(faults.in_study_of(native, dose), tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == native[0].SeriesInstanceUID
    assert any(choice.reason == "not CT slices (RT Dose Storage)" for choice in scan.series)


def test_a_native_series_of_any_kernel_or_plane_is_better_than_a_derived_one(tmp_path: Path) -> None:
    native = faults.series(**COARSE, ConvolutionKernel="H60s", spacing_mm=5.0)
    derived = named(["DERIVED", "SECONDARY", "MPR"], "AX MPR", {}, **THIN)
    faults.write(faults.in_study_of(native, derived), tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == native[0].SeriesInstanceUID
    assert [flag.code for flag in scan.flags] == ["sharp_kernel"]


def test_a_native_reformat_is_better_than_an_original_with_contrast(tmp_path: Path) -> None:
    native = named(["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"], "Head 5mm", {})
    contrast = faults.series(**COARSE, **THIN, ContrastBolusAgent="Iomeron 350")
    faults.write(faults.in_study_of(native, contrast), tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == native[0].SeriesInstanceUID
    assert [(flag.code, flag.note) for flag in scan.flags] == [("resampled", True)]


def test_computed_in_an_unknown_way_ranks_below_contrast(tmp_path: Path) -> None:
    odd = named(["DERIVED", "SECONDARY"], "Head 5mm", {})
    contrast = faults.series(**COARSE, **THIN, ContrastBolusAgent="Iomeron 350")
    faults.write(faults.in_study_of(odd, contrast), tmp_path)
    assert [flag.code for flag in read_scan(tmp_path).flags] == ["contrast"]


def test_metal_artefact_reduction_is_read_where_there_is_nothing_else(tmp_path: Path) -> None:
    faults.write(faults.series(SeriesDescription="Head iMAR 1.0"), tmp_path)
    assert [(flag.code, flag.note) for flag in read_scan(tmp_path).flags] == [("resampled", True)]


def test_a_requested_computed_series_is_flagged(tmp_path: Path) -> None:
    native = faults.series(**COARSE)
    derived = named(["DERIVED", "SECONDARY"], "AX MIP", {}, **THIN)
    faults.write(faults.in_study_of(native, derived), tmp_path)
    scan = read_scan(tmp_path, series_uid=derived[0].SeriesInstanceUID)
    assert [flag.code for flag in scan.flags] == ["not_hounsfield"]
    assert "MIP" in scan.flags[0].message


@pytest.mark.parametrize("energy", [65, 70, 75])
def test_a_lone_single_energy_similar_to_120_kv_is_read_and_flagged(tmp_path: Path, energy: int) -> None:
    kind = ["DERIVED", "PRIMARY", "AXIAL", "VMI"]
    faults.write(
        faults.series(ImageType=kind, SeriesDescription="Head", MonoenergeticEnergyEquivalent=float(energy)), tmp_path
    )
    scan = read_scan(tmp_path)
    assert [(flag.code, flag.value) for flag in scan.flags] == [("unknown_kvp", energy)]
    assert scan.acquisition.kvp_kv is None


@pytest.mark.parametrize("name", ["Mono 40 keV", "MonoE 80keV[HU]", "keV 190", "Mono+ 55", "GSI MONO", "VMI"])
def test_another_energy_or_an_unknown_one_is_refused(tmp_path: Path, name: str) -> None:
    faults.write(faults.series(SeriesDescription=name), tmp_path)
    with pytest.raises(NoCTError, match="single energy"):
        read_scan(tmp_path)


def test_a_cone_beam_ct_is_flagged(tmp_path: Path) -> None:
    faults.write(faults.series(SeriesDescription="DynaCT head"), tmp_path)
    assert [flag.code for flag in read_scan(tmp_path).flags] == ["not_hounsfield"]


@pytest.mark.parametrize(("kind", "count"), [("ED", 1), ("MGML", 3), ("Z_EFF", 14)])
def test_another_rescale_type_in_some_slices(tmp_path: Path, kind: str, count: int) -> None:
    images = faults.series()
    faults.with_tags(images[9 : 9 + count], RescaleType=kind)
    faults.write(images, tmp_path / "alone")
    flags = {flag.code for flag in read_scan(tmp_path / "alone").flags}
    assert flags & {"not_hounsfield", "missing_slices"}  # measured with the others, or left out
    native = faults.series(**COARSE, spacing_mm=6.0, slices=24)
    faults.write(faults.in_study_of(images, native), tmp_path / "both")
    assert chosen(read_scan(tmp_path / "both")) == native[0].SeriesInstanceUID


def test_an_unspecified_rescale_type_is_judged_by_the_values(tmp_path: Path) -> None:
    faults.write(faults.series(RescaleType="US"), tmp_path)
    assert not read_scan(tmp_path).flags


# --- by the images alone: a noisy head and series made from it, all labelled original ---


def noisy(**more: Any) -> Series:
    images = faults.series(
        slices=70, spacing_mm=2.0, rows=96, columns=88, pixel_mm=(2.2, 2.1), ball_hu=BRAIN_HU, **more
    )
    chance = np.random.default_rng(5)
    return faults.recode(images, lambda stored: stored + np.rint(chance.normal(0, 9, stored.shape)))


def volume(images: Series) -> npt.NDArray[np.int64]:
    return np.stack([faults.stored_of(image) for image in images])


def filled(images: Series, values: npt.NDArray[Any]) -> Series:
    for image, plane in zip(images, values, strict=True):
        faults.set_stored(image, plane)
    return images


def thick(images: Series) -> Series:
    """As a scanner makes 4 mm slices of the same data."""
    values = volume(images)
    kept = deepcopy(images[::2])
    filled(kept, np.rint((values[::2] + values[1::2]) / 2))
    for image, above in zip(kept, images[1::2], strict=True):
        low, high = (np.array(one.ImagePositionPatient, float) for one in (image, above))
        image.ImagePositionPatient = [f"{value:.4f}" for value in (low + high) / 2]
    fresh = faults.series(slices=len(kept), rows=2, columns=2)
    for image, new in zip(kept, fresh, strict=True):
        image.SOPInstanceUID, image.SeriesInstanceUID = new.SOPInstanceUID, new.SeriesInstanceUID
    return faults.with_tags(kept, SliceThickness="4", SeriesDescription="Head 4.0", SeriesNumber=7)


def spots(values: npt.NDArray[Any], hu: int, radius: float = 1.6) -> npt.NDArray[Any]:
    """Rods through the middle of the head, as vessels."""
    rows, columns = np.indices(values.shape[1:])
    changed = values.copy()
    for row, column in ((40, 44), (46, 34), (46, 54), (60, 44), (30, 50)):
        changed[18:52, (rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = hu + 1024
    return changed


PICTURES = {
    "the same": (None, "thin"),
    "projection": (lambda values: ndimage.maximum_filter1d(values, 5, axis=0), "thick"),
    "minimum": (lambda values: ndimage.minimum_filter1d(values, 5, axis=0), "thick"),
    "contrast": (lambda values: spots(values, 320), "thick"),
    "no bone": (lambda values: np.where(values > 1250, 24, values), "thick"),
    "iodine map": (lambda values: np.where(values > 900, values - 1059 + 1024, values), "thick"),
    "bone weaker": (lambda values: np.where(values > 1124, 1124 + (values - 1124) * 0.5, values), "thick"),
    "electron density": (lambda values: np.clip(values * 0.05, 0, 2000) + 2024, "thick"),
    "average of a slab": (lambda values: np.rint(ndimage.uniform_filter1d(values * 1.0, 7, axis=0)), "thick"),
    "8 bit": (lambda values: np.clip((values - 1024 + 20) * 255 // 100, 0, 255) + 1024, "thick"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_image_decides_where_the_header_does_not(tmp_path: Path, name: str) -> None:
    change, right = PICTURES[name]
    thin = noisy()
    native = thick(thin)
    if change is not None:
        filled(thin, change(volume(thin)))
    faults.write([*thin, *native], tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == {"thin": thin, "thick": native}[right][0].SeriesInstanceUID
    assert not scan.flags


def test_contrast_named_by_the_study_belongs_to_the_series_that_shows_it(tmp_path: Path) -> None:
    thin = noisy(StudyDescription="CTA head")
    native = thick(thin)
    filled(thin, spots(volume(thin), 320))
    faults.write([*thin, *native], tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == native[0].SeriesInstanceUID
    assert not scan.flags


def test_calcium_removed_from_the_image(tmp_path: Path) -> None:
    thin = noisy()
    filled(thin, spots(volume(thin), 400, radius=4.0))
    native = thick(thin)
    values = volume(thin)
    rows, columns = np.indices(values.shape[1:])
    deep = np.hypot((rows - 47.5) / 38, (columns - 43.5) / 32) < 0.75
    filled(thin, np.where((values > 1024 + 90) & deep, 1024 + 36, values))
    faults.write([*thin, *native], tmp_path)
    scan = read_scan(tmp_path)
    assert chosen(scan) == native[0].SeriesInstanceUID
    assert any("calcium" in choice.reason for choice in scan.series)


def test_a_lone_derived_slab_is_refused(tmp_path: Path) -> None:
    thin = noisy(ImageType=["DERIVED", "SECONDARY"])
    faults.write(thin, tmp_path / "plain")
    assert len(read_scan(tmp_path / "plain").hu) == 70
    filled(thin, ndimage.maximum_filter1d(volume(thin), 5, axis=0))
    faults.write(thin, tmp_path / "slab")
    with pytest.raises(NoCTError, match="repeat each other"):
        read_scan(tmp_path / "slab")


@pytest.mark.parametrize("word", ["MAXIMUM", "MINIMUM", "SUBTRACTION"])
def test_an_enhanced_object_whose_frames_are_projections_is_refused(tmp_path: Path, word: str) -> None:
    whole = faults.multi_frame(faults.series(**COARSE))  # type: ignore[arg-type]
    whole.ImageType = ["DERIVED", "PRIMARY", "VOLUME", word]
    faults.write([whole], tmp_path)
    with pytest.raises(NoCTError, match="projection"):
        read_scan(tmp_path)
