from maker.sandbox.values import Evidence, Observation


def test_time_and_messages_are_no_behaviour() -> None:
    one = Observation("raised", "ValueError", "bad 1", cpu_s=0.1, wall_s=0.2)
    other = Observation("raised", "ValueError", "bad 2", cpu_s=0.3)
    assert one == other
    assert one.signature == other.signature
    assert hash(one) == hash(other)


def test_output_is_behaviour_only_where_nothing_is_returned() -> None:
    assert Observation("returned", "1", stdout="a").signature == Observation("returned", "1", stdout="b").signature
    assert Observation("returned", "None", stdout="a").signature != Observation("returned", "None").signature
    assert Observation("returned", "undefined", stdout="a").signature != Observation("returned", "undefined").signature
    changed = Observation("returned", "None; arguments afterwards: [1]", stdout="a")
    assert changed.signature != Observation("returned", changed.text).signature


def test_a_signature_tells_behaviours_apart() -> None:
    one, two = Observation("returned", "1"), Observation("returned", "2")
    signatures = {
        Evidence(True, (one, two)).signature,
        Evidence(True, (two, one)).signature,
        Evidence(True, (one,)).signature,
        Evidence(False, (one, two)).signature,
        Evidence(True, (one, Observation("failed", "2"))).signature,
    }
    assert len(signatures) == 5
    assert Evidence(True, (one, two), wall_s=1).signature == Evidence(True, (one, two), wall_s=2).signature


def test_a_lone_surrogate_can_be_hashed() -> None:
    assert Evidence(True, (Observation("returned", "x", stdout="\ud800"), Observation("raised", "\ud800"))).signature


def test_passed_checks_are_counted() -> None:
    seen = (Observation("passed"), Observation("failed"), Observation("returned", "passed"), Observation("passed"))
    assert Evidence(True, seen).passed == 2
