"""Writes docs/api.md: every public name of the package with its signature, docstring and an example, out of the package itself.

python docs/make_api.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

import convatlas as ca

PAGE = Path(__file__).parent / "api.md"
WIDTH = 100

# in the order of the page; each example runs by itself in an empty folder
EXAMPLES = {
    "list_models": 'ca.list_models("resnet1*")  # ["resnet18", "resnet101", "resnet152", ...]',
    "create": 'network = ca.create("resnet18", num_classes=10, in_channels=1, stem="small")',
    "cost": """cost = ca.cost("resnet50", (8, 3, 224, 224))
print(cost.params, cost.macs, cost.activation_bytes, cost.uncounted)
for stage in cost.by_stage():
    print(stage.name, stage.macs)
cost.to_frame("layer").sort_values("macs")  # a pandas frame""",
    "receptive_field": """fields = ca.receptive_field("resnet50")
print(fields.final.size, fields["layer3"].size, fields["layer3"].stride)""",
    "training_memory": """step = ca.training_memory("resnet50", (32, 3, 224, 224), precision="amp", device="cuda", checkpoint="blocks")
print(step.peak_bytes, step.breakdown, step.peak_name)
step.to_frame("time")  # over the step""",
    "fit": """verdict = ca.fit("resnet50", (64, 3, 224, 224), memory_bytes="8GiB", precision="amp", device="cuda")
print(verdict)  # Fits 8 GiB: ...
for change in verdict.changes:
    print(change.words, change.largest_batch)""",
    "max_batch": 'ca.max_batch("resnet50", (3, 224, 224), memory_bytes="24GiB", precision="amp", device="cuda", frozen="layer1")',
    "pick": """found = ca.pick(max_latency_ms=20, device="rtx4090", batch=64, max_params=30e6)
for candidate in found[:3]:
    print(candidate.word, candidate.top1, candidate.latency_ms, candidate.latency_interval_ms)""",
    "scale": """network = ca.scale("mobilenet_v2", to_macs=150e6)
print(network.cost.macs, network.input_size, network.scaling.call)
network.to_empty(device="cpu").init_weights()""",
    "solve": """found = ca.solve("resnext", "bottleneck", "width", groups=8)
print(found.real, found.value, found.below, found.above)""",
    "report": 'ca.report(["resnet18", "torchvision:resnet18"], "report.html", memory_bytes="8GiB", device="cuda")',
    "trace": """from pathlib import Path

graph = ca.trace("torchvision:fasterrcnn_resnet50_fpn.backbone", (1, 3, 320, 320))
Path("backbone.json").write_text(graph.to_json())
ca.cost("backbone.json").macs""",
    "bench": """for found in ca.bench("mobilenet_v2", (1, 3, 64, 64), ["eager", "channels_last"], rounds=1):
    print(found.runtime, found.milliseconds, found.images_per_second, found.peak_share)""",
    "optimize": """import torch

fast = ca.optimize("mobilenet_v2", (1, 3, 64, 64), runtimes=["folded", "bf16"])
print(fast)  # what was tried, and what each step brought
logits = fast(torch.randn(1, 3, 64, 64))""",
    "export": 'print(ca.export("squeezenet1_1", "net.pt2", input_size=(3, 64, 64)).difference)',
    "Inputs": """import torch
from torch import nn


class Tagged(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.tags = nn.Conv2d(3, 8, 3), nn.Embedding(100, 8)

    def forward(self, image, tags, scale=1.0):
        return scale * self.conv(image).mean((2, 3)) + self.tags(tags).mean(1)


ca.cost(Tagged(), ca.Inputs((1, 3, 64, 64), ca.TensorSpec((1, 5), "int64"), scale=0.5)).macs""",
    "register_op": """import torch


@torch.library.custom_op("lib::neighbours", mutates_args=())
def neighbours(x: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    raise NotImplementedError("the mean of the k nearest rows of each row, and which they are: a kernel of one's own")


class Grouped(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(64, 32)

    def forward(self, x):
        mean, which = neighbours(self.linear(x), 8)
        return mean


def rule(x, k):  # the call's own arguments, a ca.TensorSpec in place of each tensor
    rows, width = x.shape
    mean, which = ca.TensorSpec((rows, width), x.dtype), ca.TensorSpec((rows, k), "int64")
    return ca.OpCost(macs=rows * rows * width, backward_macs=0, output=(mean, which), saved=(which,))


remove = ca.register_op(neighbours, rule)
cost = ca.cost(Grouped(), (100, 64), training=True)
assert cost.macs == 100 * 64 * 32 + 100 * 100 * 32 and not cost.uncounted
assert cost.backward_macs == 100 * 64 * 32  # of the linear layer's weight; its input needs no gradient

# a module whose forward torch cannot follow is one call; its rule gets the module first
undo = ca.register_op(Grouped, lambda module, x: ca.OpCost(macs=x.numel * 32, output=ca.TensorSpec((x.shape[0], 32), x.dtype)))
assert [layer.op for layer in ca.cost(torch.nn.Sequential(Grouped()), (100, 64)).layers] == ["Grouped"]
undo(), remove()  # the rules are gone again""",
    "OpCost": "ca.OpCost(macs=1000, output=ca.TensorSpec((1, 10)), elementwise=10)",
    "TensorSpec": 'ca.TensorSpec((1, 10), "int64").nbytes  # 80',
    "Graph": """graph = ca.trace("alexnet")
for node in graph:
    print(node.module, node.op.name, [str(spec) for spec in graph.specs(node.outputs)])""",
    "Verdict": 'assert ca.fit("resnet18", memory_bytes="8GiB").fits',
    "ConvatlasError": """try:
    ca.cost("resnet51")
except ca.ConvatlasError as error:
    print(error)  # unknown network 'resnet51': did you mean ...""",
}
_HEAD = """# Python

<!-- python docs/make_api.py writes this page -->

```python
import convatlas as ca
```

`import convatlas` imports no torch; what needs it imports it when it is called. A network is given in any of these forms, here and on
the command line: a zoo name (`"resnet50"`), `"torchvision:NAME"`, `"timm:NAME"`, `"package.module:callable"`, `"file.py:callable"`, a
part of one (`"resnet50.layer1"`), a graph's `".json"` file; and an `nn.Module` on any device, or a `Graph`. An input is a shape with its
batch axis, several of them, a mapping from forward's keywords to shapes, or `Inputs`. Every error that a user can cause is a
`ConvatlasError`, in the words that the command line has. Objects show themselves as tables in notebooks."""
_MADE_BY_PEOPLE = ("Inputs", "OpCost", "TensorSpec")  # of the classes; the others are what functions give
_OWN_ROOM = re.compile(r"\b_\w+\.")  # as in _cost.Cost
_SECTION = re.compile(r"^(Args|Raises|Attributes):\n", re.MULTILINE)


def page() -> str:
    """The whole page."""
    names = [*EXAMPLES, *sorted(set(ca.__all__) - set(EXAMPLES))]
    return "\n\n".join([_HEAD, *(part for name in names for part in _entry(name))]) + "\n"


def _entry(name: str) -> Iterator[str]:
    thing = getattr(ca, name)
    yield f"## `{name}`"
    if not inspect.isclass(thing) or name in _MADE_BY_PEOPLE:
        yield f"```python\n{_signature(name, thing)}\n```"
    yield from _prose(thing.__doc__ or "")
    if name in EXAMPLES:
        yield f"```python\n{EXAMPLES[name]}\n```"
    if members := list(_members(thing)) if inspect.isclass(thing) else []:
        yield "\n".join(members)


def _signature(name: str, thing: Callable[..., object]) -> str:
    made = inspect.signature(thing)
    parameters = [_parameter(parameter) for parameter in made.parameters.values()]
    result = "" if inspect.isclass(thing) else f" -> {_OWN_ROOM.sub('', made.return_annotation)}"
    kinds = [parameter.kind for parameter in made.parameters.values()]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        parameters.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    short = f"{name}({', '.join(parameters)}){result}"
    if len(short) <= WIDTH:
        return short
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){result}"])


def _parameter(parameter: inspect.Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    text = f"{stars}{parameter.name}"
    if parameter.annotation is not parameter.empty:
        text += f": {_OWN_ROOM.sub('', getattr(parameter.annotation, '__forward_arg__', parameter.annotation))}"
    if parameter.default is parameter.empty:
        return text
    return f"{text} = {'...' if callable(parameter.default) else repr(parameter.default)}"


def _prose(text: str) -> Iterator[str]:
    """A docstring: its words, and its sections as lists."""
    words, *sections = _SECTION.split(inspect.cleandoc(text))
    yield from filter(None, [_code(words.strip())])
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        listed, _, rest = body.partition("\n\n")
        items = re.split(r"\n(?=    \S)", "\n" + listed.rstrip())[1:]
        lines = [re.sub(r"^([\w, ]+):", r"- **\1**:", " ".join(item.replace("``", "`").split())) for item in items]
        yield f"{title}:\n\n" + "\n".join(lines)
        yield from filter(None, [_code(rest.strip())])


def _code(words: str) -> str:
    """Paragraphs, of which one after `::` is code."""
    words = re.sub(r"(?<!`)``(?!`)", "`", words)
    return re.sub(r"::\n\n((?:    .*\n?)+)", lambda found: f":\n\n```python\n{inspect.cleandoc(found[1])}\n```", words)


def _members(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        function = getattr(member, "fget", None) or getattr(member, "func", None) or getattr(member, "__func__", member)
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        first = " ".join(inspect.cleandoc(function.__doc__).partition("\n\n")[0].replace("``", "`").split())
        called = "" if isinstance(member, property | cached_property) else "()"
        yield f"- `.{name}{called}`: {first}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
