"""What `calcscan agree` writes and prints: agreement.json, its tables, the page, the terminal."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.agreement_data import box, labels, nifti, run_folder, table

from calcscan import assess_agreement, write_agreement
from calcscan.agree.plots import ticks
from calcscan.cli import main
from calcscan.errors import OutputError
from calcscan.knowledge.tables import tables
from calcscan.knowledge.yardsticks import yardsticks

FILES = {
    "agreement.json", "agreement.html", "agreement.csv", "agreement_studies.csv", "agreement_lesions.csv",
    "agreement_sizes.csv",
}  # fmt: skip
CONTRACT = {
    "site", "side", "studies", "detected_both", "only_a", "only_b", "sensitivity", "false_per_study", "bias_mm3",
    "loa_low_mm3", "loa_high_mm3", "icc", "icc_low", "icc_high", "spearman", "dice",
}  # fmt: skip
NASTY = "=CMD|' /C calc'!A0<script>alert(1)</script>\x1b[31m"


def sides(folder: Path, name: str = "s") -> tuple[Path, Path]:
    """Two tables of six studies."""
    volumes = ((10, 12), (0, 0), (30, 20), (0, 9), (55, 60), (7, 0))
    rows = [[[f"{name}{n}", "pallidum", "left", pair[k]] for n, pair in enumerate(volumes)] for k in (0, 1)]
    return table(folder / "a.csv", rows[0]), table(folder / "b.csv", rows[1])


class Page(HTMLParser):
    """The elements, text and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_command_writes_every_file_and_says_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = sides(tmp_path)
    assert main(["agree", str(a), str(b), "-o", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "6 studies compared" in said
    assert "research use only" in said
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    document = json.loads((tmp_path / "out" / "agreement.json").read_text(encoding="utf-8"))
    assert document["schema"] == "calcscan-agreement/1"
    assert document["overall"].keys() >= CONTRACT
    assert all(row.keys() >= CONTRACT for row in document["by_site"])
    row = document["by_site"][0]
    assert (row["site"], row["side"], row["studies"]) == ("pallidum", "left", 6)
    assert (row["detected_both"], row["only_a"], row["only_b"]) == (3, 1, 1)
    assert (row["sensitivity"], row["false_per_study"]) == (0.75, pytest.approx(1 / 6, rel=1e-5))
    assert "Research use only" in document["disclaimer"]


def test_the_tables_say_what_the_json_says_and_their_columns_are_in_the_dictionary(tmp_path: Path) -> None:
    out, reference = (
        run_folder(tmp_path / "s", labels([(5, box(4, 4, 4))])),
        labels([(5, box(4, 4, 5)), (6, box(9, 9, 9))]),
    )
    write_agreement(assess_agreement(out, nifti(tmp_path / "r.nii.gz", reference)), tmp_path / "out")
    document = json.loads((tmp_path / "out" / "agreement.json").read_text(encoding="utf-8"))
    rows = {
        name: list(csv.DictReader((tmp_path / "out" / name).read_text(encoding="utf-8").splitlines()))
        for name in FILES
        if name.endswith("csv")
    }
    for name, found in rows.items():
        assert tuple(found[0]) == tuple(tables()[name].columns), name
    told = [document["overall"], *document["by_site"], *document["combined"]]
    assert [row["dice"] for row in rows["agreement.csv"]] == [
        "" if row["dice"] is None else str(row["dice"]) for row in told
    ]
    assert len(rows["agreement_sizes.csv"]) == len(document["by_size"])
    assert [row["state"] for row in rows["agreement_lesions.csv"]] == ["matched", "missed", "matched"]


def test_names_with_scripts_formulas_and_control_characters_stay_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [[f"{NASTY}{n}", "pallidum", "left", 3 + n] for n in range(4)]
    a, b = (
        table(tmp_path / "a.csv", rows),
        table(tmp_path / "b.csv", [[*row[:3], row[3] * 2] for row in rows] + [[NASTY, "pineal", "", 1]]),
    )
    assert main(["agree", str(a), str(b), "-o", str(tmp_path / "out")]) == 0
    assert "\x1b" not in capsys.readouterr().out
    page = Page((tmp_path / "out" / "agreement.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert "<script>" in page.text  # as text
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    table_text = (tmp_path / "out" / "agreement_studies.csv").read_text(encoding="utf-8")
    assert "\x1b" not in table_text
    assert all(row["study"].startswith("'=CMD") for row in csv.DictReader(table_text.splitlines()))


def test_the_page_asks_nothing_of_the_network_and_names_its_parts(tmp_path: Path) -> None:
    a, b = sides(tmp_path)
    write_agreement(assess_agreement(a, b), tmp_path / "out")
    text = (tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not [value for name, value in page.attributes if name in ("src", "href", "srcset", "action")]
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert page.tags.count("h1") == 1
    assert "Research use only" in page.text
    assert re.findall(r'<svg [^>]*role="img"', text)
    assert len(re.findall(r"<circle ", text)) == 6 * 2 * 2  # two plots overall, two of the site
    assert text.count("<title>s5:") == 4
    for one in yardsticks().values():
        assert one.source in page.text


def test_two_readers_stand_beside_on_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = sides(tmp_path)
    c = table(tmp_path / "c.csv", [[f"s{n}", "pallidum", "left", v] for n, v in enumerate((11, 0, 25, 5, 58, 0))])
    assert main(["agree", str(c), str(b), "-o", str(tmp_path / "readers"), "--quiet"]) == 0
    assert main(["agree", str(a), str(b), "-o", str(tmp_path / "out"), "--beside", str(tmp_path / "readers")]) == 0
    found = json.loads((tmp_path / "out" / "agreement.json").read_text(encoding="utf-8"))
    readers = json.loads((tmp_path / "readers" / "agreement.json").read_text(encoding="utf-8"))
    assert found["beside"]["overall"] == readers["overall"]
    text = Page((tmp_path / "out" / "agreement.html").read_text(encoding="utf-8")).text
    assert f"{readers['overall']['icc']:.2f} (" in text
    assert "Beside two readers" in text
    for wrong in (a, tmp_path / "nowhere"):
        assert main(["agree", str(a), str(b), "-o", str(tmp_path / "out"), "--beside", str(wrong)]) == 1
        assert "give the OUT of an earlier calcscan agree" in capsys.readouterr().err


def test_nan_and_infinity_never_stand_in_the_json(tmp_path: Path) -> None:
    a, b = table(tmp_path / "a.csv", [["x", "pineal", "", 1]]), table(tmp_path / "b.csv", [["x", "pineal", "", 1]])
    text = write_agreement(assess_agreement(a, b), tmp_path / "out")
    found = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert (found["overall"]["icc"], found["overall"]["loa_low_mm3"]) == (None, None)
    assert found["overall"]["bias_mm3"] == 0


def test_the_same_input_gives_the_same_bytes_and_replaces_what_was_there(tmp_path: Path) -> None:
    a, b = sides(tmp_path)
    for _ in range(2):
        write_agreement(assess_agreement(a, b), tmp_path / "one")
    write_agreement(assess_agreement(a, b), tmp_path / "other")
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_somebody_elses_file_is_not_replaced(tmp_path: Path) -> None:
    a, b = sides(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "agreement.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="did not write"):
        write_agreement(assess_agreement(a, b), tmp_path / "out")
    assert (tmp_path / "out" / "agreement.csv").read_text(encoding="utf-8") == "mine"


def test_the_command_fails_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, _ = sides(tmp_path)
    other = table(tmp_path / "c.csv", [["nobody", "pallidum", "left", 1]])
    assert main(["agree", str(a), str(other), "-o", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no study is on both sides" in said
    assert not (tmp_path / "out").exists()


def test_json_alone_is_printed_if_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = sides(tmp_path)
    assert main(["agree", str(a), str(b), "-o", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["overall"]["studies"] == 6


def test_a_hundred_studies_with_label_maps_take_less_than_a_minute(tmp_path: Path) -> None:
    """On small maps, and of the processor's time: what is measured is the work, not the disk nor what else runs."""
    for n in range(100):
        values = labels([(5, box(n % 9, 4, 4, 3)), (6, box(14, n % 20, 9)), (26, box(20, 20, 20))])
        run_folder(tmp_path / "out" / f"s{n:03}", values)
        nifti(tmp_path / "readers" / f"s{n:03}.nii.gz", labels([(5, box(n % 9, 4, 5, 3)), (7, box(14, 20, n % 20))]))
    begun = time.process_time()
    found = assess_agreement(tmp_path / "out", tmp_path / "readers")
    write_agreement(found, tmp_path / "agreement")
    assert time.process_time() - begun < 60
    assert found.overall.studies == 100


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-350.0, 20.0), (0.0, 1e-3), (-1e6, 1e6)])
def test_an_axis_has_a_few_round_ticks_within_it(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 3 <= len(found) <= 9
    assert low <= min(found)
    assert max(found) <= high


def test_help_of_the_command_loads_no_image_library() -> None:
    code = "import sys\nfrom calcscan.cli import main\nmain(['agree', '--help'])\nassert 'numpy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
