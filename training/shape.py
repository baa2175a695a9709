"""How large the trained models are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """How large the model is; 2.8 million parameters."""

    vocabulary: int = 1024
    width: int = 192
    layers: int = 6
    heads: int = 6
    feed_forward: int = 512
    context: int = 2048
    base: float = 10000.0
    epsilon: float = 1e-5
