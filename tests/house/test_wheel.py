"""What is shipped: the wheel holds the four packages whole and nothing else, and runs where no repository is."""

import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOMS, ROOT

IGNORED = {"__pycache__", ".nicegui"}
EXAMPLE = "infra/config/gateway.yaml"
"""The example of the repository's top, packed beside its loader for `aethergate init`."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fresh environment with the wheel alone; what it depends on comes from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True, timeout=100)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    yield folder


def run(folder: Path, *command: str) -> str:
    """Runs a command of the fresh environment, away from the repository."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(elsewhere), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [str(folder / "bin" / command[0]), *command[1:]],
        cwd=elsewhere,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_four_packages_and_nothing_else(names: set[str]) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and not IGNORED & set(path.parts)
    }
    packed = {name for name in names if ".dist-info/" not in name}
    assert packed == ours | {EXAMPLE}


def test_what_is_no_python_is_in_it_too(names: set[str]) -> None:
    assert [name for name in names if name.startswith("infra/store/migrations/") and name.endswith(".sql")]
    assert [name for name in names if name.startswith("ui/static/")]
    assert {EXAMPLE, "infra/config/gateway.schema.json"} <= names
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_no_test_and_no_secret_is_in_it(names: set[str]) -> None:
    assert [name for name in names if "test" in name.lower() or name.endswith((".env", ".db"))] == []


def test_the_packed_example_is_the_one_of_the_repository(wheel: Path) -> None:
    assert zipfile.ZipFile(wheel).read(EXAMPLE) == (ROOT / "gateway.yaml").read_bytes()


def test_installed_elsewhere_the_command_says_its_version(installed: Path, wheel: Path) -> None:
    version = wheel.name.split("-")[1]
    assert run(installed, "aethergate", "--version") == f"aethergate {version}\n"
    where = run(installed, "python", "-c", "import infra, admin_cli.main; print(infra.__file__)")
    assert where.startswith(str(installed)), "the repository's own files must not be what is tried"


def test_installed_elsewhere_a_folder_is_made_ready_from_nothing(installed: Path) -> None:
    run(installed, "aethergate", "init")
    made = {path.name for path in (installed / "elsewhere").iterdir()}
    assert {"gateway.yaml", ".env", "aethergate.db"} <= made
    run(installed, "aethergate", "check")
    run(installed, "aethergate", "add-user", "bob", "--balance", "10.00")
    assert run(installed, "aethergate", "gen-key", "bob", "--name", "default").startswith("sk-")
    assert "10.00" in run(installed, "aethergate", "check-balance", "bob")
