"""JSON Schemas: the committed ones are current, the example fits them, and mistakes do not."""

from pathlib import Path

import pytest

from ppc_engine.cli import run, schema_files
from ppc_engine.cli.json_schema import every_schema, fields_without_words
from ppc_engine.flows.nodes import NODE_TYPES
from tests.cli.schema_checking import problems, read

ROOT = Path(__file__).parents[2]
SCHEMAS = every_schema()
KINDS = {
    "catalog/buyers": "buyer",
    "catalog/publishers": "publisher",
    "catalog/campaigns": "campaign",
    "catalog/groups": "group",
    "catalog/trunks": "trunk",
    "flows": "flow",
}
CONFIGS = [ROOT / "config", ROOT / "tests/data/config"]


def kind_of(path: Path) -> str:
    if path.name == "engine.yaml":
        return "engine"
    if path.name.endswith(".test.yaml"):
        return "flow-test"
    return KINDS["catalog/" + path.parent.name if path.parent.parent.name == "catalog" else path.parent.name]


FILES = sorted(path for config in CONFIGS for path in config.rglob("*.yaml"))


def test_the_committed_schemas_are_current():
    committed = {path.name: path.read_text() for path in (ROOT / "schemas").iterdir()}
    assert committed == schema_files.files(), "run: ppc check --schema schemas"


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_every_file_of_the_example_fits_its_schema(path):
    assert problems(SCHEMAS[kind_of(path)], read(path.read_text())) == []


@pytest.mark.parametrize("path", [path for path in FILES if path.is_relative_to(ROOT / "config")], ids=lambda p: p.name)
def test_every_file_of_the_example_names_its_schema_to_editors(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith(schema_files.MODELINE)]
    assert len(lines) == 1
    named = (path.parent / lines[0].removeprefix(schema_files.MODELINE)).resolve()
    assert named == ROOT / "schemas" / f"{kind_of(path)}.schema.json"


def test_every_field_is_explained():
    assert sorted(set(fields_without_words())) == []  # Missing: a line in cli/schema_words.py.


BUYER = {
    "id": "b",
    "name": "B",
    "zone": "UTC",
    "targets": [{"id": "t", "destination": "sip:t@127.0.0.1:6010", "area": {"zips": [2134, "02134"]}}],
    "offers": [{"id": "o", "campaign": "c", "amount": 40.5}],
}


def changed(value, path, new):
    """A copy with one value changed, or a key added."""
    if not path:
        return new
    copy = list(value) if isinstance(value, list) else dict(value)
    copy[path[0]] = changed(value[path[0]] if len(path) > 1 else None, path[1:], new)
    return copy


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("nmae",), "x", ["nmae: additionalProperties"]),
        (("concurrency_cap",), "four", ["concurrency_cap: type"]),
        (("concurrency_cap",), None, ["concurrency_cap: type"]),
        (("targets", 0, "priority"), 0, ["targets.0.priority: minimum"]),
        (("targets", 0, "destination"), "13105550100", ["targets.0.destination: anyOf"]),
        (("targets", 0, "early_media"), "loud", ["targets.0.early_media: enum"]),
        (("targets", 0, "area"), {"states": ["California"]}, ["targets.0.area.states.0: pattern"]),
        (("targets", 0, "hours"), {"zone": "UTC", "monday": ["9-5"]}, ["targets.0.hours.monday.0: pattern"]),
        (("targets", 0, "caps"), [{"calls": 5}], ["targets.0.caps.0: required"]),
        (("offers", 0, "amount"), "$40", ["offers.0.amount: pattern"]),
        (("offers", 0), {"id": "o"}, ["offers.0: required"]),
    ],
)
def test_an_editor_underlines_a_mistake(path, value, told):
    assert problems(SCHEMAS["buyer"], BUYER) == []
    assert problems(SCHEMAS["buyer"], changed(BUYER, path, value)) == told


FLOW = {
    "id": "f",
    "start": "a",
    "nodes": {"a": {"type": "play", "prompt": "p", "exits": {"done": "b"}}, "b": {"type": "hangup"}},
}


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("nodes", "a", "prmopt"), "p", ["nodes.a.prmopt: additionalProperties"]),
        (("nodes", "a", "exits"), {"don": "b"}, ["nodes.a.exits.don: additionalProperties", "nodes.a.exits: required"]),
        (("nodes", "a", "type"), "plya", ["nodes.a.type: enum"]),
        (("nodes", "a"), {"type": "play", "prompt": "p"}, ["nodes.a: required"]),
        (("nodes", "A B"), {"type": "hangup"}, ["nodes.A B: propertyNames"]),
        (("patience_ms_max",), 5, ["patience_ms_max: minimum"]),
    ],
)
def test_an_editor_underlines_a_mistake_in_a_flow(path, value, told):
    assert problems(SCHEMAS["flow"], FLOW) == []
    assert problems(SCHEMAS["flow"], changed(FLOW, path, value)) == told


@pytest.mark.parametrize("kind", NODE_TYPES)
def test_the_example_of_every_node_type_fits(kind):
    node = SCHEMAS["flow"]["$defs"][f"node_{kind}"]
    assert node["examples"] and node["description"]
    for example in node["examples"]:
        text = changed({}, ("type",), kind) | {k: _typed(v) for k, v in example.items()}
        assert problems({**SCHEMAS["flow"], "$ref": f"#/$defs/node_{kind}"} | _ONLY_REF, text) == []


_ONLY_REF = {"required": [], "properties": {}, "additionalProperties": True}


def _typed(value):
    """Texts of our reader as an editor types them."""
    if isinstance(value, dict):
        return {key: _typed(inner) for key, inner in value.items()}
    return [_typed(inner) for inner in value] if isinstance(value, list) else read(value) if value else value


def test_schemas_are_written_by_both_commands(tmp_path, capsys):
    assert run(["check", "--schema", str(tmp_path / "a")]) == 0
    assert run(["flow", "schema", str(tmp_path / "b")]) == 0
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(schema_files.files())
    assert (tmp_path / "b" / "flow.schema.json").read_text() == schema_files.files()["flow.schema.json"]
    assert f"{tmp_path}/b/flow.schema.json" in capsys.readouterr().out
