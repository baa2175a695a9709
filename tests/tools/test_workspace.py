"""What can be read through a Workspace, and above all what cannot."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maker.errors import PathRefused, ToolError
from maker.tools.workspace import Workspace, is_secret

CANARY = b"foreign-canary-7f3a"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace among things that are none of its business, all of which hold the canary."""
    root = tmp_path / "ws"
    (root / "src" / "deep").mkdir(parents=True)
    (root / "src" / "main.py").write_bytes(b"inside\n")
    (root / "src" / "deep" / "a.py").write_bytes(b"inside\n")
    outside = tmp_path / "ws-secrets"
    (outside / "src").mkdir(parents=True)
    for foreign in ("key", "main.py", "src/main.py"):
        (outside / foreign).write_bytes(CANARY)
    (tmp_path / "file").write_bytes(CANARY)
    links = {
        "file-link": "../file",
        "absolute-link": str(tmp_path / "file"),
        "folder-link": "../ws-secrets",
        "src/up-link": "../..",
        "chain-1": "chain-2",
        "chain-2": "file-link",
        "loop": "loop",
        "inner-link": "src/main.py",
        "proc-link": "/proc/self/root",
        "dangling": "nowhere",
        "device-link": "/dev/zero",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "s"))
    (root / ".git").mkdir()
    (root / ".git" / "config").write_bytes(CANARY)
    return root


@pytest.fixture
def workspace(root: Path) -> Iterator[Workspace]:
    with Workspace(root) as workspace:
        yield workspace


def test_a_file_below_the_root_is_read(workspace: Workspace) -> None:
    for path in ("src/main.py", "./src/main.py", "src//main.py", "src/deep/a.py", "src/./deep/a.py"):
        assert workspace.read(path, 100) == b"inside\n"


TRAVERSALS = (
    *("../file", "../ws-secrets/key", "../ws-secrets/../ws-secrets/key", "..", "../", "../..", "src/../../file"),
    *(
        "src/../../ws-secrets/key",
        "src/deep/../../../file",
        "./../file",
        "src/..",
        "src/../src/main.py",
        ".git/../../file",
    ),
    *("...//file/..", "src/deep/../..", "src/./../../file", "nothing/../../file"),
    *("/etc/passwd", "//etc/passwd", "/", "/dev/zero", "/proc/self/environ", "/proc/self/root/etc/passwd"),
    *("C:\\Windows\\win.ini", "..\\file", "src\\..\\..\\file", "\\\\host\\share", "\\etc\\passwd"),
    *("src/main.py\0", "\0", "../file\0.py", "src\0/../file"),
    *("", ".", "./", "././.", "src", "src/", "src/deep"),
    *("file-link", "absolute-link", "folder-link/key", "folder-link", "src/up-link/file", "src/up-link/ws-secrets/key"),
    *("chain-1", "chain-2", "loop", "loop/x", "inner-link", "proc-link/etc/passwd", "dangling", "device-link"),
    *("fifo", "fifo/", "s", "src/main.py/", "src/main.py/x", "src/main.py/../../file"),
    *(
        "\ud800",
        "src/\ud800",
        "a" * 300,
        "a/" * 3000 + "a",
        "src/main.py ",
        "src/main.py.",
        " src/main.py",
        "'src/main.py'",
    ),
    *(
        "%2e%2e/file",
        "..%2ffile",
        "%2e%2e%2ffile",
        "..;/file",
        "．．/file",
        "‥/file",
        "~/file",
        "~root/.profile",
        "$HOME/x",
    ),
    *("file:///etc/passwd", "src/main.py:$DATA", "SRC/../file", "\u202e../file", "-", "--help", "src/main.py\n../file"),
)
# A trailing slash is dropped, as everywhere else in a path.
HARMLESS = {"src/main.py/"}


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "path", [path for path in TRAVERSALS if path not in HARMLESS], ids=lambda path: ascii(path)[:40]
)
def test_nothing_else_is_read(path: str, workspace: Workspace, root: Path) -> None:
    with pytest.raises(ToolError) as refused:
        workspace.read(path, 1000)
    assert CANARY.decode() not in str(refused.value)
    assert str(root.parent) not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_devices_are_refused_without_being_opened(tmp_path: Path) -> None:
    with Workspace(Path("/dev")) as devices:
        for device in ("zero", "null", "tty", "random"):
            with pytest.raises(PathRefused, match="not a regular file"):
                devices.read(device, 10)


def test_the_root_stays_the_folder_that_was_opened(root: Path, workspace: Workspace) -> None:
    root.rename(root.with_name("moved"))
    root.symlink_to(root.parent / "ws-secrets")
    assert workspace.read("src/main.py", 100) == b"inside\n"
    with pytest.raises(ToolError, match="cannot be opened"):
        Workspace(root)


def test_a_file_that_is_too_long_is_refused(root: Path, workspace: Workspace) -> None:
    (root / "long").write_bytes(b"x" * 11)
    assert workspace.read("long", 11) == b"x" * 11
    with pytest.raises(ToolError, match="longer than 10 bytes"):
        workspace.read("long", 10)


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for path in ("src/main.py", *TRAVERSALS):
        with Workspace(root) as workspace:
            try:
                workspace.read(path, 1000)
            except ToolError:
                pass
    assert len(os.listdir("/dev/fd")) == before


SECRETS = (
    *(".env", ".env.local", ".envrc", "prod.env", "server.pem", "server.key", "id_rsa", "id_ed25519.bak", "id_work"),
    *(".git", ".netrc", "_netrc", ".npmrc", ".pypirc", ".ssh", ".aws", "credentials", "credentials.json", ".pgpass"),
    *("store.jks", "cert.p12", "terraform.tfstate", "terraform.tfstate.backup", "secrets.yaml", "client_secret_1.json"),
    *(
        ".ENV",
        ".Git",
        "ID_RSA",
        "SERVER.PEM",
        ".ſsh",
        ".ＥＮＶ",
        ".g\u200cit",
        ".env ",
        ".env.",
        ".git. ",
        ".ＡＷＳ",
        ".\u212aube",
    ),
)
ORDINARY = (
    *("env.py", "environment.md", ".github", ".gitignore", ".gitattributes", "keys.py", "keyboard.key.md", "monkey"),
    *("id_generator.py", "identity.go", "git", "secrets.py", "pem.c", "README.md", "Makefile", "netrc.py", ".config"),
)


@pytest.mark.parametrize("name", SECRETS, ids=ascii)
def test_secrets_are_never_read(name: str, root: Path, workspace: Workspace) -> None:
    assert is_secret(name)
    (root / "src" / name).mkdir(exist_ok=True)
    (root / "src" / name / "file").write_bytes(CANARY)
    with pytest.raises(PathRefused, match="usually hold secrets"):
        workspace.read(f"src/{name}/file", 1000)


def test_ordinary_names_are_no_secrets() -> None:
    assert [name for name in ORDINARY if is_secret(name)] == []


def exchanged(real: Path, foreign: Path, aside: Path) -> None:
    """Put a link to what is foreign in the place of what is real, and the real thing back."""
    real.rename(aside)
    real.symlink_to(foreign)
    real.unlink()
    aside.rename(real)


def race(swap: Callable[[], None], read: Callable[[], bytes], wanted: set[bytes], reads: int) -> set[bytes]:
    """What reads gave while another thread swapped without pause: at least `reads`, and until all of `wanted` came.

    A refusal gives nothing. Ends after 20 s whatever came.
    """
    end = time.monotonic() + 20
    done = threading.Event()

    def swapper() -> None:
        while not done.is_set():
            swap()

    seen: set[bytes] = set()
    thread = threading.Thread(target=swapper)
    thread.start()
    try:
        while (reads > 0 or not wanted <= seen) and time.monotonic() < end:
            reads -= 1
            try:
                seen.add(read())
            except (ToolError, FileNotFoundError):
                seen.add(b"")
    finally:
        done.set()
        thread.join(10)
    return seen


@pytest.mark.parametrize("swapped", ["src", "src/main.py"])
def test_a_link_swapped_in_between_never_yields_foreign_bytes(swapped: str, root: Path, workspace: Workspace) -> None:
    foreign = root.parent / "ws-secrets" / swapped

    def swap() -> None:
        exchanged(root / swapped, foreign, root / "aside")

    inside_or_refused = {b"inside\n", b""}
    assert race(swap, lambda: workspace.read("src/main.py", 1000), inside_or_refused, 20_000) == inside_or_refused
    # The control: the same race beats a reader that does not look.
    assert CANARY in race(swap, (root / "src" / "main.py").read_bytes, {CANARY}, 1)
