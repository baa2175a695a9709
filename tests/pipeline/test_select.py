import numpy as np
import pytest

from maker.pipeline import select
from maker.pipeline.select import NOTHING, Matrix, alike, best, choose, gather
from maker.sandbox.values import Call, Check, Evidence, Kind, Observation


def matrix(
    results: list[list[int]], passed: list[list[int]] | None = None, texts: list[str] | None = None, **changes: object
) -> Matrix:
    """A matrix from rows; without tests, and with texts that have nothing in common, unless they are given."""
    count = len(results)
    tests = np.array(passed or [[]] * count, np.bool_).reshape(count, -1)
    written = texts or [f"a{number} b{number}" for number in range(count)]
    values = {
        "results": np.array(results, np.int64).reshape(count, -1),
        "passed": tests,
        "counts": np.ones(tests.shape[1], np.int64),
        "alike": alike(written),
        "texts": select.same_texts(written),
        **changes,
    }
    return Matrix(**values)  # type: ignore[arg-type]


def chosen(scores: select.Scores) -> list[int]:
    return [int(one) for one in best(scores)]


def test_random_prefers_nobody() -> None:
    assert chosen(select.random(matrix([[1], [2], [3]]))) == [0, 1, 2]


def test_the_text_written_most_often_wins_whatever_its_blank_lines() -> None:
    texts = ["return 1", "  return 2\n", "return 3", "\n  return 2  \n\n"]
    assert chosen(select.text(matrix([[0]] * 4, texts=texts))) == [1, 3]


def test_indentation_is_part_of_a_text() -> None:
    one, other = select.same_texts(["if a:\n  b\n  c", "if a:\n  b\nc"])
    assert one != other


def test_the_largest_cluster_returned_the_same_on_every_input() -> None:
    assert chosen(select.cluster(matrix([[1, 2], [1, 3], [4, 5], [4, 5]]))) == [2, 3]


def test_candidates_that_returned_nothing_are_no_cluster() -> None:
    assert chosen(select.cluster(matrix([[NOTHING], [NOTHING], [1]]))) == [2]


def test_codet_multiplies_the_root_of_the_group_by_the_tests_it_passes() -> None:
    passed = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0]]
    scores = select.codet(matrix([[0]] * 4, passed))
    assert scores == pytest.approx([2 * 2**0.5, 2 * 2**0.5, 2, 3])


def test_codet_counts_a_test_as_often_as_it_was_written() -> None:
    scores = select.codet(matrix([[0], [0]], [[1, 0], [0, 1]], counts=np.array([1, 5])))
    assert scores == pytest.approx([1, 5])


def test_codet_chooses_anybody_where_nobody_passes_anything() -> None:
    assert chosen(select.codet(matrix([[1], [2]], [[0], [0]]))) == [0, 1]


def test_a_tested_minority_beats_an_untested_majority() -> None:
    results = [[1, 2, 3], [1, 2, 3], [4, 5, 6], [4, 5, 6], [4, 5, 6]]
    passed = [[1, 1, 1, 1, 1, 1]] * 2 + [[0, 0, 0, 0, 0, 0]] * 3
    assert chosen(select.maker(matrix(results, passed))) == [0, 1]


def test_agreement_on_some_inputs_counts_for_something() -> None:
    scores = select.maker(matrix([[1, 2, 3, 4], [1, 2, 3, 5], [6, 7, 8, 9]]))
    assert scores[0] == scores[1] > scores[2]


def test_agreeing_on_what_everybody_always_says_is_no_evidence() -> None:
    # Three that always answer 0 against two whose answers depend on the input.
    results = [[0, 0, 0, 0, 0, 0]] * 3 + [[1, 2, 3, 4, 5, 6]] * 2
    assert chosen(select.maker(matrix(results))) == [3, 4]
    assert chosen(select.cluster(matrix(results))) == [0, 1, 2]


def test_a_candidate_that_returned_nothing_is_never_chosen_beside_one_that_did() -> None:
    results = [[NOTHING, NOTHING]] * 4 + [[1, 2]]
    assert chosen(select.maker(matrix(results, [[1, 1]] * 4 + [[0, 0]], texts=["x = 1"] * 4 + ["y"]))) == [4]


def test_text_decides_among_equal_behaviour() -> None:
    texts = ["return sorted(a)", "return sorted(a)[:]", "return list(sorted(a))", "b = 7 ; raise"]
    assert 3 not in chosen(select.maker(matrix([[1, 2]] * 4, texts=texts)))


def test_text_decides_where_nothing_was_executed() -> None:
    choice = choose(matrix([[]] * 3, texts=["x = y", "return sorted(a)", "return sorted(a)"]))
    assert choice.index == 1
    assert choice.confidence == 0


def test_tests_alone_decide_where_there_are_no_inputs() -> None:
    assert chosen(select.maker(matrix([[]] * 3, [[1, 0], [1, 1], [0, 0]]))) == [1]


def test_one_candidate_is_chosen_whatever_it_did() -> None:
    for rows in ([[]], [[NOTHING]], [[1]]):
        assert choose(matrix(rows)).index == 0


def test_confidence_grows_with_the_share_of_the_chosen_behaviour() -> None:
    split = choose(matrix([[1, 2], [1, 2], [3, 4], [3, 4]]))
    most = choose(matrix([[1, 2], [1, 2], [1, 2], [3, 4]]))
    alone = choose(matrix([[1, 2]] * 4))
    assert split.confidence == pytest.approx(0.5)
    assert 0.5 < most.confidence < 1
    assert alone.confidence == pytest.approx(1)


def test_scores_do_not_depend_on_the_order_of_candidates_inputs_or_tests() -> None:
    rng = np.random.default_rng(1)
    results, passed = rng.integers(-1, 4, (7, 9)), rng.integers(0, 2, (7, 5))
    texts = [f"a{number % 3} b c{number % 2}" for number in range(7)]
    rows = rng.permutation(7)
    shuffled = matrix(
        results[rows][:, rng.permutation(9)].tolist(),
        passed[rows][:, rng.permutation(5)].tolist(),
        [texts[row] for row in rows],
    )
    for rule in select.RULES.values():
        assert rule(shuffled) == pytest.approx(rule(matrix(results.tolist(), passed.tolist(), texts))[rows])


def test_names_of_values_do_not_matter() -> None:
    results = np.array([[0, 1, 2], [0, 1, 3], [2, 2, 2]])
    renamed = np.array([40, 7, 9, 23])[results]
    assert select.maker(matrix(renamed.tolist())) == pytest.approx(select.maker(matrix(results.tolist())))


def test_likeness_is_symmetric_and_one_for_equal_texts() -> None:
    found = alike(["a = b + c", "a = b + d", "", "", "a  =  b\n+ c"])
    assert found == pytest.approx(found.T)
    assert found[0, 4] == 1
    assert found[2, 3] == 1
    assert found[0, 2] == 0
    assert 0 < found[0, 1] < 1


def observed(*seen: tuple[Kind, str]) -> Evidence:
    return Evidence(loads=True, observations=tuple(Observation(kind, text) for kind, text in seen))


def test_evidence_becomes_a_matrix() -> None:
    inputs = (Call("f(1)"), Check("assert f(1) == 2"), Call("f(2)"))
    evidence = [
        observed(("returned", "2"), ("passed", ""), ("returned", "4")),
        observed(("returned", "4"), ("failed", "AssertionError"), ("raised", "ValueError")),
        observed(("timed out", ""), ("crashed", ""), ("too long", "")),
    ]
    found = gather(evidence, inputs, ["a", "b", "a"])
    assert found.results.tolist() == [[0, 1], [1, NOTHING], [NOTHING, NOTHING]]
    assert found.passed.tolist() == [[True], [False], [False]]
    assert found.counts.tolist() == [1]
    assert found.texts.tolist() == [0, 1, 0]
    assert choose(found).index == 0


def test_candidates_that_print_instead_of_returning_are_told_apart_by_what_they_print() -> None:
    evidence = [
        Evidence(loads=True, observations=(Observation("returned", "None", stdout=printed),)) for printed in "xyx"
    ]
    assert gather(evidence, (Call("f()"),), ["a", "b", "c"]).results.tolist() == [[0], [1], [0]]
