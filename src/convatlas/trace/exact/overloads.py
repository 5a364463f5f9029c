"""What is known of an overload of a torch op, looked up once: its rule, and how it treats its arguments."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import torch

from .aten import TABLE
from .rules import pointwise, views
from .rules.base import Rule

_tag = torch.Tag
_has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
_OF_DEVICES = ("CPU", "CUDA", "CompositeExplicitAutograd")


class Overload(NamedTuple):
    """What is known of an overload."""

    rule: Rule | None  # None: no rule knows it
    in_place: bool  # it overwrites its first argument and returns it
    into: bool  # it writes its result where ``out=`` says
    is_view: bool  # what it returns sees its first argument's elements
    view_in_place: bool  # its first argument becomes a view of what it was
    composite: bool  # torch makes it of other ops
    random: bool


_VIEWS = frozenset({"aten::_unsafe_view", "aten::unsafe_split", "aten::unsafe_split_with_sizes", "aten::_reshape_alias",
                    "aten::unsafe_chunk"})  # fmt: skip # views that torch does not call so


@cache
def known(overload: Any) -> Overload:
    """What is known of an overload."""
    schema = overload._schema
    name: str = schema.name
    first = schema.arguments[0].alias_info if schema.arguments else None
    in_place = first is not None and first.is_write and name.endswith("_")
    into = not in_place and any(argument.alias_info is not None and argument.alias_info.is_write for argument in schema.arguments)
    base = name[:-1] if in_place else name
    is_view = name in _VIEWS or (
        not in_place and not into and any(each.alias_info is not None for each in schema.returns) and base != "aten::lift_fresh"
    )
    rule = TABLE.get(f"{base}.{schema.overload_name}") or TABLE.get(base)
    if rule is None and is_view:
        rule = views.other_view
    composite = rule is None and overload._can_decompose() and not any(_has_kernel(overload.name(), key) for key in _OF_DEVICES)
    if rule is None and _tag.pointwise in overload.tags:
        rule = pointwise.pointwise
    view_in_place = in_place and _tag.inplace_view in overload.tags
    return Overload(rule, in_place, into, is_view, view_in_place, composite, _tag.nondeterministic_seeded in overload.tags)
