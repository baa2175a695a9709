"""Any file that somebody may have: JSON with comments, YAML in every style, TOML; broken ones too."""

import json
from collections.abc import Sequence

from hypothesis import strategies as st

NEWLINES = st.sampled_from(["\n", "\r\n"])
MIXED = "mixed"
FOREIGN = "foreign"
"""A word in every document that the user will change."""

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=6)
SCALARS = st.one_of(PLAIN, st.integers(-9, 9), st.booleans(), st.none(), st.just(FOREIGN))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(PLAIN, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def json_documents(
    draw: st.DrawFn, containers: Sequence[tuple[str, ...]], listed: bool = False, repeats: bool = False
) -> str:
    """A JSON file with comments and trailing commas, and with or without what maker will add to.

    With `repeats`, keys come twice here and there: most readers take the last one.
    """
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(["", "\n", " \t\n", "\ufeff", "\r\n\r\n"]))
    root: object = _json_root(draw, containers)
    if listed:
        root = draw(st.lists(VALUES, max_size=3))
    line = draw(NEWLINES)
    text = (
        _trivia(draw, line)
        + _json(draw, root, draw(st.sampled_from(["", "  ", "\t"])), line, "", repeats)
        + _trivia(draw, line)
    )
    return draw(st.sampled_from(["", "\ufeff"])) + ended(draw, text)


def _json_root(draw: st.DrawFn, containers: Sequence[tuple[str, ...]]) -> dict[str, object]:
    root: dict[str, object] = dict(draw(st.dictionaries(PLAIN, VALUES, max_size=3)))
    for path in containers:
        if not path or draw(st.booleans()):
            continue
        place = root
        for depth, key in enumerate(path):
            last = depth == len(path) - 1
            is_list = last and key == "models"
            inner = draw(st.lists(VALUES, max_size=2)) if is_list else draw(st.dictionaries(PLAIN, VALUES, max_size=2))
            if isinstance(place.get(key), dict) and not is_list:
                inner = place[key]  # type: ignore[assignment]
            place[key] = inner
            if isinstance(inner, dict):
                place = inner
    return root


def ended(draw: st.DrawFn, text: str) -> str:
    """With the line ends of one system, or of two: some editors mix them."""
    line = draw(st.sampled_from(["\n", "\r\n", MIXED]))
    lines = text.replace("\r\n", "\n").split("\n")
    ends = [("\n", "\r\n")[number % 2] if line == MIXED else line for number in range(len(lines) - 1)]
    return "".join(each + end for each, end in zip(lines, [*ends, ""], strict=True))


def _json(draw: st.DrawFn, value: object, unit: str, line: str, indent: str, repeats: bool) -> str:
    if not isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    inner = indent + unit
    parts = [
        (f"{json.dumps(key)}{_space(draw)}:{_space(draw)}" if isinstance(value, dict) else "")
        + _json(draw, item, unit, line, inner, repeats)
        for key, item in (value.items() if isinstance(value, dict) else enumerate(value))
    ]
    if repeats and parts and draw(st.integers(0, 4)) == 0:
        parts.append(draw(st.sampled_from(parts)))
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    if not parts:
        return opening + draw(st.sampled_from(["", " ", line, f" // none{line}", "/* , */"])) + closing
    gap = line + inner if unit else ""
    text = opening
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        comma = "" if last and draw(st.booleans()) else ","
        text += gap + part + _space(draw) + comma + draw(st.sampled_from(["", "", f" // a, b{line}", " /* ] */"]))
    return text + (line + indent if unit else "") + closing


def _space(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(["", "", " ", " /* : */ "]))


def _trivia(draw: st.DrawFn, line: str) -> str:
    return draw(st.sampled_from(["", "", line, f"// {FOREIGN} {{{line}", f"/* [ */{line}"]))


YAML_BLOCKS = [
    "name: Local Config\n",
    f"name: {FOREIGN}  # mine\nversion: 1.0.0\n",
    "# a comment alone\n",
    "\n",
    "rules:\n  - Be brief.\n  - >-\n    Folded\n    text\n",
    "rules: [a, 'b, c', \"d # e\"]  # flow\n",
    "prompts:\n- name: x\n  prompt: |\n    several\n\n    lines\n",
    "docs: &docs\n  - name: y\n    startUrl: https://example.com/#top\nmore: *docs\n",
    "text: |+\n  kept\n\n\n",
    "? complex\n: value\n",
    "defaults: &defaults {temperature: 0.2}\nother:\n  <<: *defaults\n  top: 1\n",
    f'quoted: "{FOREIGN} \\u00e9"\n',
    "date: 2026-01-01\nnothing: ~\nyes: no\n",
    "spaces: x  \n  \nempty:\n",
    "nested:\n    same: &same [x, 'y']\n    deep:\n        - {a: [1, 2], b: *same}\n",
]
YAML_MODELS = [
    "",
    "models: []\n",
    "models: [] # none yet\n",
    "models:\n",
    "models: null\n",
    "models:   ~\n",
    "models: [ ]\n",
    f"models:\n  - name: {FOREIGN}\n    model: a # b\n",
    "models:\n- name: one\n  model: a\n\n- name: two\n  # inside\n  model: b\n# after\n",
    "models:\n    # first\n    - name: one\n      roles: [chat]\n    - {name: two, model: b}\n",
    "models: [{name: one, model: a}]\n",
    "models: [\n  {name: one}, # first\n  {name: two} # second\n]\n",
    "models:\n  - name: one\n    prompt: |\n      text\n\n",
    "models:\n  - name: one\n    prompt: |+\n      text\n\n\n",
    "models:\n  - uses: a/b\n  -\n    name: below\n",
]
YAML_SERVERS = [
    "",
    "mcpServers:\n  - name: mine\n    command: x\n",
    "mcpServers: []\n",
    "mcpServers:\n- name: mine\n  args: ['-y', \"z\"]\n",
]


@st.composite
def yaml_documents(draw: st.DrawFn) -> str:
    """A YAML file as people write it, each top-level key once."""
    blocks = [
        block for block in draw(st.lists(st.sampled_from(YAML_BLOCKS), max_size=4, unique_by=_first_key)) if block
    ]
    ours = [draw(st.sampled_from(YAML_MODELS)), draw(st.sampled_from(YAML_SERVERS))]
    text = "".join(draw(st.permutations([*blocks, *ours])))
    text = draw(st.sampled_from(["", "---\n", "# head\n", "%YAML 1.1\n---\n"])) + text
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return draw(st.sampled_from(["", "\ufeff"])) + ended(draw, text)


def _first_key(block: str) -> str:
    return block.split(":")[0].strip() or block


TOML_BLOCKS = [
    "# a comment\n",
    "\n",
    f"[notice]\nhide = true # {FOREIGN}\n",
    '[tui]\ntheme = """\n[model_providers.maker-high]\n"""\n',
    '[[hooks]]\ncommand = ["a", "b"]\n[[hooks]]\ncommand = []\n',
    '[model_providers.mine]\nname = "m"\nbase_url = "http://x"\n',
    "[mcp_servers.mine]\ncommand = 'x'\nargs = [\n  '-y', # c\n]\n",
    "[model_providers]\n",
    '  [projects."/home/me"]\n  trust_level = "trusted"\n',
]
TOML_HEADS = [
    "",
    'mcp_servers.other.command = "x"\n',
    'model = "x"\n',
    f"approval = '{FOREIGN}'\n\n",
    "dotted.key = 1\n",
    "when = 2026-01-01T00:00:00Z\n",
]


@st.composite
def toml_documents(draw: st.DrawFn) -> str:
    """A TOML file, each table once."""
    blocks = draw(st.lists(st.sampled_from(TOML_BLOCKS), max_size=4, unique=True))
    text = draw(st.sampled_from(TOML_HEADS)) + "".join(blocks)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return draw(st.sampled_from(["", "\ufeff"])) + ended(draw, text)


BROKEN = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "models:\n\t- name: tab\n",
            "models: [\n",
            "a: 1\na: 2\nmodels: []\nmodels: []\n",
            "--- 1\n--- 2\n",
            "models: &m\n  - name: a\nother: *m\n",
            "models: !mine []\n",
            "a: &a [*a]\n",
            '{"models": [], "models": []}',
            '{"a": 1',
            "[1, 2",
            "[a]\n[a]\n",
            "model_providers = {}\n",
            "models: just text\n",
            '{"provider": []}',
            '"text"',
            "[]",
            "{}",
            "null",
            "{'single': 1}",
            "/* never closed",
            "[" * 5000,
            "- a\n- b\n",
        ]
    ),
)
