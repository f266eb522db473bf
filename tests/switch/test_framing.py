"""Frames come out the same however the bytes arrive, and nonsense ends the stream instead of looping."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ppc_engine.switch.errors import FramingError
from ppc_engine.switch.framing import BODY_BYTES_MAX, EVENT_JSON, HEAD_BYTES_MAX, Frame, FrameParser
from tests.contracts.esl_fake import api_response, json_event, reply

GREETING = b"Content-Type: auth/request\n\n"
GOODBYE = b"Content-Type: text/disconnect-notice\nContent-Length: 5\n\nbye.\n"

# All but one, in whose copy file names were shortened, so that its lengths no longer hold.
TRANSCRIPTS = sorted((Path(__file__).parents[1] / "data" / "esl-transcripts").glob("[!r]*.jsonl.xz"))

frames = st.one_of(
    st.binary(max_size=200).map(json_event),
    st.binary(max_size=200).map(api_response),
    st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=80).map(reply),
    st.sampled_from([GREETING, GOODBYE]),
)


def parse(chunks: list[bytes]) -> list[Frame]:
    parser = FrameParser()
    return [frame for chunk in chunks for frame in parser.feed(chunk)]


@given(st.lists(frames, max_size=6), st.data())
def test_any_chunking_gives_the_same_frames(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = parse([stream])
    assert len(whole) == len(sent)
    assert parse(chunks) == whole
    assert parse([bytes([byte]) for byte in stream]) == whole


@given(st.binary(max_size=100))
def test_a_body_is_taken_as_it_is(body: bytes) -> None:
    assert parse([api_response(body) + GREETING])[0].body == body
    assert parse([json_event(body)]) == [Frame(EVENT_JSON, {}, body)]


@given(st.lists(frames, max_size=3), st.binary(min_size=1, max_size=60), st.lists(frames, max_size=3))
@example([], b"\n", [GREETING])
@example([GREETING], b"\r\n", [GREETING])
def test_garbage_never_yields_frames_that_were_not_sent(
    before: list[bytes], garbage: bytes, after: list[bytes]
) -> None:
    parser = FrameParser()
    got: list[Frame] = []
    try:
        for chunk in [*before, garbage, *after]:
            got.extend(parser.feed(chunk))
    except FramingError:
        assert got[: len(before)] == parse(before)
        with pytest.raises(FramingError):
            parser.feed(GREETING)  # After nonsense there is no way back.
    else:
        # Bytes that may still become a frame are waited for.
        assert (garbage + b"".join(after)).startswith(b"Content-"[: len(garbage)])


@pytest.mark.parametrize(
    ("nonsense", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "begins with"),
        (b"\n\n", "begins with"),
        (b"Content-Length: 5\n\nhello", "a kind that ESL does not have"),
        (b"Content-Type: text/html\n\n", "a kind that ESL does not have: 'text/html'"),
        (b"Content-Type: api/response\nContent-Length: -1\n\n", "'-1' bytes long"),
        (b"Content-Type: api/response\nContent-Length: 0x10\n\n", "'0x10' bytes long"),
        ("Content-Type: api/response\nContent-Length: ٣\n\n".encode(), "bytes long"),
        (b"Content-Type: api/response\nContent-Length: %d\n\n" % (BODY_BYTES_MAX + 1), "bytes long"),
        (b"Content-Length: 999999999\nContent-Type: text/event-json\n\n", "bytes long"),
        (b"Content-Type: api/response\nContent-Length: 1\nContent-Length: 2\n\n", "Content-Length twice"),
        (b"Content-Type: command/reply\nno header at all\n\n", "no header"),
        (b"Content-Type: command/reply\nX: y\n" * 40 + b"\n", "lines"),
        (b"Content-Type: command/reply\nReply-Text: " + b"x" * HEAD_BYTES_MAX, "longer than"),
    ],
)
def test_nonsense_is_refused_and_named(nonsense: bytes, told: str) -> None:
    with pytest.raises(FramingError, match=told):
        FrameParser().feed(nonsense)


def test_a_reply_with_a_line_separator_of_unicode_stays_one_line() -> None:
    (frame,) = parse([reply("-ERR invalid session id [a\u2028Content-Length: 9]")])
    assert frame.headers["Reply-Text"] == "-ERR invalid session id [a\u2028Content-Length: 9]"


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.name.partition(".")[0])
def test_every_byte_that_a_real_switch_sent_is_understood(transcript: Path) -> None:
    records = [json.loads(line) for line in lzma.decompress(transcript.read_bytes()).splitlines()]
    asked = sum(record["data"].count("\n\n") for record in records if record["dir"] == ">")
    kinds = Counter(frame.kind for frame in parse([r["data"].encode("latin-1") for r in records if r["dir"] == "<"]))
    assert kinds["auth/request"] == 1
    assert kinds["command/reply"] + kinds["api/response"] == asked
    assert kinds["text/event-plain"] + kinds["text/event-json"] >= 8
