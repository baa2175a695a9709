"""The decoder that is trained: llama's architecture, small.

Tied embeddings, no biases, root-mean-square norms, SwiGLU, rotary positions.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.shape import Shape


class Block(nn.Module):
    """Attention and feed-forward, each behind a norm and added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, inner = shape.width, shape.feed_forward
        self.heads, self.epsilon = shape.heads, shape.epsilon
        self.attention_norm = nn.Parameter(torch.ones(width))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.feed_forward_norm = nn.Parameter(torch.ones(width))
        self.gate_up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(
        self, x: Tensor, turns: Tensor, hidden: Tensor, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The stream behind this block, with all keys and values.

        `past` are those of earlier tokens; `hidden` is minus infinity where not to look.
        """
        batch, length, width = x.shape
        qkv = self.qkv(F.rms_norm(x, (width,), self.attention_norm, self.epsilon))
        qkv = qkv.view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        (query, key), value = turned(qkv[:2], turns), qkv[2]
        if past is not None:
            key, value = torch.cat((past[0], key), 2), torch.cat((past[1], value), 2)
        found = attended(query, key, value, hidden)
        x = x + self.out(found.transpose(1, 2).reshape(batch, length, width))
        gate, up = self.gate_up(F.rms_norm(x, (width,), self.feed_forward_norm, self.epsilon)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up), (key, value)


def attended(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
    """Plain attention: for texts this short four times as fast on a CPU as torch's own, whose way back is slow."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2) + hidden.to(query.dtype)
    return scores.softmax(-1) @ value


def turned(x: Tensor, turns: Tensor) -> Tensor:
    """Dimension i of each half, turned together by the angle of its position.

    llama.cpp turns neighbours; `export` reorders the rows. Halves are contiguous, which a CPU is faster with.
    """
    cosine, sine = turns.to(x.dtype)
    low, high = x.chunk(2, -1)
    return torch.cat((low * cosine - high * sine, low * sine + high * cosine), -1)


class Decoder(nn.Module):
    """Tokens to the hidden states that `logits` reads."""

    turns: Tensor
    later: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        size = shape.width // shape.heads
        frequency = shape.base ** (-torch.arange(0, size, 2) / size)
        angles = torch.arange(shape.context)[:, None] * frequency
        self.register_buffer("turns", torch.stack((angles.cos(), angles.sin())), persistent=False)
        self.register_buffer(
            "later", torch.full((shape.context, shape.context), float("-inf")).triu(1), persistent=False
        )
        self.apply(self._start)

    def _start(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, Block):
            for last in (module.out, module.down):
                nn.init.normal_(last.weight, std=0.02 / (2 * self.shape.layers) ** 0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states (batch, length, width) of whole texts; what stands behind a token does not reach it."""
        x, length = self.embedding(tokens), tokens.shape[1]
        for block in self.blocks:
            x, _ = block(x, self.turns[:, :length], self.later[:length, :length])
        return F.rms_norm(x, (self.shape.width,), self.norm, self.shape.epsilon)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of the next token."""
        return hidden @ self.embedding.weight.T

    @torch.inference_mode()
    def greedy(self, prompts: Sequence[Sequence[int]], end: int, limit: int) -> list[list[int]]:
        """The likeliest token after the other, for all prompts at once, without the end token; at most `limit`."""
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        longest = int(lengths.max())
        tokens = torch.tensor([[*prompt, *[end] * (longest - len(prompt))] for prompt in prompts])
        x, pasts = self.embedding(tokens), []
        for block in self.blocks:
            x, past = block(x, self.turns[:, :longest], self.later[:longest, :longest])
            pasts.append(past)
        x = x[torch.arange(len(prompts)), lengths - 1, None]
        hide = torch.zeros(len(prompts), longest).masked_fill(torch.arange(longest) >= lengths[:, None], float("-inf"))
        said: list[Tensor] = []
        for step in range(limit):
            hidden = F.rms_norm(x, (self.shape.width,), self.norm, self.shape.epsilon)
            said.append(self.logits(hidden[:, 0]).argmax(-1))
            if step and bool((torch.stack(said) == end).any(0).all()):
                break
            hide = torch.cat((hide, torch.zeros(len(prompts), 1)), 1)
            turns = self.turns[:, (lengths + step).clamp(max=self.shape.context - 1), None][:, :, None]
            x = self.embedding(said[-1])[:, None]
            for number, block in enumerate(self.blocks):
                x, pasts[number] = block(x, turns, hide[:, None, None], pasts[number])
        rows = torch.stack(said, 1).tolist()
        return [row[: row.index(end)] if end in row else row for row in rows]
