"""Fill-in-the-middle prompts as clients render them, whatever model they think they speak to, back into their parts.

The text is rendered anew with the markers of the model that is really there: one that was trained on other markers
takes a foreign one for code.
"""

import re
from dataclasses import dataclass, replace

from maker.chat.types import Fill


@dataclass(frozen=True, slots=True)
class Family:
    """The markers that stand before the prefix, before the suffix and at the end; Codestral has none at the end."""

    prefix: str
    suffix: str
    middle: str = ""
    spaced: bool = False
    """Whether a space belongs to the markers."""
    suffix_first: bool = False
    """Whether models were trained with what stands behind the gap first."""

    @property
    def markers(self) -> tuple[str, ...]:
        """The markers; each is one token of a model of this family."""
        return tuple(filter(None, (self.prefix, self.suffix, self.middle)))

    def rendered(self, fill: Fill) -> Fill:
        """The gap in these markers. Other files are left out: most families have no marker for those."""
        space = " " if self.spaced else ""
        before = f"{self.prefix}{space}{fill.prefix}{space}"
        behind = f"{self.suffix}{fill.suffix or ''}{space}"
        parts = (behind, before) if self.suffix_first else (before, behind)
        return replace(fill, files=(), rendered=f"{''.join(parts)}{self.middle}")


FAMILIES = (
    Family("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    Family("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    Family("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    Family("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>", suffix_first=True),
    Family("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    Family("<|fim▁begin|>", "<|fim▁hole|>", "<|fim▁end|>"),
    Family("<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>"),
    Family("<PRE>", "<SUF>", "<MID>", spaced=True),
    Family("[PREFIX]", "[SUFFIX]", suffix_first=True),
)
"""Qwen and CodeGemma; StarCoder, Granite and the generic one; SantaCoder; Seed-Coder; DeepSeek, twice; Yi; Code Llama;
Codestral."""

REPOSITORY = re.compile(r"<\|?repo_?name\|?>[^\n<]*\n?")
FILE = re.compile(r"<\|?file_sep\|?>")


def parse_fill(text: str) -> Fill | None:
    """The parts of a prompt in one of the known forms; None where it is none."""
    return next((fill for family in FAMILIES if (fill := _parse(text, family))), None)


def _parse(text: str, family: Family) -> Fill | None:
    starts = [at for marker in (family.prefix, family.suffix) if (at := text.find(marker)) >= 0]
    if len(starts) < 2 or (files := _files(text[: min(starts)])) is None:
        return None
    body = text[min(starts) :]
    if not family.middle:
        return _without_middle(body, family, files)
    end = body.rfind(family.middle)
    if end < 0:
        return None
    parts, begun = body[:end], body[end + len(family.middle) :]
    first, _, second = parts.partition(family.suffix if parts.startswith(family.prefix) else family.prefix)
    prefix, suffix = (first, second) if parts.startswith(family.prefix) else (second, first)
    prefix, suffix = prefix.removeprefix(family.prefix), suffix.removeprefix(family.suffix)
    if family.spaced:
        prefix, suffix = prefix.removeprefix(" ").removesuffix(" "), suffix.removesuffix(" ")
        begun = begun.removeprefix(" ")
    # Some put the prefix last, behind the marker for the middle.
    return Fill(prefix + begun, suffix, files)


def _without_middle(body: str, family: Family, files: tuple[tuple[str, str], ...]) -> Fill:
    if body.startswith(family.suffix):
        suffix, _, prefix = body.removeprefix(family.suffix).partition(family.prefix)
    else:
        prefix, _, suffix = body.removeprefix(family.prefix).partition(family.suffix)
    return Fill(prefix, suffix, files)


def _files(head: str) -> tuple[tuple[str, str], ...] | None:
    """The other files that stand before the first marker; None where something else stands there."""
    if not head.strip():
        return ()
    before, *files = FILE.split(REPOSITORY.sub("", head))
    if before.strip() or (not files and not REPOSITORY.search(head)):
        return None
    named = (file.lstrip("\n").partition("\n") for file in files)
    # The last one is often only the name of the file that is being edited.
    return tuple((name.strip(), text) for name, _, text in named if text.strip())
