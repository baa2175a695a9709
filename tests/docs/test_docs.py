"""The documentation against the program: what it shows exists, and what is made from the program is current."""

import re
import shlex
from pathlib import Path

import click
import pytest

from docs import generate
from maker import __version__
from maker import config as configuration
from maker.cli.app import main
from maker.config import Home

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", generate.pages(), ids=lambda page: page.name)
def test_a_page_made_from_the_program_is_current(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == generate.pages()[page], "run `python docs/generate.py`"


def blocks(page: Path) -> list[str]:
    """The lines of the page's shell blocks that are commands."""
    found = re.findall(r"```(?:sh|bash)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.strip() and not line.startswith("#")]


def commands() -> list[tuple[str, str]]:
    return [(page.name, line) for page in PAGES for line in blocks(page)]


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_maker_command_and_script_in_the_documentation_exists(page: str, line: str) -> None:
    for part in re.split(r"\||&&", line):
        words = shlex.split(part, comments=True)
        if words and words[0] in ("sh", "bash"):
            words = words[1:]
        if words and words[0].startswith("scripts/"):
            assert (ROOT / words[0]).is_file(), f"{page}: {line}"
        if words and words[0].split("/")[-1] == "maker":
            parse(main, words[1:], line)


def parse(command: click.Command, words: list[str], line: str) -> None:
    """Parse the words as the command line would, without running anything."""
    context = command.make_context("maker", words)
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, nested, rest = command.resolve_command(context, words)
        assert nested is not None, f"no command {name!r}: {line}"
        parse(nested, rest, line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_of_a_maker_toml_is_one(page: Path) -> None:
    for block in re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        configuration.parse(block, Home(Path("/tmp/maker-home")))


def test_the_readme_begins_with_the_two_commands() -> None:
    lines = blocks(ROOT / "README.md")
    assert [line.split()[0] for line in lines[:2]] == ["scripts/quickstart.sh", "scripts/test.sh"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_changelog_knows_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in text or "## [Unreleased]" in text


def test_the_picture_loads_nothing() -> None:
    picture = (ROOT / "docs" / "status.svg").read_text(encoding="utf-8")
    assert "@font-face" not in picture and "href" not in picture
    assert all(found.startswith("url(#") for found in re.findall(r"url\([^)]*", picture))
