"""A picture of a flow in Mermaid, which wikis and code forges draw by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from ppc_engine.cli.flow_picture import Arrow, Box, Picture

_SHAPES = {"decide": ("{{", "}}"), "end": ("([", "])"), "jump": ("[[", "]]")}
_STYLES = {
    "talk": "fill:#e8f1fd,stroke:#2b6cb0",
    "decide": "fill:#fef6dd,stroke:#975a16",
    "sell": "fill:#e3f6e8,stroke:#276749",
    "end": "fill:#f1f3f5,stroke:#616e7c",
    "jump": "fill:#f2e9fd,stroke:#6b46c1",
    "never": "fill:#fafbfc,stroke:#9aa5b1,color:#9aa5b1,stroke-dasharray:4",
}


def mermaid_lines(picture: Picture) -> Iterator[str]:
    """The whole diagram, a statement a line."""
    yield "---"
    yield f"title: {_text(picture.title.replace(chr(10), ', '))}"
    yield "---"
    yield "flowchart TB"
    keys = {box.key: f"n{number}" for number, box in enumerate(picture.boxes)}
    for group in picture.groups:
        if group != picture.flow:
            yield f'  subgraph sub_{picture.groups.index(group)}["sub-flow {_text(group)}"]'
        for box in picture.boxes:
            if box.flow == group:
                yield f"    {keys[box.key]}{_box(box)}:::{box.kind if box.reachable else 'never'}"
        if group != picture.flow:
            yield "  end"
    start = next(box for box in picture.boxes if box.flow == picture.flow and box.is_start)
    yield f"  start((call)) --> {keys[start.key]}"
    for arrow in picture.arrows:
        yield f"  {keys[arrow.source]} {_line(arrow)} {keys[arrow.target]}"
    for kind, style in _STYLES.items():
        yield f"  classDef {kind} {style}"


def _box(box: Box) -> str:
    opening, closing = _SHAPES.get(box.kind, ("[", "]"))
    told = [f"<small>{_text(box.type)}</small>", f"<b>{_text(box.name)}</b>", *(_text(line) for line in box.lines)]
    if box.visits is not None:
        sold = f", {box.connected:,} connected" if box.connected else ""
        told.append(f"{box.visits:,} calls{sold}" + (f", {box.abandoned:,} gave up" if box.abandoned else ""))
    return f'{opening}"{"<br/>".join(told)}"{closing}'


def _line(arrow: Arrow) -> str:
    told = [_text(label) for label in arrow.labels]
    if arrow.count is not None:
        told.append(f"{arrow.count:,}" + (f" ({arrow.share:.0%})" if arrow.share and not arrow.is_call else ""))
    dashes = "-.->" if arrow.is_call or not arrow.reachable else "==>" if arrow.share > 0.5 else "-->"
    return f'{dashes}|"{"<br/>".join(told)}"|' if told else dashes


def _text(text: str) -> str:
    """Without what Mermaid takes for its own: entities in its own spelling."""
    for char, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("|", "#124;"), (";", "#59;")):
        if char == ";":
            continue
        text = text.replace(char, entity)
    return text
