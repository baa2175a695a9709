from pathlib import Path

import pytest

from maker.sandbox.seatbelt import ENVIRONMENT, Parts, SeatbeltConfinement, environment, find_parts, profile, quoted
from maker.sandbox.values import Call, Mount, Trial

WORK = Path("/private/tmp/trial")


def rules() -> list[str]:
    return profile(readable=[Path("/opt/py")], programs=[Path("/opt/py/bin/python3")], work=WORK).splitlines()


def test_everything_is_denied_first_and_the_network_after_the_systems_rules() -> None:
    lines = rules()
    assert lines[:2] == ["(version 1)", "(deny default)"]
    assert lines.index("(deny network*)") > lines.index('(import "system.sb")')
    assert not any("allow network" in line for line in lines)


def test_only_the_trials_directory_can_be_written_to() -> None:
    writable = [line for line in rules() if "file-write*" in line]
    assert writable == [f'(allow file-read* file-write* (subpath "{WORK}"))']


def test_only_the_interpreters_can_be_started() -> None:
    assert [line for line in rules() if "process-exec" in line] == [
        '(allow process-exec (literal "/opt/py/bin/python3"))'
    ]


def test_home_cannot_be_read() -> None:
    readable = [line for line in rules() if line.startswith("(allow file-read*") and "subpath" in line]
    assert not any('"/Users' in line or '(subpath "/")' in line for line in readable)


def test_directories_above_can_be_named_but_not_listed() -> None:
    metadata = next(line for line in rules() if "file-read-metadata" in line)
    assert '(literal "/opt")' in metadata
    assert '(literal "/private/tmp")' in metadata


@pytest.mark.parametrize(("path", "text"), [("/a b", '"/a b"'), ('/a"b', '"/a\\"b"'), ("/a\\b", '"/a\\\\b"')])
def test_paths_cannot_break_out_of_their_quotes(path: str, text: str) -> None:
    assert quoted(Path(path)) == text


def test_the_environment_is_made_anew() -> None:
    values = environment(WORK, "token")
    assert tuple(values) == ENVIRONMENT
    assert values["HOME"] == values["TMPDIR"] == str(WORK)
    assert values["MAKER_TRIAL"] == "token"


def test_homebrews_libraries_can_be_read(tmp_path: Path) -> None:
    parts = find_parts(None, own=tmp_path)
    assert parts.own in parts.readable
    assert parts.python in parts.readable


def test_a_trials_directory_is_its_own_and_is_removed(tmp_path: Path) -> None:
    confinement = SeatbeltConfinement(Parts(Path("/opt/py/bin/python3"), None, tmp_path, (tmp_path,)))
    trial = Trial("python", "def f(): pass", (Call("f()"),), mounts=(Mount(Path("/srv/repo"), "/srv/repo"),))
    with confinement.prepared(trial) as one, confinement.prepared(trial) as other:
        assert one.work is not None and other.work is not None
        assert one.work.is_dir() and one.work != other.work
        assert one.argv[0] == "/usr/bin/sandbox-exec"
        assert '(subpath "/srv/repo")' in one.argv[2]
        assert str(one.work) in one.argv[2] and str(other.work) not in one.argv[2]
    assert not one.work.exists() and not other.work.exists()
