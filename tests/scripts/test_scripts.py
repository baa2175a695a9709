"""The scripts: they parse everywhere, refuse what they do not know, and find a Python that works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "scripts").glob("*.sh"))


def sh(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run lines after reading scripts/lib.sh."""
    lines = f'set -eu\nroot={ROOT}\n. "$root/scripts/lib.sh"\n{script}'
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}
    return subprocess.run(
        ["/bin/sh", "-c", lines, "lib"], capture_output=True, text=True, timeout=60, env=env, check=False
    )


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_parses(script: Path, shell: str) -> None:
    subprocess.run([shell, "-n", script], check=True, timeout=30)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_that_is_run_is_executable(script: Path) -> None:
    assert os.access(script, os.X_OK) == (script.name != "lib.sh")


def test_ci_runs_the_script_that_people_run() -> None:
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").endswith("exec bash scripts/test.sh\n")


@pytest.mark.parametrize("name", ["clients.sh", "quickstart.sh", "test.sh"])
def test_help_is_the_scripts_own_head(name: str) -> None:
    done = subprocess.run([ROOT / "scripts" / name, "--help"], capture_output=True, text=True, timeout=30, check=True)
    assert f"usage: scripts/{name}" in done.stdout


@pytest.mark.parametrize(
    ("name", "argument"), [("clients.sh", "nosuch"), ("quickstart.sh", "--nosuch"), ("test.sh", "nosuch")]
)
def test_an_unknown_argument_is_refused_in_one_line(name: str, argument: str) -> None:
    done = subprocess.run([ROOT / "scripts" / name, argument], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name}: ") and argument in done.stderr and done.stderr.count("\n") == 1


def test_clients_are_not_installed_with_a_node_that_is_too_old(tmp_path: Path) -> None:
    program(tmp_path, "node", "case $1 in -e) exit 1 ;; *) echo v18.20.1 ;; esac")
    program(tmp_path, "npm", "exit 1")
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = ROOT / "scripts" / "clients.sh"
    done = subprocess.run([script], capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 1
    assert "node 20 or newer" in done.stderr and "v18.20.1" in done.stderr and "https://nodejs.org" in done.stderr


def test_a_python_that_is_there_but_does_not_run_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path, "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    program(tmp_path, "python3.12", f'exec {sys.executable} "$@"')
    done = sh("first_python venv,ensurepip", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert (done.returncode, Path(done.stdout.strip()).exists()) == (0, True)


def test_a_python_that_is_too_old_is_passed_over(tmp_path: Path) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3.14", "python3"):
        program(tmp_path, name, f'exec {sys.executable} -c "raise SystemExit(1)"')
    assert sh("first_python", PATH=str(tmp_path)).returncode == 1


def test_without_any_python_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    for name in ("uname", "id"):
        program(tmp_path, name, "case $1 in -u) echo 1000 ;; *) echo Linux ;; esac")
    done = sh("find_python", PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "3.11" in done.stderr and "apt-get install python3" in done.stderr


def test_what_is_missing_is_named_by_its_package(tmp_path: Path) -> None:
    program(tmp_path, "uname", "echo Linux")
    program(tmp_path, "rg", ":")
    done = sh('has() { [ -x "$PATH1/$1" ]; }\nmissing redis-server bwrap rg ss', PATH1=str(tmp_path))
    assert done.stdout.split() == ["redis-server", "bubblewrap", "iproute2"]


def test_a_failed_step_shows_its_output_and_names_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    done = sh(f"log={log}\nstep 'doing this' sh -c 'echo because; exit 7'\necho not reached")
    assert done.returncode == 1
    assert "doing this" in done.stdout and "not reached" not in done.stdout
    assert "because" in done.stderr and str(log) in done.stderr


def test_a_step_that_works_is_one_line(tmp_path: Path) -> None:
    done = sh(f"log={tmp_path / 'log'}\nstep 'doing this' echo hidden")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["doing", "this", "0", "s"], "")
