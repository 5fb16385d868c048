"""Compiled kernels are kept where that is safe and possible, and whatever happens there, the answer is the same."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from hashlib import sha256
from pathlib import Path

import numba
import pytest
from support.users import NOBODY, folder_for_all_users, other_user, their_number
from support.waiting import PATIENCE_S

import calcscan
from calcscan._kernels import cache

PACKAGE = Path(calcscan.__file__).parent
SAMPLES = PACKAGE.parent / "sample_data"
SOURCE = "def twice(x):\n    return 2 * x\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(cache, "folder", lambda: folder)
    monkeypatch.setattr(cache, "_may_load", lambda path: False)
    return folder


def new_kernel(tmp_path: Path):
    """The same kernel as in a new process."""
    if not (tmp_path / "made.py").exists():
        (tmp_path / "made.py").write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("made", tmp_path / "made.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cache.keep(numba.njit(module.twice))


def hits(kernel) -> int:
    return sum(kernel.stats.cache_hits.values())


def test_what_was_compiled_is_loaded_by_the_next_process(tmp_path, place):
    first, second = new_kernel(tmp_path), new_kernel(tmp_path)
    assert not cache.is_kept(first)
    assert first(21) == 42
    assert cache.is_kept(second)
    assert (second(21), hits(first), hits(second)) == (42, 0, 1)
    assert {path.suffix for path in place.iterdir()} == {".nbi", ".nbc"}


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGE = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "garbage": lambda content: b"\x80\x05garbage" * 40,
    "a pickle of something else": lambda content: b"\x80\x04]\x94.",
    "one bit": flipped,
}


@pytest.mark.parametrize("suffix", [".nbc", ".nbi"])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_made_anew(tmp_path, place, suffix, damage):
    new_kernel(tmp_path)(21)
    (file,) = place.glob(f"*{suffix}")
    file.write_bytes(damage(file.read_bytes()))
    assert new_kernel(tmp_path)(21) == 42
    third = new_kernel(tmp_path)
    assert (third(21), hits(third)) == (42, 1)


def test_a_folder_that_vanishes_or_fills_up_costs_only_time(tmp_path, place, monkeypatch):
    kernel = new_kernel(tmp_path)
    shutil.rmtree(place)
    assert kernel(21) == 42
    place.mkdir()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.caching.IndexDataCacheFile, "_save_index", full)
    assert new_kernel(tmp_path)(21) == 42


def test_another_kernels_code_is_not_taken_for_its_own(tmp_path, place):
    """As when two processes give one file name to two signatures."""
    new_kernel(tmp_path)(21)
    (whole,) = place.glob("*.nbc")
    content = whole.read_bytes()
    whole.unlink()
    for index in place.glob("*.nbi"):
        index.unlink()
    new_kernel(tmp_path)(0.5)
    whole.write_bytes(content)
    assert new_kernel(tmp_path)(0.75) == 1.5


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners in numbers")
def test_only_a_folder_that_nobody_else_can_write_to_is_private(tmp_path):
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    assert cache._is_private(own)
    for mode in (0o770, 0o707, 0o777):
        own.chmod(mode)
        assert not cache._is_private(own)
    own.chmod(0o700)
    tmp_path.chmod(0o777)  # somebody else could put another folder in its place
    assert not cache._is_private(own)
    tmp_path.chmod(0o1777)
    assert cache._is_private(own)
    tmp_path.chmod(0o700)
    (tmp_path / "link").symlink_to(own)
    assert not cache._is_private(tmp_path / "link")
    assert not cache._may_keep(tmp_path / "link" / "kernels", private=True)
    if os.geteuid() == 0:
        os.chown(own, NOBODY, NOBODY)
        assert not cache._is_private(own)


def test_the_folder_beside_the_kernels_is_as_good_as_they_are(tmp_path):
    inside = tmp_path / "__pycache__"
    assert not cache._may_load(inside)
    inside.mkdir()
    assert cache._may_load(inside)
    inside.chmod(0o777)
    assert not cache._may_load(inside)
    inside.chmod(0o755)


ASK = textwrap.dedent(
    """
    import os
    import sys
    from calcscan._kernels import cache
    from calcscan._kernels.touching import touches_outside
    from calcscan._kernels.warm import is_compiled
    print(cache.folder())
    print(cache.note())
    print(is_compiled())
    """
)


@pytest.fixture
def open_folder():
    with folder_for_all_users() as folder:
        yield folder


@pytest.fixture(scope="module")
def installation():
    """A copy of calcscan that nobody may write to, without anything compiled."""
    with folder_for_all_users() as ground:
        shutil.copytree(PACKAGE, ground / "calcscan", ignore=shutil.ignore_patterns("__pycache__"))
        for path in ground.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield ground
        for path in ground.rglob("*"):
            path.chmod(0o755)


def as_another_user(installation: Path, code: str, **environment: str) -> list[str]:
    """Run as a user who has nothing: no home, no right to write to the installation."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], cwd="/", capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        env={"PYTHONPATH": str(installation), "PATH": os.environ["PATH"], **environment}, **other_user(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


needs_users = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners in numbers")


@needs_users
def test_without_a_home_and_in_a_read_only_installation_the_temporary_folder_serves(installation, open_folder):
    open_folder.chmod(0o1777)
    user = their_number()
    place, note, compiled = as_another_user(installation, ASK, HOME="/nonexistent", TMPDIR=str(open_folder))
    assert place.startswith(f"{open_folder}/calcscan-{user}/kernels-")
    assert note == f"compiled code is kept in {place}, as neither the installation nor a home folder can be written to"
    assert compiled == "False"
    assert stat.S_IMODE(Path(place).stat().st_mode) == 0o700
    assert [path.name for path in open_folder.iterdir()] == [f"calcscan-{user}"]
    if os.geteuid() == 0:
        os.chown(Path(place).parent, 12345, 12345)  # somebody was there first
        place, note, _ = as_another_user(installation, ASK, HOME="/nonexistent", TMPDIR=str(open_folder))
        assert place == "None"
        assert note.startswith("nowhere to keep compiled code")
        assert "NUMBA_CACHE_DIR" in note


@needs_users
def test_a_home_comes_before_the_temporary_folder_and_a_folder_that_was_named_before_all(installation, open_folder):
    for name in ("home", "named"):
        (open_folder / name).mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(open_folder / name, their_number(), -1)
    place, note, _ = as_another_user(installation, ASK, HOME=str(open_folder / "home"))
    assert place.startswith(f"{open_folder / 'home' / '.cache'}/calcscan/kernels-")
    assert note == ""
    both = {"HOME": str(open_folder / "home"), "NUMBA_CACHE_DIR": str(open_folder / "named")}
    assert as_another_user(installation, ASK, **both)[0].startswith(f"{open_folder}/named/kernels-")
    assert as_another_user(installation, ASK, CALCSCAN_NUMBA_CACHE="0", **both)[:2] == ["None", ""]


@pytest.mark.parametrize(
    ("name", "value"),
    [("NUMBA_NUM_THREADS", "0"), ("NUMBA_NUM_THREADS", "-1"), ("NUMBA_NUM_THREADS", "abc"),
     ("CALCSCAN_NUMBA_CACHE", "yes")],
)  # fmt: skip
def test_a_setting_that_cant_be_is_named(tmp_path, monkeypatch, name, value):
    given = [sys.executable, "-m", "calcscan", "run", str(tmp_path), "-o", str(tmp_path.parent / "o")]
    done = subprocess.run(given, env={**os.environ, name: value}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"calcscan: {name} is '{value}'; it must be ")
    assert done.stderr.count("\n") == 1
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name):
        importlib.reload(sys.modules["calcscan._kernels"])


FORK = textwrap.dedent(
    """
    import os, signal, sys, threading
    import numpy as np
    import SimpleITK as sitk
    from calcscan.grid.isotropic import on_native, resample_isotropic
    from calcscan.components import lesion_table
    from calcscan.grid.geometry import Geometry
    from calcscan.model import AIR_HU

    hu = np.random.default_rng(1).integers(-50, 300, (40, 64, 64)).astype(np.int16)
    heights = np.arange(40.0)
    grid = Geometry(
        origins_mm=np.stack([0 * heights, 0 * heights, heights], axis=1), step_i_mm=np.array([0.5, 0, 0]),
        step_j_mm=np.array([0, 0.5, 0]), slab_mm=np.ones(40), rows=64, columns=64,
    )

    def work():
        labels, table = lesion_table(hu, 250)
        coarse = resample_isotropic(hu, grid, 1.0, outside_hu=AIR_HU)
        above = on_native(coarse.values, coarse.affine, grid, 100.0)
        image = sitk.GetImageFromArray(coarse.values)
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMeanSquares()
        method.SetOptimizerAsRegularStepGradientDescent(1.0, 0.01, 5)
        method.SetInitialTransform(sitk.TranslationTransform(3))
        method.SetInterpolator(sitk.sitkLinear)
        method.Execute(image, image + 1.0)
        return len(table), int(table["sum_hu"].sum()), float(coarse.values.sum()), int(above.sum())

    def eight():
        found = []
        threads = [threading.Thread(target=lambda: found.append(work())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    true = work()
    assert eight() == [true] * 8
    child = os.fork()
    if child == 0:
        signal.alarm(500)
        os._exit(0 if eight() == [true] * 8 and work() == true else 9)
    sys.exit(os.waitpid(child, 0)[1] != 0)
    """
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("layer", ["", "workqueue"])
def test_threads_and_a_forked_process_give_what_one_gives(layer):
    done = subprocess.run(
        [sys.executable, "-c", FORK], env={**os.environ, "NUMBA_THREADING_LAYER": layer or "default"},
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@needs_users
def test_in_a_container_a_run_gives_the_same_bytes(open_folder, run_once):
    """Another user, a read-only installation, no home, 2 GB of memory, one thread: the same files as here and now."""
    status, here = run_once(SAMPLES / "bilateral_pallidum")
    assert status == 0
    ground = open_folder
    half_written = shutil.ignore_patterns("*.tmp.*", "*.pyc.*")  # other tests are at it meanwhile
    shutil.copytree(PACKAGE, ground / "site" / "calcscan", ignore=half_written)
    shutil.copytree(PACKAGE.parent / "atlases", ground / "site" / "atlases")
    shutil.copytree(SAMPLES / "bilateral_pallidum", ground / "scan")
    (ground / "room").mkdir()
    (ground / "room").chmod(0o1777)
    for folder in (ground / "site").rglob("*"):
        folder.chmod(0o555 if folder.is_dir() else 0o444)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30));"
        "from calcscan.cli import main;"
        f"sys.exit(main(['run', {str(ground / 'scan')!r}, '-o', {str(ground / 'room' / 'out')!r}, '--quiet']))"
    )
    one_thread = dict.fromkeys(("NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"), "1")
    said = as_another_user(ground / "site", code, TMPDIR=str(ground / "room"), **one_thread)
    for folder in (ground / "site").rglob("*"):
        folder.chmod(0o755)
    assert said == []
    there = ground / "room" / "out"
    assert sorted(path.name for path in here.iterdir()) == sorted(path.name for path in there.iterdir())
    for path in here.iterdir():
        if path.name == "report.json":
            one, other = (json.loads((folder / path.name).read_text()) for folder in (here, there))
            assert one | {"timings_s": None} == other | {"timings_s": None}
        elif path.name == "report.html":
            assert without_digest(here) == without_digest(there)
        else:
            assert path.read_bytes() == (there / path.name).read_bytes(), path.name


def without_digest(out: Path) -> str:
    """report.html without the checksum of its report.json, in which times stand."""
    digest = sha256((out / "report.json").read_bytes()).hexdigest()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert digest in page
    return page.replace(digest, "").replace(digest[:12], "")
