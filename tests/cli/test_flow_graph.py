"""Pictures of flows, and flows in words: everything is in them, and what is never reached looks so."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ppc_engine.cli import flow_dot, run
from ppc_engine.cli.flow_dot import dot_lines, draw_svg
from ppc_engine.cli.flow_mermaid import mermaid_lines
from ppc_engine.cli.flow_picture import Traffic, exit_told, node_lines, picture
from ppc_engine.values.errors import OutsideError
from tests.cli.rehearsed_calls import places_once
from tests.rehearsal.workshop import flows
from tests.scenarios.small_network import write_config

FLOWS = flows()
TRAFFIC = Traffic(
    calls=100,
    visits={("long", "screen"): 100, ("long", "hello"): 90, ("ask_place", "ask"): 80},
    exits={("long", "screen", "pass"): 90, ("long", "screen", "blocked"): 10},
    connected={("long", "half"): 7},
    abandoned={("long", "hello"): 4},
)


def arrows(drawn):
    return {(arrow.source, arrow.target): arrow for arrow in drawn.arrows}


def test_a_picture_has_every_node_and_every_way():
    drawn = picture(FLOWS, "long")
    assert drawn.groups == ("long", "ask_place", "short")
    assert {box.key for box in drawn.boxes} == {(f, node) for f in drawn.groups for node in FLOWS[f].nodes}
    ways = arrows(drawn)
    for name in drawn.groups:
        for node_name, node in FLOWS[name].nodes.items():
            for leads_to in node.exits.values():
                assert ((name, node_name), (name, leads_to)) in ways
    assert ways[("long", "place"), ("ask_place", "ask")].is_call
    assert ways[("long", "old"), ("short", "hello")].is_call


def test_conditions_stand_at_the_ways():
    drawn = arrows(picture(FLOWS, "long"))
    assert drawn[("long", "menu"), ("long", "half")].labels == ("half: 1",)
    assert drawn[("long", "by_score"), ("long", "half")].labels == ("good: int(tags.score) >= 5",)
    shares = FLOWS["shares"].nodes["cut"]
    assert [exit_told(shares, name) for name in ("few", "many")] == ["few: 20 %", "many: 80 %"]
    route = drawn[("long", "half"), ("long", "bye")]
    assert set(route.labels) == {"ended", "no_match", "all_closed", "all_no_answer", "recovered_none"}
    assert not route.is_failure  # one of them is what everybody wants
    assert drawn[("long", "half"), ("long", "full")].is_failure


def test_a_box_says_what_its_node_does():
    nodes = FLOWS["long"].nodes
    assert list(node_lines(nodes["half"])) == ["targets acme-half, acme-other"]
    assert "velocity calls max 2, window s 60" in list(node_lines(nodes["screen"]))
    assert list(node_lines(FLOWS["short"].nodes["ask"]))[:2] == ["enter_zip", "retry prompt bad_zip"]


def test_what_is_never_reached_is_marked():
    nodes = dict(FLOWS["shares"].nodes)
    nodes["lost"] = FLOWS["shares"].nodes["bye"]
    odd = {"shares": type(FLOWS["shares"])(id="shares", start="cut", nodes=nodes)}
    drawn = picture(odd, "shares")
    assert [box.name for box in drawn.boxes if not box.reachable] == ["lost"]
    assert any("hangup (never reached)" in line for line in dot_lines(drawn))
    assert any(":::never" in line and "lost" in line for line in mermaid_lines(drawn))


def test_traffic_is_on_the_ways():
    drawn = picture(FLOWS, "long", traffic=TRAFFIC)
    passes = arrows(drawn)[("long", "screen"), ("long", "known")]
    assert (passes.count, passes.share) == (90, 0.9)
    text = "\n".join(dot_lines(drawn))
    assert "<B>90</B> (90%)" in text
    assert "4 gave up" in text and "90 calls" in text
    assert "90 (90%)" in "\n".join(mermaid_lines(drawn))
    unused = arrows(drawn)[("long", "menu"), ("long", "half")]
    assert unused.count == 0


def test_no_text_of_a_flow_breaks_the_picture():
    say = FLOWS["long"].nodes["greet"].model_copy(update={"text": 'a <b> & "c" | #1 {}[]'})
    odd = {**FLOWS, "long": type(FLOWS["long"])(id="long", start="screen", nodes={**FLOWS["long"].nodes, "greet": say})}
    ElementTree.fromstring(draw_svg(picture(odd, "long", title='x <y> & "z"\nsecond')).encode())
    (line,) = [line for line in mermaid_lines(picture(odd, "long")) if "greet" in line and ":::" in line]
    assert "#lt;b#gt;" in line and "#quot;c#quot;" in line and "#124;" in line and "#35;1" in line


def test_svg_is_drawn():
    svg = draw_svg(picture(FLOWS, "long", traffic=TRAFFIC))
    words = "".join(ElementTree.fromstring(svg.encode()).itertext())
    for told in ("screen", "ask_place", "half: 1", "90%", "gave up"):
        assert told in words


def test_without_graphviz_one_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(flow_dot.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutsideError, match=r'pip install "ppc-engine\[graph\]"'):
        draw_svg(picture(FLOWS, "long"))


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ppc_engine.cli.flow_graph.load_places", places_once)
    monkeypatch.setattr("ppc_engine.cli.flow_explain.load_places", places_once)
    return write_config(tmp_path / "config")


def test_the_command_draws_in_every_format(config, capsys):
    assert run(["flow", "graph", "roofing"]) == 0
    assert capsys.readouterr().out.splitlines()[3] == "flowchart TB"
    assert run(["flow", "graph", "roofing", "--format", "dot"]) == 0
    assert capsys.readouterr().out.startswith("digraph flow {")
    assert run(["flow", "graph", "roofing", "-o", "roofing.svg"]) == 0
    assert "<svg" in Path("roofing.svg").read_text()
    assert run(["flow", "graph", "rofing"]) == 1
    assert 'did you mean "roofing"' in capsys.readouterr().err
    assert run(["flow", "graph", "roofing", "-o", "nowhere/x.dot"]) == 3


def test_a_flow_in_words(config, capsys):
    assert run(["flow", "explain", "roofing"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[:3] == ["flow roofing", "  hello (start) - answer", "      done -> ask_zip"]
    assert "      zip_failed -> bye" in out
    assert run(["flow", "explain", "roofing", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [node["node"] for node in told["nodes"]] == ["hello", "ask_zip", "sell", "bye"]
    assert told["nodes"][1]["exits"] == [
        {"exit": "ok", "condition": "", "leads_to": "sell"}, {"exit": "zip_failed", "condition": "", "leads_to": "bye"},
    ]  # fmt: skip
