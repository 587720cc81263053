import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.backends.sse import Event, EventTooLong, Lines, Parser

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), max_size=20)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[Event]]:
    """A stream as a server may write it, with the events that are in it."""
    text, events = draw(st.sampled_from(["", "\ufeff"])), []
    for _ in range(draw(st.integers(0, 6))):
        data, name, lines = [], b"", []
        for kind in draw(st.lists(st.sampled_from(["data", "bare", "comment", "event", "id", "unknown"]), max_size=6)):
            word = draw(WORDS)
            if kind == "data":
                lines.append(f"data: {word}")
                data.append(word.encode())
            elif kind == "bare":
                word = word.lstrip(" ")
                lines.append(f"data:{word}")
                data.append(word.encode())
            elif kind == "comment":
                lines.append(f":{word}")
            elif kind == "event":
                lines.append(f"event: {word}")
                name = word.encode()
            else:
                lines.append(f"{kind}: {word}")
        # The blank line needs the same ending style: "\r" before "\n" would be one CRLF.
        end = draw(ENDS)
        text += "".join(line + end for line in lines) + end
        if data:
            events.append(Event(b"\n".join(data), name))
    return text.encode(), events


def cuts(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces."""
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]


@given(streams(), st.lists(st.integers(0, 10_000), max_size=30))
def test_any_split_of_a_stream_gives_the_same_events(stream: tuple[bytes, list[Event]], places: list[int]) -> None:
    data, events = stream
    parser = Parser()
    found = [event for chunk in cuts(data, places) for event in parser.feed(chunk)]
    assert found + parser.end() == events


@given(streams())
def test_a_stream_fed_byte_by_byte_gives_the_same_events(stream: tuple[bytes, list[Event]]) -> None:
    data, events = stream
    parser = Parser()
    assert [event for byte in data for event in parser.feed(bytes([byte]))] + parser.end() == events


def test_an_event_is_out_as_soon_as_its_blank_line_is() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\ndata: b") == [Event(b"a")]
    assert parser.feed(b"\r\n\r") == [Event(b"b")]
    assert parser.feed(b"\ndata: c\n\n") == [Event(b"c")]


def test_an_event_that_the_server_left_unterminated_is_given_at_the_end() -> None:
    parser = Parser()
    assert parser.feed(b"data: [DONE]") == []
    assert parser.end() == [Event(b"[DONE]")]
    assert parser.end() == []


@pytest.mark.parametrize("piece", [b"x" * 60, b"data: " + b"x" * 20 + b"\n"])
def test_an_endless_line_or_event_is_refused_before_it_fills_the_memory(piece: bytes) -> None:
    parser = Parser(event_max=100)
    with pytest.raises(EventTooLong):
        for _ in range(10):
            parser.feed(piece)


@given(st.lists(st.dictionaries(WORDS, WORDS), max_size=6), st.lists(st.integers(0, 10_000), max_size=20))
def test_json_lines_survive_any_split(objects: list[dict[str, str]], places: list[int]) -> None:
    data = "\n\n".join(json.dumps(one) for one in objects).encode()
    lines = Lines()
    found = [event for chunk in cuts(data, places) for event in lines.feed(chunk)] + lines.end()
    assert [json.loads(event.data) for event in found] == objects


def test_an_endless_json_line_is_refused() -> None:
    lines = Lines(event_max=100)
    with pytest.raises(EventTooLong):
        for _ in range(10):
            lines.feed(b"x" * 60)


@given(streams(), st.lists(st.tuples(WORDS, st.sampled_from(["\n", "\r\n"])), max_size=5))
def test_events_that_come_one_at_a_time_are_the_same_as_together(
    made: tuple[bytes, list[Event]], said: list[tuple[str, str]]
) -> None:
    stream, events = made
    parser = Parser()
    found = parser.feed(stream)
    for word, end in said:
        found += parser.feed(f"data: {word}{end}{end}".encode())
    assert found == events + [Event(word.encode()) for word, _ in said]
