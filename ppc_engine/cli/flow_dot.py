"""A picture of a flow in the DOT language of Graphviz, and by Graphviz as SVG."""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ppc_engine.cli.flow_picture import Arrow, Box, Picture
from ppc_engine.values.errors import OutsideError

DRAWING_S_MAX = 60
PEN_MAX = 5.0  # Points, for the way that every call takes.

_FONT = "Arial"  # Its widths are known to graphviz-pure, and every machine has it or Liberation Sans.
_INK, _GREY, _TROUBLE, _WAY, _SOLD = "#1f2933", "#9aa5b1", "#c0392b", "#52606d", "#276749"
_FILLS = {  # (box, its upper line)
    "talk": ("#e8f1fd", "#2b6cb0"),
    "decide": ("#fef6dd", "#975a16"),
    "sell": ("#e3f6e8", "#276749"),
    "end": ("#f1f3f5", "#616e7c"),
    "jump": ("#f2e9fd", "#6b46c1"),
}


def dot_lines(picture: Picture) -> Iterator[str]:
    """The whole graph, a statement a line."""
    yield "digraph flow {"
    yield f'  graph [rankdir=TB, nodesep=0.35, ranksep=0.45, fontname="{_FONT}", bgcolor=white, pad=0.3,'
    yield f'    labelloc=t, labeljust=l, fontsize=16, fontcolor="{_INK}", label={_title(picture)}];'
    yield f'  node [shape=plain, fontname="{_FONT}", fontsize=11, fontcolor="{_INK}"];'
    yield f'  edge [fontname="{_FONT}", fontsize=9.5, color="{_WAY}", fontcolor="{_WAY}", arrowsize=0.7];'
    for group in picture.groups:
        indent = "  "
        if group != picture.flow:
            yield f'  subgraph "cluster_{group}" {{'
            yield f'    label=<sub-flow <B>{_text(group)}</B>>; fontsize=11; style="rounded,filled";'
            yield '    fillcolor="#fbf9ff"; color="#c9b6ec"; margin=14;'
            indent = "    "
        for box in picture.boxes:
            if box.flow == group:
                yield f"{indent}{_key(box.key)} [label={_label(box)}];"
        if group != picture.flow:
            yield "  }"
    start = next(box for box in picture.boxes if box.flow == picture.flow and box.is_start)
    yield f'  "(start)" [shape=circle, style=filled, fillcolor="{_INK}", label="", width=0.16];'
    yield f'  "(start)" -> {_key(start.key)};'
    for arrow in picture.arrows:
        yield f"  {_key(arrow.source)} -> {_key(arrow.target)} [{', '.join(_edge(arrow))}];"
    yield "}"


def draw_svg(picture: Picture) -> str:
    """The picture as SVG. Raises OutsideError when Graphviz is not installed, or refuses."""
    program = _graphviz()
    try:
        done = subprocess.run(  # noqa: S603 (our own text to a fixed program)
            [program, "-Tsvg"], input="\n".join(dot_lines(picture)), capture_output=True, text=True,
            timeout=DRAWING_S_MAX, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OutsideError(f"Graphviz ({program}) did not draw: {error}") from None
    if done.returncode or not done.stdout:
        raise OutsideError(f"Graphviz ({program}) did not draw: {done.stderr.strip()[:500]}")
    return done.stdout


def _graphviz() -> str:
    """Where Graphviz is: the package of the extra "graph", beside our Python, or a `dot` of the machine."""
    beside = Path(sys.executable).with_name("graphviz-pure")
    found = str(beside) if beside.is_file() else shutil.which("graphviz-pure") or shutil.which("dot")
    if found is None:
        raise OutsideError('SVG needs Graphviz: pip install "ppc-engine[graph]" (mermaid and dot need nothing)')
    return found


def _key(key: tuple[str, str]) -> str:
    return f'"{key[0]}/{key[1]}"'


def _text(text: str) -> str:
    return html.escape(text, quote=False)


def _title(picture: Picture) -> str:
    name, _, rest = picture.title.partition("\n")
    more = f'<BR ALIGN="LEFT"/><FONT POINT-SIZE="10" COLOR="{_WAY}">{_text(rest)}</FONT>' if rest else ""
    return f'<<B>{_text(name)}</B>{more}<BR ALIGN="LEFT"/>>'


def _label(box: Box) -> str:
    fill, head = _FILLS[box.kind]
    ink, style = _INK, "ROUNDED"
    if not box.reachable or box.visits == 0:
        fill, head, ink = "#fafbfc", _GREY, _GREY
    if not box.reachable:
        style = "ROUNDED,DASHED"
    kind = f"{_text(box.type)}{'' if box.reachable else ' (never reached)'}"
    told = [
        f'<FONT POINT-SIZE="8.5" COLOR="{head}">{kind}</FONT>',
        f'<FONT COLOR="{ink}"><B>{_text(box.name)}</B></FONT>',
        *(f'<FONT POINT-SIZE="9" COLOR="{ink}">{_text(line)}</FONT>' for line in box.lines),
    ]
    if box.visits:
        sold = f'   <FONT COLOR="{_SOLD}">{box.connected:,} connected</FONT>' if box.connected else ""
        gone = f'   <FONT COLOR="{_TROUBLE}">{box.abandoned:,} gave up</FONT>' if box.abandoned else ""
        told.append(f'<FONT POINT-SIZE="10" COLOR="{head}"><B>{box.visits:,} calls</B>{sold}{gone}</FONT>')
    rows = "".join(f'<TR><TD ALIGN="LEFT">{line}</TD></TR>' for line in told)
    inner = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>'
    # A frame of air around the text, or the round corners would cut it.
    return (
        f'<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="6" STYLE="{style}" COLOR="{head}" '
        f'BGCOLOR="{fill}"><TR><TD>{inner}</TD></TR></TABLE>>'
    )


def _edge(arrow: Arrow) -> Iterator[str]:
    quiet = not arrow.reachable or arrow.count == 0
    ink = _GREY if quiet else _TROUBLE if arrow.is_failure else _WAY
    told = [_text(label) for label in arrow.labels]
    if arrow.count:
        told.append(f"<B>{arrow.count:,}</B>" + ("" if arrow.is_call else f" ({arrow.share:.0%})"))
    if told:
        yield f"label=<{'<BR/>'.join(f' {line} ' for line in told)}>"
    yield f"weight={1 if arrow.is_failure or arrow.is_call else 6}"  # The way that calls should take is drawn straight.
    yield f'color="{ink}"'
    yield f'fontcolor="{ink}"'
    if arrow.is_call:
        yield "style=dashed"
        yield "arrowhead=vee"
    elif not arrow.reachable:
        yield "style=dotted"
    if arrow.count is not None and not quiet:
        yield f"penwidth={0.8 + (PEN_MAX - 0.8) * arrow.share:.2f}"
