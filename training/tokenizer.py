"""A small byte-level BPE that llama.cpp cuts the same way (`tokenizer.ggml.pre = smollm`), made for copying names.

No merge joins a space with a letter, except, as the last merges of all, words that are never part of a name. So a name
is cut alike behind a space, a bracket and an underscore, and a model can learn to copy it token by token. Digits stand
alone, for the same reason.
"""

import functools
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

VOCABULARY = 1024
SPACED = 170
"""Merges of a space and a whole word at most, at the end of the list."""
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")

FENCED = re.compile(r"```.*?```", re.DOTALL)
MARKED = re.compile(f"({'|'.join(map(re.escape, SPECIAL))})")
SPACES = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
"""What Unicode calls white space, for a character class."""
NAME = re.compile(r"[A-Za-z_]\w*")
CALLED = re.compile(r"[A-Za-z_]\w*(?=\()")

OFTEN, RARELY = 20, 20
"""A word may be joined with a space if it stands behind one so often, and this many times as often as in a name."""
REMEMBERED = 100_000
"""Words whose pieces are kept at most."""

Merge = tuple[str, str]


@functools.cache
def symbols() -> tuple[str, ...]:
    """The character that stands for each byte (GPT-2's table)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return tuple(chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(256))


@functools.cache
def splitter() -> re.Pattern[str]:
    """GPT-2's expression behind one that puts every digit alone; `re` has no Unicode categories, so they are listed."""
    letters, numbers = _ranges("L"), _ranges("N")
    return re.compile(
        f"[{numbers}]|'(?:s|t|re|ve|m|ll|d)| ?[{letters}]+| ?[^{letters}{numbers}{SPACES}]+"
        # A number is the end of what stands before it, because it is cut off first.
        f"|[{SPACES}]+(?![^{numbers}{SPACES}])|[{SPACES}]+"
    )


def _ranges(category: str) -> str:
    """A Unicode category as the inside of a character class."""
    inside = [unicodedata.category(chr(code)).startswith(category) for code in range(0x110000)]
    edges = [code for code in range(0x110000) if inside[code] != (code > 0 and inside[code - 1])]
    return "".join(f"{chr(start)}-{chr(end - 1)}" for start, end in zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True)
class Tokenizer:
    """Merges by rank, and what follows from them: the tokens by id, special ones last."""

    merges: tuple[Merge, ...]

    @functools.cached_property
    def tokens(self) -> tuple[str, ...]:
        """Every token in the symbols of `symbols()`."""
        return (*symbols(), *("".join(merge) for merge in self.merges), *SPECIAL)

    @functools.cached_property
    def ids(self) -> dict[str, int]:
        """The id of each token."""
        return {token: number for number, token in enumerate(self.tokens)}

    @functools.cached_property
    def _ranks(self) -> dict[Merge, int]:
        return {merge: rank for rank, merge in enumerate(self.merges)}

    @functools.cached_property
    def _words(self) -> dict[str, list[int]]:
        return {}

    def encode(self, text: str) -> list[int]:
        """The ids of a text; special tokens written out count as such, as where llama.cpp renders a conversation."""
        return [one for part in MARKED.split(text) if part for one in self._part(part)]

    def _part(self, part: str) -> list[int]:
        if part in SPECIAL:
            return [self.ids[part]]
        return [one for word in splitter().findall(part) for one in self._word(word)]

    def _word(self, word: str) -> list[int]:
        known = self._words.get(word)
        if known is None:
            if len(self._words) > REMEMBERED:
                self._words.clear()
            known = self._words[word] = [self.ids[piece] for piece in self.merged(word)]
        return known

    def merged(self, word: str) -> list[str]:
        """The pieces of one word that the splitter cut out."""
        pieces = [symbols()[byte] for byte in word.encode()]
        while len(pieces) > 1:
            pairs = list(zip(pieces, pieces[1:], strict=False))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self.merges)))
            if best not in self._ranks:
                break
            pieces = _joined(pieces, best)
        return pieces

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; bytes that are no text are replaced, special tokens are written out."""
        bytes_of = {symbol: byte for byte, symbol in enumerate(symbols())}
        pieces = [self.tokens[one] for one in ids]
        raw = b"".join(p.encode() if p in SPECIAL else bytes(bytes_of[symbol] for symbol in p) for p in pieces)
        return raw.decode("utf-8", "replace")


def _joined(pieces: Sequence[str], pair: Merge) -> list[str]:
    made: list[str] = []
    at = 0
    while at < len(pieces):
        if tuple(pieces[at : at + 2]) == pair:
            made.append("".join(pair))
            at += 2
        else:
            made.append(pieces[at])
            at += 1
    return made


def learn(texts: Sequence[str], size: int = VOCABULARY) -> Tokenizer:
    """The merges that shorten these texts most, one after the other, within the rule about spaces.

    Deterministic: equal counts are ordered by the pair itself.
    """
    spaced = symbols()[ord(" ")]
    counts = Counter(word for text in texts for word in splitter().findall(text))
    words = {word: [symbols()[byte] for byte in word.encode()] for word in counts}
    merges: list[Merge] = []
    known = {*symbols()}
    while len(merges) < size - len(symbols()) - len(SPECIAL):
        best = _best(words, counts, known, spaced)
        merges.append(best)
        known.add("".join(best))
        words = {word: _joined(pieces, best) if len(pieces) > 1 else pieces for word, pieces in words.items()}
    usual = Tokenizer(tuple(merges[: len(merges) - SPACED]))
    whole = _whole(usual, counts, begun(texts))[:SPACED]
    return Tokenizer((*merges[: len(merges) - len(whole)], *((spaced, word) for word in whole)))


def _whole(usual: Tokenizer, counts: Counter[str], begin: Counter[str]) -> list[str]:
    """The words that are one token, stand behind a space often, and begin a name rarely; the most frequent first."""
    behind: Counter[str] = Counter()
    for word, count in counts.items():
        if word[0] == " " and word[1:].isalpha() and word.isascii():
            behind[usual.merged(word)[1]] += count
    started: Counter[str] = Counter()
    for word, count in begin.items():
        started[usual.merged(word)[0]] += count
    alone = [word for word, count in behind.most_common() if count >= OFTEN and len(word) > 1 and counts[" " + word]]
    return [word for word in alone if started[word] * RARELY < behind[word]]


def _best(words: dict[str, list[str]], counts: Counter[str], known: set[str], spaced: str) -> Merge:
    """The most frequent pair that may be joined and makes a new token."""
    pairs: Counter[Merge] = Counter()
    for word, pieces in words.items():
        for pair in zip(pieces, pieces[1:], strict=False):
            pairs[pair] += counts[word]
    letters = {symbol for byte, symbol in enumerate(symbols()) if byte > 127 or chr(byte).isalpha()}
    allowed = (
        (-count, pair)
        for pair, count in pairs.items()
        if "".join(pair) not in known and not (pair[0].endswith(spaced) and pair[1][0] in letters)
    )
    return min(allowed)[1]


def begun(texts: Iterable[str]) -> Counter[str]:
    """How often a name begins with each word: only there can it stand behind a space."""
    found: Counter[str] = Counter()
    for text in texts:
        for code in [*FENCED.findall(text), *CALLED.findall(text)]:
            parts = [re.findall("[A-Za-z]+", name) for name in NAME.findall(code) if not keyword.iskeyword(name)]
            found.update(part[0] for part in parts if part)
    return found
