"""The rounds of a step, collected from what a run reports."""

from maker.pipeline.events import CandidateJudged, StepDecided, VerdictGiven
from maker.pipeline.values import Candidate, Verdict, Vote
from maker.server.rounds import Rounds

VOTE = Vote({"same": 2}, 2, converged=True, confidence=1.0)


def judged(candidate: Candidate) -> CandidateJudged:
    return CandidateJudged(1, candidate, 6, 2, {})


def test_a_candidate_that_is_judged_anew_is_one_candidate() -> None:
    """Inputs on which all raise are written anew: who was discarded on the first is counted on the second."""
    dead = [Candidate(number, "text", flags=("raises on every input",)) for number in (1, 2)]
    alive = [Candidate(number, "text", signature="same") for number in (1, 2)]
    rounds = Rounds()
    for event in (*map(judged, dead), *map(judged, alive), StepDecided(1, alive[0], VOTE, 2)):
        rounds.take(event)
    assert rounds.others(1, alive) == []
    [only] = rounds.others(1, ())
    assert only.candidates == tuple(alive)


def test_a_refused_round_stands_beside_the_one_that_is_shown() -> None:
    first, second = ([Candidate(1, text, signature=text)] for text in ("first", "second"))
    rounds = Rounds()
    for made, accepted in ((first, False), (second, True)):
        for event in (
            judged(made[0]),
            StepDecided(1, made[0], VOTE, 2),
            VerdictGiven(1, "reviewer", Verdict(accepted), 1),
        ):
            rounds.take(event)
    [other] = rounds.others(1, second)
    assert other.candidates == tuple(first) and other.verdict == Verdict(accepted=False)
