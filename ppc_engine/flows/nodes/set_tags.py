"""``set_tags``: give tags a value, written out or made by an expression."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from ppc_engine.flows.model import TAG_CHARS_MAX, Leave, Node, Step, TagName, View
from ppc_engine.values import condition
from ppc_engine.values.condition import ConditionError, StringExpressionText

SET_MAX = 50

TagValue = Annotated[str, StringConstraints(max_length=TAG_CHARS_MAX)]


class SetTagsNode(Node):
    """Set ``tags`` to texts, then ``computed`` ones to what their CEL expression comes to.

    An expression that comes to nothing (a text that is no number, say) sets none of its kind and leaves by
    ``otherwise``; without ``computed`` there is no such exit.

    Example::

        spanish:
          type: set_tags
          tags: {language: es}
          computed: {route_key: "caller.area_code + '-' + place.state"}
          exits: {done: sell, otherwise: sell}
    """

    type: Literal["set_tags"]
    tags: Annotated[dict[TagName, TagValue], Field(max_length=SET_MAX)] = {}
    computed: Annotated[dict[TagName, StringExpressionText], Field(max_length=SET_MAX)] = {}

    @model_validator(mode="after")
    def _sets_something(self) -> SetTagsNode:
        if not self.tags and not self.computed:
            raise ValueError('sets no tag (add "tags: {name: value}")')
        twice = sorted(self.tags.keys() & self.computed.keys())
        if twice:
            raise ValueError(f'"{twice[0]}" is set twice, in tags and in computed (keep one)')
        return self

    def exit_names(self) -> frozenset[str]:
        return frozenset({"done", "otherwise"} if self.computed else {"done"})

    def tags_set(self, exit_name: str) -> frozenset[str]:
        return frozenset(self.tags) | (frozenset(self.computed) if exit_name == "done" else frozenset())

    def tags_read(self) -> frozenset[str]:
        return frozenset().union(*map(condition.tags_read, self.computed.values())) - frozenset(self.tags)

    def args_read(self) -> frozenset[str]:
        return frozenset().union(*map(condition.args_read, self.computed.values()))

    def reads_history(self) -> bool:
        return any(map(condition.reads_history, self.computed.values()))

    def enter(self, view: View) -> Step:
        known = view.known()
        known["tags"] = {**view.tags, **self.tags}
        made: dict[str, str] = {}
        for name, text in self.computed.items():
            try:
                made[name] = condition.text_of(text, known)
            except ConditionError as error:
                return Leave(exit="otherwise", tags=self.tags, facts={"tag": name, "error": str(error)})
        return Leave(exit="done", tags={**self.tags, **made}, facts=made)
