"""Muon: momentum whose matrices are made orthogonal before they are added (https://kellerjordan.github.io/posts/muon/).

torch's own works in 16-bit numbers, which a CPU without instructions for them multiplies eight times slower than 32-bit
ones: two seconds of three went into it. This one takes the numbers that the machine is fast with.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

ROUNDS, FACTORS = 5, (3.4445, -4.7750, 2.0315)
"""Of the Newton-Schulz iteration; these factors reach the neighbourhood of 1 soonest."""
MOMENTUM = 0.95
SMALLEST = 1e-7


class Muon(torch.optim.Optimizer):
    """For matrices; a step is as large as AdamW's would be (arXiv 2502.16982, section 2.2)."""

    def __init__(self, matrices: Iterable[Tensor], decay: float, kind: torch.dtype) -> None:
        super().__init__(list(matrices), {"lr": 1e-3, "decay": decay})
        self.kind = kind

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                kept = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                kept.lerp_(matrix.grad, 1 - MOMENTUM)
                update = orthogonal(matrix.grad.lerp(kept, MOMENTUM), self.kind)
                matrix.mul_(1 - group["lr"] * group["decay"])
                matrix.add_(update, alpha=-group["lr"] * 0.2 * max(matrix.shape) ** 0.5)


def orthogonal(matrix: Tensor, kind: torch.dtype) -> Tensor:
    """The matrix with its singular values moved to between about 0.5 and 1.5."""
    turned = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if turned else matrix).to(kind)
    x = x / x.norm().clamp(min=SMALLEST)
    one, two, three = FACTORS
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=two, alpha=three), x, beta=one)
    return x.T if turned else x
