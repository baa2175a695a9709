"""The tiny models that maker makes itself: random weights, steered just enough to write words and to stop.

Each is a llama-architecture GGUF of a few hundred kB whose answer is readable nonsense of some 20 to 120 tokens. The
bytes depend on nothing but this file: the entries come from a hash, never from a random number library or a clock.

How the steering works: some dimensions of the hidden state have a meaning, the others are random.

- CONST is 1 for every token, so its column of the output matrix adds a constant to each logit.
- One dimension per class names the kind of the current token, so the output matrix holds a small grammar.
- MARK is set on `<|im_start|>` only. Layer 0 attends to that token with two heads: the score of the first falls with
  the distance, the score of the second does not. They write NEAR and SEEN, so SEEN - NEAR becomes 1 once an answer
  is longer than about WINDOW tokens; it raises the ends of sentences, of JSON strings and of the answer.
"""

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

from maker.catalog.templates import CHATML

Matrix = npt.NDArray[np.float32]

CONTEXT = 8192
WIDTH, HEADS, HEAD, FEED_FORWARD, LAYERS = 64, 2, 32, 128, 2
WINDOW = 80

WORDS = {
    "opener": "The Every One This Some That",
    "sentence": " The Every One This Some That",
    "subject": " each my your their our",
    "adjective": " small quiet patient round tiny old clever gentle",
    "agent": " model parser robot garden reader river machine spider",
    "verb": " reads counts follows finds keeps carries turns draws",
    "determiner": " the a another some this",
    "colour": " green plain random blank bright simple paper hidden",
    "thing": " word letter page number token cloud bridge pattern",
    "adverb": " slowly again today softly twice here",
    "conjunction": " and while because until",
}
"""Words by class; a leading space belongs to every word of its line."""

CLASSES = ("start", *WORDS, "stop", "other")
GRAMMAR = {
    "start": {"opener": 0.0},
    "other": {"opener": -1.0},
    "stop": {"sentence": 0.0},
    "opener": {"adjective": 0.0, "agent": 0.0},
    "sentence": {"adjective": 0.0, "agent": 0.0},
    "subject": {"adjective": 0.0, "agent": 0.0},
    "adjective": {"agent": 0.0},
    "agent": {"verb": 0.0},
    "verb": {"determiner": 0.0, "adverb": -2.5},
    "determiner": {"colour": 0.0, "thing": 0.0},
    "colour": {"thing": 0.0},
    "thing": {"stop": 2.0, "adverb": -1.0, "conjunction": -0.5},
    "adverb": {"stop": 2.5, "conjunction": -0.5},
    "conjunction": {"subject": 0.0},
}
"""Logit of each class after each class; NEVER where there is none."""
NEVER = -12.0

BASE = {'"': -4.0, "}": -6.0, "]": -6.0, ",": -7.0, ":": -7.0, **dict.fromkeys("0123456789", -8.0)}
"""Logit, after punctuation, of the characters that JSON needs; a grammar forces most of them anyway."""
LATE = {".": 6.0, '"': 16.0, "}": 12.0, "]": 12.0, "<|im_end|>": 20.0}
"""What an answer longer than the window adds to a logit."""

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")

CONST, MARK, NEAR, SEEN, FIRST_CLASS = 0, 1, 2, 3, 4
FIRST_RANDOM = FIRST_CLASS + len(CLASSES)
CLASS_SIZE, MARK_SIZE, NOISE = 2.0, 2.0, 0.45
SCALE = 2.5
"""What the last normalisation multiplies the hidden state by, within a few percent."""


def write(directory: Path, roles: Sequence[str], report: Callable[[str, int, int], None]) -> None:
    """Make the roles' files, whole or not at all; `report(file, done, total)` before each and at the end.

    Raises:
        OSError: they cannot be written.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for done, role in enumerate(roles):
        target = directory / f"tiny-{role}.gguf"
        report(target.name, done, len(roles))
        partial = directory / f".{target.name}.{os.getpid()}"
        try:
            _write_one(partial, role)
            partial.chmod(0o600)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    report("", len(roles), len(roles))


def _write_one(path: Path, role: str) -> None:
    tokens, merges = vocabulary()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"maker tiny {role}")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(1.0)
    writer.add_vocab_size(len(tokens))
    _add_tokenizer(writer, tokens, merges)
    for name, tensor in _tensors(role, tokens).items():
        writer.add_tensor(name, tensor.astype(np.float16) if tensor.ndim == 2 else tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer: gguf.GGUFWriter, tokens: list[str], merges: list[str]) -> None:
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in SPECIAL else normal for token in tokens])
    writer.add_token_merges(merges)
    writer.add_add_bos_token(False)
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    for part, token in (("pre", "prefix"), ("suf", "suffix"), ("mid", "middle")):
        writer.add_uint32(f"tokenizer.ggml.fim_{part}_token_id", tokens.index(f"<|fim_{token}|>"))
    writer.add_chat_template(CHATML)


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens by id and merges by rank: all bytes, then every beginning of every word, then the special tokens.

    Every merge joins the beginning of a word with its next letter. A pair of letters inside a word is never one, so
    words are always cut the same way.
    """
    tokens = [_symbol(byte) for byte in range(256)]
    merges: dict[str, None] = {}
    for word in (word for kind in WORDS for word in _words(kind)):
        pieces = [_symbol(byte) for byte in word.encode()]
        for end in range(1, len(pieces)):
            merges[f"{''.join(pieces[:end])} {pieces[end]}"] = None
    tokens += [merge.replace(" ", "") for merge in merges]
    return [*tokens, *SPECIAL], list(merges)


def _words(kind: str) -> list[str]:
    space = " " if WORDS[kind].startswith(" ") else ""
    return [space + word for word in WORDS[kind].split()]


def _symbol(byte: int) -> str:
    """The character that stands for a byte in a byte-level vocabulary (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    if byte in printable:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in printable].index(byte))


def _tensors(role: str, tokens: list[str]) -> dict[str, Matrix]:
    tensors = {
        "token_embd.weight": _embedding(role, tokens),
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "output.weight": _output(role, tokens),
        "rope_freqs.weight": _rope_factors(),
    }
    for layer in range(LAYERS):
        here = f"blk.{layer}."
        tensors |= {here + name: tensor for name, tensor in _block(f"{role}/{layer}", steered=layer == 0).items()}
    return tensors


def _block(seed: str, *, steered: bool) -> dict[str, Matrix]:
    attention = _counting_heads() if steered else _random_heads(seed)
    down = _noise(f"{seed}/down", (WIDTH, FEED_FORWARD), 0.12)
    down[:FIRST_RANDOM] = 0
    return {
        **attention,
        "attn_norm.weight": np.ones(WIDTH, np.float32),
        "ffn_norm.weight": np.ones(WIDTH, np.float32),
        "ffn_gate.weight": _noise(f"{seed}/gate", (FEED_FORWARD, WIDTH), 0.17),
        "ffn_up.weight": _noise(f"{seed}/up", (FEED_FORWARD, WIDTH), 0.17),
        "ffn_down.weight": down,
    }


def _random_heads(seed: str) -> dict[str, Matrix]:
    out = _noise(f"{seed}/out", (WIDTH, WIDTH), 0.2)
    out[:FIRST_RANDOM] = 0
    return {
        "attn_q.weight": _noise(f"{seed}/q", (WIDTH, WIDTH), 0.2),
        "attn_k.weight": _noise(f"{seed}/k", (WIDTH, WIDTH), 0.2),
        "attn_v.weight": _noise(f"{seed}/v", (WIDTH, WIDTH), 0.2),
        "attn_output.weight": out,
    }


TURNING, STILL = range(12), range(12, 16)
"""Rotary pairs whose angle grows with the distance, and those that stay."""


def _rope_factors() -> Matrix:
    """Divisors of the pairs' frequencies (all 1): equally spaced ones add up to a single peak WINDOW tokens wide."""
    step = math.pi / (WINDOW * len(TURNING))
    return np.array([1 / ((pair + 0.5) * step) for pair in TURNING] + [1e9] * len(STILL), np.float32)


def _counting_heads() -> dict[str, Matrix]:
    """Attention to `<|im_start|>`: the first head while it is near, the second always.

    The score of that token is 20 at distance 0 and 0 for every other token, so it outweighs some thousand others until
    the window's curve has fallen to log(others) / 20.
    """
    # What the first normalisation multiplies by: an ordinary token, and the marked one, which has nothing else.
    usual = math.sqrt(WIDTH / (1 + CLASS_SIZE**2 + (WIDTH - FIRST_RANDOM) * NOISE**2 / 3))
    mark = MARK_SIZE * math.sqrt(WIDTH / (1 + MARK_SIZE**2))
    query, key, value = (np.zeros((WIDTH, WIDTH), np.float32) for _ in range(3))
    out = np.zeros((WIDTH, WIDTH), np.float32)
    for head, pairs, target in ((0, TURNING, NEAR), (1, STILL, SEEN)):
        each = math.sqrt(20 * math.sqrt(HEAD) / len(pairs))
        for pair in pairs:
            row = head * HEAD + 2 * pair
            query[row, CONST] = each / usual
            key[row, MARK] = each / mark
        value[head * HEAD, MARK] = 1 / mark
        out[target, head * HEAD] = 1
    return {"attn_q.weight": query, "attn_k.weight": key, "attn_v.weight": value, "attn_output.weight": out}


def _embedding(role: str, tokens: list[str]) -> Matrix:
    embedding = _noise(f"{role}/embedding", (len(tokens), WIDTH), NOISE)
    embedding[:, :FIRST_RANDOM] = 0
    embedding[:, CONST] = 1
    for token, kind in enumerate(_classes(tokens)):
        embedding[token, FIRST_CLASS + CLASSES.index(kind)] = CLASS_SIZE
    marked = tokens.index("<|im_start|>")
    embedding[marked] = 0
    embedding[marked, [CONST, MARK]] = 1, MARK_SIZE
    return embedding


def _output(role: str, tokens: list[str]) -> Matrix:
    output = _noise(f"{role}/output", (len(tokens), WIDTH), 0.35)
    output[:, :FIRST_RANDOM] = 0
    for token, (text, kind) in enumerate(zip(tokens, _classes(tokens), strict=True)):
        late = LATE.get(text, 0.0) / SCALE
        output[token, [SEEN, NEAR]] = late, -late
        for current in CLASSES:
            output[token, FIRST_CLASS + CLASSES.index(current)] = _logit(text, kind, current) / (SCALE * CLASS_SIZE)
        if text in SPECIAL:
            output[token, FIRST_RANDOM:] = 0
    return output


def _logit(text: str, kind: str, current: str) -> float:
    """How likely a token is after a token of the class `current`."""
    if text == "<|im_end|>":
        return {"stop": -2.5, "other": -5.5}.get(current, -40.0)
    if kind in GRAMMAR[current]:
        return GRAMMAR[current][kind]
    if text in BASE and current == "other":
        return BASE[text]
    if text == '"' and current == "stop":
        return -8.0
    if text in SPECIAL or kind != "other":
        return -60.0 if text in SPECIAL else NEVER
    return -14.0 if len(text) == 1 and text.isascii() and current == "other" else -30.0


def _classes(tokens: list[str]) -> list[str]:
    """The class of each token: what ends a prompt, a word's kind, a full stop, or anything else."""
    kinds = {"".join(_symbol(byte) for byte in word.encode()): kind for kind in WORDS for word in _words(kind)}
    kinds |= {_symbol(ord("\n")): "start", ".": "stop", **dict.fromkeys(SPECIAL, "start")}
    return [kinds.get(token, "other") for token in tokens]


def _noise(seed: str, shape: tuple[int, int], size: float) -> Matrix:
    """Numbers between -size and size, the same on every machine."""
    drawn = hashlib.shake_256(seed.encode()).digest(shape[0] * shape[1])
    return (np.frombuffer(drawn, np.int8).astype(np.float32) * np.float32(size / 128)).reshape(shape)
