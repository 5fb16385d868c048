"""A picture of every site on the template: `python atlases/picture.py`, writes `mni_ct/sites.png`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageDraw, ImageFont
from scipy import ndimage

HERE = Path(__file__).parent
FOLDER = HERE / "mni_ct"
SLICES_MM = (-54, -46, -40, -34, -30, -26, -22, -18, -10, -4, 0, 4, 8, 14, 22, 34, 46, 58)
COLUMNS, SCALE, EDGE = 6, 2, 8


def main() -> None:
    table = tomllib.loads((HERE.parent / "calcscan" / "knowledge" / "sites.toml").read_text(encoding="utf-8"))
    sites = {s["label"]: s["site"] for s in tomllib.loads((FOLDER / "manifest.toml").read_text("utf-8"))["site"]}
    template = nibabel.load(FOLDER / "template.nii.gz")
    ct = ndimage.gaussian_filter(np.clip(np.asarray(template.dataobj, dtype=np.float64), 0, 60), 0.6)
    labels = np.asarray(nibabel.load(FOLDER / "labels.nii.gz").dataobj)
    colours = np.zeros((256, 3))
    for number, site in sites.items():
        colours[number] = ImageColor.getrgb(table[site]["colour"])
    low, high = np.argwhere(labels > 0).min(axis=0) - EDGE, np.argwhere(labels > 0).max(axis=0) + EDGE
    box = tuple(slice(max(a, 0), b) for a, b in zip(low[:2], high[:2], strict=True))
    tiles = [tile(ct[(*box, z + 78)], labels[(*box, z + 78)], colours, z) for z in SLICES_MM]
    width, height = tiles[0].size
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width, rows * height + 70), "#0d1117")
    for n, picture in enumerate(tiles):
        sheet.paste(picture, (n % COLUMNS * width, n // COLUMNS * height))
    drawn = {sites[int(number)] for number in np.unique(labels) if number}
    legend(sheet, rows * height, {site: table[site]["colour"] for site in dict.fromkeys(sites.values())}, drawn)
    sheet.save(FOLDER / "sites.png", optimize=True)


def tile(
    ct: npt.NDArray[np.float64], labels: npt.NDArray[np.uint8], colours: npt.NDArray[np.float64], z: int
) -> Image.Image:
    """One axial slice as radiologists look at it, the person's right on the left, the sites in colour."""
    grey = np.repeat((np.clip(ct / 60.0, 0, 1) * 255)[..., None], 3, axis=-1)
    share = np.where(labels > 0, 0.55, 0.0)[..., None]
    rgb = ((1 - share) * grey + share * colours[labels]).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(rgb.transpose(1, 0, 2)[::-1, ::-1]))
    picture = picture.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    draw.text((6, 4), f"z = {z} mm", fill="white", font=ImageFont.load_default(16))
    draw.text((6, picture.height - 24), "R", fill="white", font=ImageFont.load_default(16))
    draw.text((picture.width - 18, picture.height - 24), "L", fill="white", font=ImageFont.load_default(16))
    return picture


def legend(sheet: Image.Image, top: int, colours: dict[str, str], drawn: set[str]) -> None:
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(17)
    x, y = 10, top + 8
    for site, colour in colours.items():
        if site not in drawn:  # attributed by what the scan shows, or not looked for
            continue
        width = int(draw.textlength(site, font=font))
        if x + width + 50 > sheet.width:
            x, y = 10, y + 30
        draw.rectangle((x, y + 3, x + 16, y + 19), fill=colour)
        draw.text((x + 22, y), site, fill="white", font=font)
        x += width + 50


if __name__ == "__main__":
    main()
