"""Continue's configuration: config.yaml from the templates in etc/continue/, or config.json where that is in force."""

import json
import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from maker.clients.entry import Entry, Target, Value
from maker.clients.offers import Offer, Offers
from maker.clients.tree_syntax import JSON, YAML
from maker.errors import ConfigError

Templates = Callable[[str], str]
"""The text of a file of etc/continue/."""

TWIN = ("model", "apiBase")
ROLES = ("chat", "edit", "apply", "summarize")
"""What Continue may ask of a mode."""
NO_EDITS = ("chat", "summarize")


@dataclass(frozen=True, slots=True)
class Project:
    """The repository that a configuration is for, and the name under which the tools know it."""

    root: Path
    name: str

    @property
    def header(self) -> str:
        """The repository as a header can say it."""
        path = str(self.root)
        return path if path.isascii() else self.root.as_uri()


def target(path: Path, offers: Offers, templates: Templates, project: Project | None = None) -> Target:
    """What belongs into one of Continue's configuration files; `project` for one inside a repository.

    Raises:
        ConfigError: a template lacks something.
    """
    if path.suffix == ".json":
        return Target(path, JSON, tuple(_json_entries(offers, project)))
    return Target(path, YAML, tuple(_yaml_entries(offers, templates, project)))


def project_file(root: Path, *, json_in_force: bool) -> Path:
    """Where a repository's own configuration is: a profile of its own, or what config.json is merged with."""
    return root / ".continuerc.json" if json_in_force else root / ".continue" / "configs" / "maker.yaml"


def left_out(offers: Offers) -> list[str]:
    """What Continue could use and is not offered, and why, one sentence each."""
    said = []
    if offers.autocomplete is None:
        said.append(
            "autocomplete is left out: no model of this profile was trained to fill in the middle; give the voter one "
            "that was, such as Qwen2.5-Coder, as roles.voter.model in maker.toml, and connect again"
        )
    if not offers.edits:
        said.append(
            "edit and apply are left out: this profile's coder only writes small functions from scratch; where no "
            "model has these roles Continue takes the chat model, which is refused with the reason"
        )
    return said


def for_cli(offer: Offer, offers: Offers, templates: Templates) -> str:
    """A whole file for `cn --config`, which takes the first model it finds: one file for each mode."""
    head = fill(templates("config.yaml"), name=f"maker, {offer.id} mode")
    parts = [
        head,
        "models:\n",
        _item(_chat(offer, offers, templates, None)),
        "mcpServers:\n",
        _item(_mcp(offers, templates, None)),
    ]
    return "".join(parts)


def fill(template: str, **values: str | int | tuple[str, ...] | None) -> str:
    """The template with its values, each as JSON says it, or words as a plain list; no line whose value is None.

    A key whose lines were all left out is left out too.

    Raises:
        ConfigError: the template asks for something else.
    """
    lines = template.splitlines()
    kept: list[str] = []
    for line in lines:
        names = [found.group("named") for found in string.Template.pattern.finditer(line) if found.group("named")]
        if any(values.get(name, "") is None for name in names):
            continue
        try:
            kept.append(string.Template(line).substitute({key: _said(value) for key, value in values.items()}))
        except (KeyError, ValueError) as error:
            raise ConfigError(f"a template of etc/continue asks for something unknown: {error}") from error
    following = [*kept[1:], ""]
    kept = [line for line, after in zip(kept, following, strict=True) if not _left_alone(line, after)]
    return "\n".join(kept) + "\n"


def _said(value: str | int | tuple[str, ...] | None) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else json.dumps(value)


def _left_alone(line: str, after: str) -> bool:
    """Whether a line opens a mapping that has nothing in it any more."""
    width = len(line) - len(line.lstrip())
    return line.rstrip().endswith(":") and len(after) - len(after.lstrip()) <= width


def _item(text: str) -> str:
    lines = text.splitlines()
    return "".join(f"{'  - ' if number == 0 else '    '}{line}\n" for number, line in enumerate(lines))


def _yaml_entries(offers: Offers, templates: Templates, project: Project | None) -> list[Entry]:
    name = f"maker: {project.name}" if project else "Local Config"
    head = fill(templates("config.yaml"), name=name)
    entries = [Entry(f"head:{key}", (), value, key=key, scaffold=True) for key, value in yaml.safe_load(head).items()]
    entries.extend(
        _listed(offer.id, "models", _chat(offer, offers, templates, project), TWIN) for offer in offers.modes
    )
    if offers.autocomplete is not None:
        completing = _autocomplete(offers.autocomplete, offers, templates, project)
        entries.append(_listed(offers.autocomplete.id, "models", completing, ()))
    entries.append(_listed("mcp", "mcpServers", _mcp(offers, templates, project), ("url",)))
    return entries


def _listed(id: str, container: str, text: str, twin: tuple[str, ...]) -> Entry:
    return Entry(id, (container,), yaml.safe_load(text), by="name", twin=twin, text=text)


def _chat(offer: Offer, offers: Offers, templates: Templates, project: Project | None) -> str:
    return fill(
        templates("chat.yaml"),
        title=offer.title,
        model=offer.model,
        url=offer.url,
        key=_key(offers, project),
        roles=ROLES if offers.edits else NO_EDITS,
        context=offer.context,
        max_tokens=offer.max_tokens,
        workspace=project.header if project else None,
    )


def _autocomplete(offer: Offer, offers: Offers, templates: Templates, project: Project | None) -> str:
    return fill(
        templates("autocomplete.yaml"),
        title=offer.title,
        model=offer.model,
        url=offer.url,
        key=_key(offers, project),
        context=offer.context,
        max_tokens=offer.max_tokens,
        prompt_tokens=min(2048, offer.context // 2),
    )


def _mcp(offers: Offers, templates: Templates, project: Project | None) -> str:
    workspace = project.name if project else None
    return fill(templates("mcp.yaml"), url=offers.mcp, key=_key(offers, project), workspace=workspace)


def _key(offers: Offers, project: Project | None) -> str | None:
    """A repository is shared, so its files name the secret, which Continue looks up in ~/.continue/.env."""
    return "${{ secrets.MAKER_API_KEY }}" if offers.key and project else offers.key


def _json_entries(offers: Offers, project: Project | None) -> list[Entry]:
    entries = [
        Entry(offer.id, ("models",), _json_chat(offer, offers, project), by="title", twin=TWIN)
        for offer in offers.modes
    ]
    if offers.autocomplete is not None:
        completing = _json_model(offers.autocomplete, offers, project)
        entries.append(Entry(offers.autocomplete.id, (), completing, key="tabAutocompleteModel"))
    return entries


def _json_chat(offer: Offer, offers: Offers, project: Project | None) -> Value:
    headers = {"headers": {"x-maker-workspace": project.header}} if project else {}
    return {
        **_json_model(offer, offers, project),
        "capabilities": {"tools": True},
        "requestOptions": {"noProxy": ["localhost", "127.0.0.1"], **headers},
    }


def _json_model(offer: Offer, offers: Offers, project: Project | None) -> Value:
    # The JSON form looks no secret up, and a repository is no place for one: there the user adds it.
    key = {"apiKey": offers.key} if offers.key and project is None else {}
    return {
        "title": offer.title,
        "provider": "openai",
        "model": offer.model,
        "apiBase": offer.url,
        **key,
        "contextLength": offer.context,
        "completionOptions": {"maxTokens": offer.max_tokens},
    }
