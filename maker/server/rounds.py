"""The rounds of each step as a run reports them: what was voted on before a refusal is not in the outcome any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from maker.pipeline.events import CandidateJudged, Event, StepDecided, VerdictGiven
from maker.pipeline.values import Candidate, Verdict, Vote


@dataclass(slots=True)
class Round:
    """One vote on a step, and what the validator said of its winner."""

    candidates: tuple[Candidate, ...]
    chosen: Candidate
    vote: Vote
    verdict: Verdict | None = None


class Rounds:
    """Collects the rounds of one run by step; those of an interrupted run before it are not among them."""

    def __init__(self) -> None:
        self._judged: dict[int, dict[int, Candidate]] = {}
        """By step and number: where inputs are written anew, a candidate is judged anew."""
        self._rounds: dict[int, list[Round]] = {}

    def take(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case CandidateJudged():
                self._judged.setdefault(event.step, {})[event.candidate.number] = event.candidate
            case StepDecided():
                made = tuple(self._judged.pop(event.step, {}).values())
                self._rounds.setdefault(event.step, []).append(Round(made, event.chosen, event.vote))
            case VerdictGiven() if event.step in self._rounds:
                self._rounds[event.step][-1].verdict = event.verdict
            case _:
                pass

    def others(self, step: int, shown: Sequence[Candidate]) -> list[Round]:
        """The step's rounds in their order, but for the one whose candidates are `shown`."""
        return [one for one in self._rounds.get(step, ()) if one.candidates != tuple(shown)]
