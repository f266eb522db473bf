"""A journal read while it is written: what lives first, then what comes, over segments and half-written lines."""

import pytest

from ppc_engine.storage.journal_lines import CLOSED, encode_line, segment_path
from ppc_engine.storage.journal_tail import JournalTail
from ppc_engine.values.errors import OutsideError


class Journal:
    """Lines put into segments as an engine would."""

    def __init__(self, directory):
        self.directory = directory
        self.sequence = 0

    def write(self, segment, call_id, body, *, bytes_max=None):
        self.sequence += 1
        line = encode_line(self.sequence, call_id, body)
        with segment_path(self.directory, segment).open("ab") as file:
            file.write(line[:bytes_max])
        return line[bytes_max:] if bytes_max else b""

    def add(self, segment, data):
        with segment_path(self.directory, segment).open("ab") as file:
            file.write(data)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path)


def test_what_lives_is_told_first_then_what_comes(journal):
    journal.write(1, "gone", b'{"n":1}')
    journal.write(1, "gone", CLOSED)
    journal.write(1, "lives", b'{"n":2}')
    tail = JournalTail(journal.directory)
    assert tail.begin() == [("lives", b'{"n":2}')]
    assert list(tail.read()) == []
    journal.write(1, "lives", b'{"n":3}')
    journal.write(1, "lives", CLOSED)
    assert list(tail.read()) == [("lives", b'{"n":3}'), ("lives", b"")]
    tail.close()


def test_a_half_written_line_is_left_for_the_next_look(journal):
    journal.write(1, "a", b'{"n":1}')
    tail = JournalTail(journal.directory)
    tail.begin()
    rest = journal.write(1, "a", b'{"n":2}', bytes_max=12)
    assert list(tail.read()) == []
    journal.add(1, rest)
    assert list(tail.read()) == [("a", b'{"n":2}')]
    tail.close()


def test_it_follows_into_the_next_segments(journal):
    journal.write(1, "a", b'{"n":1}')
    tail = JournalTail(journal.directory)
    tail.begin()
    journal.write(1, "a", b'{"n":2}')
    journal.write(2, "a", b'{"n":3}')
    journal.write(3, "a", b'{"n":4}')
    assert [body for _, body in tail.read()] == [b'{"n":2}', b'{"n":3}', b'{"n":4}']
    tail.close()


def test_a_damaged_line_hides_no_other(journal):
    journal.write(1, "a", b'{"n":1}')
    tail = JournalTail(journal.directory)
    tail.begin()
    journal.add(1, b"00000000 1 9 a {}\n")
    journal.write(1, "a", b'{"n":2}')
    assert [body for _, body in tail.read()] == [b'{"n":2}']
    tail.close()


def test_a_journal_that_is_begun_later_is_read_from_its_beginning(journal):
    tail = JournalTail(journal.directory)
    assert tail.begin() == []
    journal.write(1, "a", b'{"n":1}')
    assert list(tail.read()) == [("a", b'{"n":1}')]
    tail.close()


def test_no_journal_is_one_clear_line(tmp_path):
    with pytest.raises(OutsideError, match="is an engine configured here"):
        JournalTail(tmp_path / "none").begin()
