"""Writes what is generated in the pages of docs/families: each family's figure and cost table.

    python docs/make.py           # write
    python docs/make.py --check   # say what is not up to date; exit status 1 if anything is

The text of the pages is written by hand. A figure is redrawn from the traced graph, a table is computed by
`convatlas.cost`; both change only with the zoo, the tracer or the rules.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import convatlas as ca
from convatlas.accuracy import legend
from convatlas.catalogue import accuracy_of
from convatlas.names import natural_key
from convatlas.zoo import REGISTRY

FAMILIES = Path(__file__).parent / "families"
FIGURES = {  # family: the network, and the module that its figure shows ("" for all of it)
    "alexnet": ("alexnet_2012", ""),
    "cifar_resnet": ("resnet20_cifar", "layer2.0"),
    "convnext": ("convnext_tiny", "features.1.0"),
    "densenet": ("densenet121", "features.denseblock1.denselayer2"),
    "efficientnet": ("efficientnet_b0", "features.2.1"),
    "efficientnet_v2": ("efficientnet_v2_s", "features.2.1"),
    "googlenet": ("googlenet_2014", "inception3a"),
    "highway": ("highway19", "stage1.highway1"),
    "inception": ("inception_v3", "Mixed_6b"),
    "lenet": ("lenet5", ""),
    "mnasnet": ("mnasnet1_0", "layers.8.1"),
    "mobilenet_v1": ("mobilenet_v1", "blocks.1.0"),
    "mobilenet_v2": ("mobilenet_v2", "features.3"),
    "mobilenet_v3": ("mobilenet_v3_large", "features.5"),
    "nasnet": ("nasnetamobile", "cell_1"),
    "nin": ("nin_imagenet", ""),
    "preact_resnet": ("preact_resnet50", "stages.0.blocks.1"),
    "regnet": ("regnet_y_400mf", "trunk_output.block2.block2-1"),
    "resnet": ("resnet50", "layer2.0"),
    "resnext": ("resnext50_32x4d", "layer1.1"),
    "senet": ("seresnet50", "layer1.1"),
    "shufflenet_v1": ("shufflenet_v1_x1_0_g3", "stage2.1"),
    "shufflenet_v2": ("shufflenet_v2_x1_0", "stage2.1"),
    "squeezenet": ("squeezenet1_1", "features.3"),
    "vgg": ("vgg16", ""),
    "wide_resnet": ("wide_resnet50_2", "layer1.1"),
    "zfnet": ("zfnet", ""),
}
LARGEST_TABLE = 12  # rows; a longer series shows every so many of its networks


def diagram() -> ModuleType:
    """The module beside this one."""
    spec = importlib.util.spec_from_file_location("diagram", Path(__file__).with_name("diagram.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["diagram"] = module
    spec.loader.exec_module(module)
    return module


def cost_table(family: str) -> str:
    """The networks of a family in Markdown."""
    names = sorted((name for name, entry in REGISTRY.items() if entry.family == family), key=natural_key)
    step = -(-len(names) // LARGEST_TABLE)
    lines = [
        "One image, float32, evaluation; 1 MAC = a multiply and its add. Top-1: "
        f"{legend(map(accuracy_of, names)).replace('*', chr(92) + '*') or 'not stated'}.",
        "",
        "| network | input | params (M) | MACs (M) | activations (MiB) | top-1 (%) | data set |",
        "| :-- | --: | --: | --: | --: | --: | :-- |",
    ]
    for name in names[::step]:
        cost = ca.cost(name)
        size = "x".join(map(str, cost.input_shape[1:]))
        accuracy = accuracy_of(name)
        top1, dataset = (accuracy.shown.replace("*", r"\*"), accuracy.dataset) if accuracy and accuracy.shown else ("", "")
        lines.append(
            f"| {name} | {size} | {cost.params / 1e6:,.2f} | {cost.macs / 1e6:,.0f} "
            f"| {cost.activation_bytes / 2**20:,.1f} | {top1} | {dataset} |"
        )
    if step > 1:
        lines += ["", f"{len(names)} networks in all: `convatlas list` names them."]
    return "\n".join(lines)


def figure(family: str) -> str:
    """The figure's caption and link in Markdown."""
    name, module = FIGURES[family]
    what = f"`{module}` of `{name}`" if module else f"`{name}`"
    return f"![{what}](figures/{family}.svg)\n\n{what}, from its graph."


def index() -> str:
    """The families in order of publication, each with what it introduced."""
    pages = {family: (FAMILIES / f"{family}.md").read_text().partition("\n")[0].removeprefix("# ") for family in FIGURES}
    summaries = {entry.family: entry.summary for entry in REGISTRY.values()}
    order = sorted(pages, key=lambda family: (pages[family][-5:-1], natural_key(family)))
    return "\n".join(f"- [{pages[family]}]({family}.md). {summaries[family]}" for family in order)


def replaced(page: Path, **parts: str) -> str:
    """A page with its generated parts written anew.

    Raises:
        ValueError: the page lacks the markers of a part.

    """
    text = page.read_text()
    for part, new in parts.items():
        found = list(re.finditer(rf"<!-- {part}: generated -->\n(.*?)<!-- end -->", text, re.DOTALL))
        if len(found) != 1:
            raise ValueError(f"{page} has {len(found)} parts marked `{part}: generated`, expected 1")
        text = f"{text[: found[0].start(1)]}{new}\n{text[found[0].end(1) :]}"
    return text


def files() -> Iterator[tuple[Path, str]]:
    """Every generated file with what is to be in it."""
    draw = diagram().draw
    yield FAMILIES / "README.md", replaced(FAMILIES / "README.md", index=index())
    for family, (name, module) in FIGURES.items():
        page = FAMILIES / f"{family}.md"
        yield page, replaced(page, figure=figure(family), cost=cost_table(family))
        yield FAMILIES / "figures" / f"{family}.svg", draw(ca.trace(name), module)


def main(check: bool) -> int:
    """Write, or say what is not up to date."""
    old = [(path, text) for path, text in files() if not path.exists() or path.read_text() != text]
    for path, text in old:
        if check:
            print(f"{path} is not up to date: run `python docs/make.py`")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
