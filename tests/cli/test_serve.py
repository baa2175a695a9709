"""Becoming a program that runs."""

import subprocess
import sys

import pytest

from maker.config import Home

from .support import Terminal


def test_ctl_needs_a_home(home: Home, maker: Terminal) -> None:
    code, _, err = maker("ctl", "status")
    assert code == 2
    assert f"{home.supervisord_conf}: not there; run `maker init` first" in err


@pytest.mark.processes
def test_ctl_passes_arguments_and_the_exit_code_through(home: Home) -> None:
    home.supervisord_conf.write_text(f"[supervisorctl]\nserverurl=unix://{home.supervisor_socket}\n", encoding="utf-8")
    argv = [sys.executable, "-m", "maker", "ctl", "--", "status", "coder"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    # 4 is supervisorctl's own: it found our configuration, and nobody behind the socket.
    assert (done.returncode, str(home.supervisor_socket) in done.stdout) == (4, True)


def test_serving_a_name_that_is_no_service_names_those_that_are(home: Home, maker: Terminal) -> None:
    code, _, err = maker("serve", "codr")
    assert code == 2
    assert "no service 'codr'" in err and "coder" in err
