"""The forms that constrain replies."""

import pytest

from maker.pipeline.replies import BallotReply, PlanReply, Reply, ReviewReply, one_of, schema


@pytest.mark.parametrize("kind", [PlanReply, ReviewReply, BallotReply])
def test_a_form_is_made_once(kind: type[Reply]) -> None:
    assert schema(kind) is schema(kind)
    assert schema(kind)["json_schema"]["schema"] == kind.model_json_schema()


def test_the_labels_of_one_ballot_are_not_those_of_the_next() -> None:
    assert one_of("AB")["json_schema"]["schema"]["properties"]["choice"]["enum"] == ["A", "B"]
    assert one_of("ABC")["json_schema"]["schema"]["properties"]["choice"]["enum"] == ["A", "B", "C"]
    assert schema(BallotReply)["json_schema"]["schema"] == BallotReply.model_json_schema()
