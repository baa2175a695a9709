"""Writes the pages that are made from the program: docs/cli.md, docs/configuration.md and docs/status.svg.

Run `python docs/generate.py` after a change to the command line or to maker/settings.py; a test says when it is due.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import annotated_types
import click
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from maker.cli import show
from maker.cli.app import COMMANDS, main
from maker.config import Config, Home
from maker.services.spec import specs
from maker.services.status import BundleStatus, ServiceStatus

DOCS = Path(__file__).parent

CLI_HEAD = """\
# The command line

What `maker --help` and each command's `--help` say; made from the program by `docs/generate.py`.

Exit codes: 0 ok, 1 error, 2 usage or configuration, 3 not everything is running, 4 not running or not reachable,
130 interrupted. An error is one line on standard error that begins with `maker: `.
"""

CONFIGURATION_HEAD = """\
# Configuration

Everything that `maker.toml` can say; made from `maker/settings.py` by `docs/generate.py`. The file is in `MAKER_HOME`,
`~/.maker` unless that variable is set. What is left out has the default; without a default, the profile decides.
An unknown key is an error that names the keys there are. So is a value of another type: `"8002"` and `true` are no
integers.

`maker config show` prints what is in force, `maker config validate` checks the file, `maker start` restarts what
runs with other settings than the file has now.
"""

CONFIGURATION_TAIL = """\
## Servers that maker does not start

A role with `urls` is asked there. Of several servers the one with the least to do is asked; one that failed comes last
for 30 seconds. Most such servers have many models: `model_id` says which of theirs to ask for. Where it is left out and
a server lists one model only at `/v1/models`, that one is asked for. `api_key` is sent to these servers and to nobody
else; maker.toml is closed to other users, and `maker config show` does not tell the key.

[Ollama](https://docs.ollama.com/openai) asks for no key; the id is the name in `ollama list`, with its tag:

```toml
[roles.coder]
urls = ["http://127.0.0.1:11434/v1"]
model_id = "qwen2.5-coder:7b"
```

[llama-swap](https://github.com/mostlygeek/llama-swap) has the ids of the `models` in its own configuration, and asks
for a key where `apiKeys` stands there. Start it with `-listen`, because its own port is the one of MakerCode - High. A
model that it loads on demand must answer within `first_token_timeout_s` of the mode. llama-server's router and LiteLLM
are named alike:

```toml
[roles.coder]
urls = ["http://127.0.0.1:9292/v1"]
model_id = "qwen-coder"
api_key = "sk-of-llama-swap"

[roles.reviewer]
urls = ["http://127.0.0.1:9292/v1"]
model_id = "devstral"
api_key = "sk-of-llama-swap"
```
"""

KINDS = {bool: "`true`, `false`", int: "integer", float: "number", str: "text", SecretStr: "text"}

# Megabytes, slots, and seconds until ready, in the order of the services.
MEASURED = (
    (45, 2, 9.9),
    (45, 2, 9.9),
    (54, 4, 10.0),
    (45, 2, 10.1),
    (54, 4, 9.9),
    (45, 2, 10.2),
    (93, 0, 13.3),
    (96, 0, 13.6),
    (95, 0, 13.6),
    (13, 0, 9.6),
    (0, 0, 0.0),
    (453, 0, 33.4),
)

THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 226),
    [(24, 26, 31), (224, 108, 117), (121, 192, 120), (220, 180, 90), (97, 160, 240), (198, 120, 221), (86, 182, 194)]
    + [(214, 218, 226)],
)

# Rich's own frame loads a font from the network; this one takes what the reader has.
SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px; \
line-height: {line_height}px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect fill="#181a1f" width="{width}" height="{height}" rx="8"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


def pages() -> dict[Path, str]:
    """Every page that is made from the program, by its path."""
    return {
        DOCS / "cli.md": cli(),
        DOCS / "configuration.md": configuration(),
        DOCS / "status.svg": picture(sample()),
    }


def cli() -> str:
    """The help of every command."""
    return "\n".join([CLI_HEAD, *_help(main, None, "maker")])


def _help(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    context = click.Context(
        command, parent=parent, info_name=name, terminal_width=88, help_option_names=["-h", "--help"]
    )
    hidden = {entry.name for entry in COMMANDS if entry.hidden}
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            nested = command.get_command(context, each)
            if nested is not None and each not in hidden:
                yield from _help(nested, context, each)


def configuration() -> str:
    """Every setting, section by section."""
    return "\n".join([CONFIGURATION_HEAD, *_section(Config, ""), CONFIGURATION_TAIL])


def _section(section: type[BaseModel], path: str) -> Iterator[str]:
    fields = {field.alias or name: field for name, field in section.model_fields.items() if not field.exclude}
    nested = {key: field.annotation for key, field in fields.items() if _is_section(field.annotation)}
    plain = {key: field for key, field in fields.items() if key not in nested}
    if plain:
        yield f"## [{path}]\n\n{section.__doc__}\n" if path else "## Top level\n"
        yield "| key | default | allowed | meaning |\n|---|---|---|---|"
        for key, field in plain.items():
            yield f"| `{key}` | {_default(field)} | {_allowed(field)} | {field.description or ''} |"
        yield ""
    if len({id(kind) for kind in nested.values()}) == 1 and len(nested) > 1:
        # The six roles and the two modes have the same keys: one table for all.
        keys = ", ".join(f"[{path}.{key}]" for key in nested)
        first = next(iter(nested.values()))
        yield from (part.replace(f"[{path}.NAME]", keys) for part in _section(first, f"{path}.NAME"))
        return
    for key, kind in nested.items():
        yield from _section(kind, f"{path}.{key}" if path else key)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _default(field: FieldInfo) -> str:
    return "" if field.default is None else f"`{json.dumps(field.default)}`"


def _allowed(field: FieldInfo) -> str:
    limits = {
        annotated_types.Ge: "at least {0.ge}",
        annotated_types.Gt: "more than {0.gt}",
        annotated_types.Le: "at most {0.le}",
        annotated_types.MinLen: "{0.min_length} characters or more",
    }
    words = [limits[type(limit)].format(limit) for limit in field.metadata if type(limit) in limits]
    return ", ".join([_kind(field.annotation), *words])


def _kind(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list of texts"
    inner = [part for part in get_args(annotation) if part is not type(None)]
    return _kind(inner[0]) if inner else KINDS[annotation]


def sample() -> BundleStatus:
    """The status in the picture: the tiny profile some minutes after its start on two cores, as measured."""
    services = []
    for spec, (rss_mb, slots, after_s) in zip(specs(Config(home=Home(Path("/")))), MEASURED, strict=True):
        embedded = "no qdrant on PATH: the code index runs inside mcp" if spec.name == "qdrant" else None
        services.append(
            ServiceStatus(
                name=spec.name,
                kind=spec.kind,
                state="STOPPED" if embedded else "RUNNING",
                ready=True,
                wanted=True,
                embedded=embedded,
                detail="",
                pid=None if embedded else 4211 + len(services),
                port=spec.port,
                rss_bytes=None if embedded else rss_mb * 1_000_000,
                slots=(0, slots) if slots else None,
                uptime_s=None if embedded else 187 - after_s,
                restarts=0,
                ready_after_s=None if embedded else after_s,
            )
        )
    return BundleStatus("all", 4210, tuple(services))


def picture(status: BundleStatus) -> str:
    """The status table as an image that loads nothing."""
    console = Console(record=True, width=88, file=io.StringIO(), force_terminal=True)
    console.print(show.render(status))
    return console.export_svg(theme=THEME, code_format=SVG, unique_id="maker")


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
