"""The strict reader, the directory as a whole, and its revision."""

import csv
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ppc_engine.catalog.model import TrackingNumber
from ppc_engine.storage.catalog_files import (
    catalog_from_revision,
    flows_from_revision,
    load_config,
    read_config,
    read_document,
)  # fmt: skip
from ppc_engine.storage.strict_yaml import DEPTH_MAX, FILE_BYTES_MAX, ISSUES_MAX, NODES_MAX, parse_yaml
from ppc_engine.values.errors import ConfigError

EXAMPLE = Path(__file__).parents[1] / "data" / "config"  # A small network that stays as it is.


def issues_of(text: str | bytes) -> list[str]:
    document, issues = parse_yaml("f.yaml", text if isinstance(text, bytes) else text.encode())
    assert (document is None) == bool(issues)
    return [str(issue) for issue in issues]


def test_every_scalar_stays_what_was_written():
    text = (
        "zip: 02134\nphone: +13105550123\nstate: NO\ntime: 9:30\nlength: 1:30:00\nswitch: on\nempty:\n"
        "null: ~\nfloat: 1e3\ndate: 2026-11-22\nequals: =\nquoted: '007'\nbig: 0x1F\nlist: [off, 00501, .5]\n"
    )
    document, issues = parse_yaml("f.yaml", text.encode())
    assert issues == []
    assert document.data == {
        "zip": "02134", "phone": "+13105550123", "state": "NO", "time": "9:30", "length": "1:30:00", "switch": "on",
        "empty": "", "null": "~", "float": "1e3", "date": "2026-11-22", "equals": "=", "quoted": "007", "big": "0x1F",
        "list": ["off", "00501", ".5"],
    }  # fmt: skip


def test_every_key_and_every_entry_has_its_place():
    document, _ = parse_yaml("f.yaml", b"# why\na:\n  b: 1\n  c:\n    - x\n    - {d: y}\n")
    assert document.places == {
        (): (2, 1), ("a",): (2, 1), ("a", "b"): (3, 3), ("a", "c"): (4, 3), ("a", "c", 0): (5, 7),
        ("a", "c", 1): (6, 7), ("a", "c", 1, "d"): (6, 8),
    }  # fmt: skip
    assert str(document.issue(("a", "c", 1, "e"), "missing")) == "f.yaml:6:7: a.c.1.e: missing"


@pytest.mark.parametrize(
    ("text", "issue"),
    [
        ("a: 1\nb: 2\na: 3\n", '3:1: a: key "a" stands twice (first on line 1; keep one)'),
        ("a: {b: 1, b: 2}\n", '1:11: a.b: key "b" stands twice (first on line 1; keep one)'),
        ("a: &x 1\n", '1:4: a: anchor "&x" is not allowed (write the value out where it is needed)'),
        ("a: *x\n", '1:4: a: alias "*x" is not allowed (write the value out)'),
        ("a: !!int 1\n", '1:4: a: tag "tag:yaml.org,2002:int" is not allowed (remove it; every value is read as text)'),
        ("a: !!python/object/apply:os.system [ls]\n", '1:4: a: tag "tag:yaml.org,2002:python/object/apply:os.system" '
         "is not allowed (remove it; every value is read as text)"),
        ("<<: {a: 1}\n", '1:1: <<: merge key "<<" is not allowed (write the keys out)'),
        ("? [a, b]\n: 1\n", "1:3: a key must be plain text, not a list or a block (look for a stray ?, [ or {)"),
        ("a: 1\n---\nb: 2\n---\nc: 3\n", '2:1: a second document begins (keep one a file; remove the "---")'),
        ("", '1:1: the file is empty (write "key: value" lines)'),
        ("# nothing\n", '1:1: the file is empty (write "key: value" lines)'),
        ("- a\n", '1:1: the file is not made of keys (write "key: value" lines)'),
        ("a:\n\tb: 1\n", "2:1: not YAML: while scanning for the next token, found character that cannot start any "
         "token (indent with spaces, not tabs, and put quotes around text that begins with a special character)"),
        ("a: b: c\n", "1:5: not YAML: mapping values are not allowed in this context "
         '(put quotes around text with ": " in it, or correct the indentation)'),
        ("a: 1\nb\nc: 1\n", "2:1: not YAML: while scanning a simple key, could not find expected ':' "
         "(line the keys of one block up, each with its colon)"),
        ("a:\n  b: 1\n c: 1\n", "3:2: not YAML: while parsing a block mapping, did not find expected key "
         "(line the keys of one block up, each with its colon)"),
        ("a: 'x\nb: 1\n", "1:4: not YAML: while scanning a quoted scalar, found unexpected end of stream "
         "(close the quotes)"),
        ("a: 1\nb: [1,\n  2\n", "2:4: not YAML: while parsing a flow sequence, did not find expected ',' or ']' "
         "(close the bracket, and put commas between its entries)"),
        ("a: x\x07\n", "1:5: not YAML: a control character (remove it)"),
        (b"a: 1\nb: \xff\n", "2:4: not UTF-8 text (save the file as UTF-8)"),
        ('"a\\nb": 1\n', "1:1: a key must be one line of at most 200 letters (look for a stray quote)"),
    ],
)  # fmt: skip
def test_what_could_surprise_is_refused_at_its_place(text, issue):
    assert issues_of(text) == [f"f.yaml:{issue}"]


def test_every_refusal_of_a_file_is_told_at_once_up_to_a_limit():
    assert [line.split(": ")[0] for line in issues_of("a: &x 1\nb: *x\na: 2\n")] == [
        "f.yaml:1:4", "f.yaml:2:4", "f.yaml:3:1",
    ]  # fmt: skip
    assert len(issues_of("a: 1\n" * (ISSUES_MAX + 20))) == ISSUES_MAX


def test_an_alias_bomb_is_refused_before_it_unfolds():
    lines = ["a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"{new}: &{new} [{', '.join(9 * ['*' + old])}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)]
    assert issues_of("\n".join(lines))[:2] == [
        'f.yaml:1:4: a: anchor "&a" is not allowed (write the value out where it is needed)',
        'f.yaml:2:4: b: anchor "&b" is not allowed (write the value out where it is needed)',
    ]


def test_depth_is_limited_also_where_the_parser_itself_would_crash():
    assert issues_of("a: " + "[" * (DEPTH_MAX - 1) + "]" * (DEPTH_MAX - 1)) == []
    too_deep = f"f.yaml:1:{DEPTH_MAX + 3}: nested deeper than {DEPTH_MAX} levels (flatten it)"
    assert issues_of("a: " + "[" * DEPTH_MAX + "]" * DEPTH_MAX) == [too_deep]
    assert issues_of("a: " + "[" * 500_000) == [too_deep]
    assert issues_of("- " * 200_000) == [
        f"f.yaml:1:{2 * DEPTH_MAX + 1}: nested deeper than {DEPTH_MAX} levels (flatten it)"
    ]


def test_size_and_number_of_nodes_are_limited():
    assert issues_of(b"a: " + b"x" * (FILE_BYTES_MAX - 3)) == []
    assert issues_of(b"a: " + b"x" * (FILE_BYTES_MAX - 2)) == [f"f.yaml: larger than {FILE_BYTES_MAX} bytes (split it)"]
    assert issues_of("a: [" + "x," * (NODES_MAX - 3) + "]") == []
    assert "keys and values in one file (split it)" in issues_of("a: [" + "x," * NODES_MAX + "]")[0]


YAML_BITS = st.lists(
    st.sampled_from([*"abc:-?[]{}&*!|>'\"%@`#,~ \n\t", ": ", "- ", "<<: ", "\n  ", "---\n", "&a ", "*a", "!!str "])
    | st.characters()
).map("".join)


@given(YAML_BITS | st.text())
@example("a: " + "{b: " * 1000)
def test_any_text_is_a_document_or_issues_of_one_line(text):
    document, issues = parse_yaml("f.yaml", text.encode("utf-8", "surrogatepass"))
    assert (document is None) == bool(issues)
    assert all(str(issue).isprintable() and (issue.line, issue.column) >= (1, 1) for issue in issues)
    assert document is None or () in document.places


@given(st.binary())
def test_any_bytes_are_a_document_or_issues(content):
    document, issues = parse_yaml("f.yaml", content)
    assert (document is None) == bool(issues)


# The directory


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    """A copy of the example configuration, named "config" from here."""
    shutil.copytree(EXAMPLE, tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return Path("config")


def refusal(config: Path, **known) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_config(config, **known)
    return [str(issue) for issue in refused.value.issues]


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def test_the_example_loads_whole(config):
    loaded = load_config(config)
    assert set(loaded.catalog.campaigns) == set(loaded.flows) == {"roofing", "plumbing", "solar"}
    assert loaded.warnings == ()
    assert "02134" in loaded.catalog.targets["rapid-boston"][1].area.zips


def test_the_example_numbers_belong_to_campaigns_and_publishers_with_an_offer(config):
    catalog = load_config(config).catalog
    with (config / "numbers.csv").open(newline="") as file:
        numbers = [TrackingNumber.model_validate(row) for row in csv.DictReader(file)]
    assert len({number.number for number in numbers}) == len(numbers) == 12
    assert [number.number for number in numbers if number.test] == ["+18005550199"]
    assert all(catalog.publisher_offer(number.publisher, number.campaign) for number in numbers)


def test_flow_tests_and_hidden_files_are_no_part_of_it_and_a_wrong_suffix_is_told(config):
    (config / "flows" / "roofing.test.yaml").write_text("anything: [")
    (config / "flows" / ".roofing.yaml.swp").write_bytes(b"\xff")
    assert len(read_config(config).flows) == 3
    (config / "catalog" / "buyers" / "new.yml").write_text("id: new\n")
    assert refusal(config) == ["config/catalog/buyers/new.yml: would be ignored (rename it to new.yaml)"]


def test_a_file_that_cannot_be_parsed_is_one_issue_and_not_missed_by_others(config):
    (config / "catalog" / "buyers" / "pipedoctor.yaml").write_text("id: pipedoctor\n  name: x\n")
    (config / "flows" / "solar.yaml").write_text("id: [solar\n")
    assert [line.split(": ")[0] for line in refusal(config)] == [
        "config/catalog/buyers/pipedoctor.yaml:2:7",
        "config/flows/solar.yaml:1:5",
    ]


def test_a_pipe_a_directory_and_a_dangling_link_are_told_and_not_opened(config):
    buyers = config / "catalog" / "buyers"
    os.mkfifo(buyers / "pipe.yaml")
    (buyers / "directory.yaml").mkdir()
    (buyers / "link.yaml").symlink_to("nowhere.yaml")
    what = "not a file (remove it, or put a YAML file there)"
    assert refusal(config) == [f"{buyers}/{name}.yaml: {what}" for name in ("directory", "link", "pipe")]
    assert read_document(buyers / "gone.yaml")[0] is None


def test_no_directory_and_no_campaign_are_told(tmp_path):
    assert "no such directory" in refusal(tmp_path / "confg")[0]
    assert "no campaign, so no call could be taken" in refusal(tmp_path)[0]


def test_a_flow_is_named_after_its_file_and_its_prompts_exist(config):
    change(config / "flows" / "solar.yaml", "id: solar\n", "id: sun\n")
    prompts = ["welcome", "enter_zip", "bad_zip", "sorry_no_match", "closed", "busy"]
    assert refusal(config, prompts=prompts) == [
        'config/flows/roofing.yaml:39:22: nodes.busy.prompt: no prompt "all_busy" (did you mean "busy"?)',
        'config/flows/solar.yaml:2:1: id: "sun" is not the file\'s name (write "solar", or rename the file sun.yaml)',
        'config/flows/solar.yaml:38:22: nodes.busy.prompt: no prompt "all_busy" (did you mean "busy"?)',
    ]


# Revisions


def test_the_revision_changes_with_what_is_said_and_not_with_how(config):
    before = load_config(config)
    publisher = config / "catalog" / "publishers" / "radio-west.yaml"
    publisher.write_text("# paid more from January\n\n" + publisher.read_text())
    change(publisher, "id: radio-west\nname: Radio West\n", "name: 'Radio West'\n\nid: radio-west\n")
    change(config / "engine.yaml", "http_port: 9108", "http_port: 9109")
    assert load_config(config).revision == before.revision
    change(publisher, '"45.00"', '"46.00"')
    assert load_config(config).revision != before.revision


def test_a_revision_is_read_back_as_it_was(config):
    loaded = load_config(config)
    assert catalog_from_revision(loaded.body) == loaded.catalog
    assert flows_from_revision(loaded.body) == loaded.flows
    assert b"9108" not in loaded.body


def test_lists_are_loaded_by_their_path_and_kept_in_the_revision(config):
    before = load_config(config)
    assert b'"lists"' not in before.body  # What has no list keeps the hash that it had before there were lists.
    (config / "lists").mkdir()
    (config / "lists" / "spam.txt").write_text("# callers\n+13105550100\n+13105550101 # twice\n")
    (config / "lists" / "README.md").write_text("no list")
    loaded = load_config(config)
    assert loaded.catalog.lists == {"lists/spam.txt": {"+13105550100", "+13105550101"}}
    assert loaded.revision != before.revision
    assert catalog_from_revision(loaded.body) == loaded.catalog
    assert catalog_from_revision(before.body) == before.catalog
    (config / "lists" / "spam.txt").write_text("+13105550100\n\n+13105550101 # other words\n")
    assert load_config(config).revision == loaded.revision
    (config / "lists" / "zips.csv").write_text("90001\n")
    (config / "lists" / "bad.txt").write_text("a, b\n")
    assert [line.split(" (")[0] for line in refusal(config)] == [
        'config/lists/bad.txt:1:1: "a, b" is not one entry',
        "config/lists/zips.csv: would be ignored",
    ]


def test_a_revision_of_a_later_version_is_refused():
    with pytest.raises(ConfigError, match="format 2 is not known to this version"):
        catalog_from_revision(b'{"format":2}')


def test_a_revision_that_this_version_cannot_read_is_refused_whole(config):
    body = load_config(config).body
    with pytest.raises(ConfigError, match=r"flows/plumbing\.yaml: nodes\.sell\.exits"):
        flows_from_revision(body.replace(b'"recovered_none":"bye"', b'"recovered":"bye"'))
    with pytest.raises(ConfigError, match=r"buyers/pipedoctor\.yaml: id: missing"):
        catalog_from_revision(body.replace(b'"id":"pipedoctor",', b""))
