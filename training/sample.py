"""One training sample: what a role is shown, and what it is to answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation as the model server gets it, and the assistant's answer; `weight` scales its loss."""

    role: str
    messages: tuple[dict, ...]  # type: ignore[type-arg]
    answer: str
    weight: float = 1.0
