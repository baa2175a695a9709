"""supervisord's event protocol."""

import io

from maker.services.protocol import Event, serve_events


def envelope(name: str, payload: str) -> bytes:
    size = len(payload.encode())
    return f"ver:3.0 server:supervisor serial:1 pool:x poolserial:1 eventname:{name} len:{size}\n{payload}".encode()


def converse(sent: bytes) -> tuple[list[Event], bytes]:
    seen: list[Event] = []
    sink = io.BytesIO()
    serve_events(io.BytesIO(sent), sink, seen.append)
    return seen, sink.getvalue()


def test_every_event_is_handed_over_and_acknowledged() -> None:
    seen, said = converse(
        envelope("PROCESS_STATE_EXITED", "processname:coder groupname:coder from_state:RUNNING expected:0 pid:77")
        + envelope("TICK_5", "when:1201063880")
    )
    assert seen == [
        Event(
            "PROCESS_STATE_EXITED",
            {"processname": "coder", "groupname": "coder", "from_state": "RUNNING", "expected": "0", "pid": "77"},
        ),
        Event("TICK_5", {"when": "1201063880"}),
    ]
    assert said == b"READY\nRESULT 2\nOKREADY\nRESULT 2\nOKREADY\n"


def test_the_data_of_a_remote_event_may_be_anything() -> None:
    (event,), _ = converse(envelope("REMOTE_COMMUNICATION", "type:maker\nä b:c\nsecond line"))
    assert (event.values, event.data) == ({"type": "maker"}, "ä b:c\nsecond line")


def test_a_closed_stream_ends_it() -> None:
    assert converse(b"") == ([], b"READY\n")
