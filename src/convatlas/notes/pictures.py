"""The notes' pictures, rebuilt from computed data: rows of plain numbers for each chart."""

from __future__ import annotations

from typing import Any

from ..accuracy import IMAGENET
from ..analysis.cost import LayerCost
from . import measure as m
from .sections import alexnet, googlenet, memory, resnet, resnext

Rows = list[dict[str, Any]]
QUANTITIES = (("memory", "memory (MB)", "内存 (MB)"), ("params", "parameters (M)", "参数量 (M)"), ("macs", "MACs (M)", "乘加 (M)"))


def _measures(label: str, layers: list[LayerCost], **more: str) -> Rows:
    values = {
        "memory": m.memory_of(layers) / 2**20,
        "params": m.params_of(layers) / 1e6,
        "macs": m.macs_of(layers) / 1e6,
    }
    return [{"label": label, "quantity": key, "value": values[key], **more} for key, _, _ in QUANTITIES]


def alexnet_layers() -> Rows:
    """Memory, parameters and MACs of AlexNet's weighted layers, at the lecture's size."""
    rows = []
    for row in alexnet.TABLE:
        if row.label.startswith(("conv", "fc")):
            rows += _measures(row.label, [m.layer("alexnet", row.path, alexnet.SIZE)])
    return rows


def alexnet_and_vgg() -> Rows:
    """The same of AlexNet and VGG-16, VGG's convolutions added up for each stage."""
    rows = []
    for network, name, size in (("alexnet", "AlexNet", alexnet.SIZE), ("vgg16", "VGG-16", None)):
        groups: dict[str, list[LayerCost]] = {}
        stages: list[str] = []
        linear = 5
        for place, layer in enumerate(m.of_ops(m.cost(network, size), "conv2d", "linear")):
            if layer.op == "linear":
                linear += 1
                label = f"fc{linear}"
            else:
                key = str(place) if network == "alexnet" else layer.stage
                stages += [key] if key not in stages else []
                label = f"conv{stages.index(key) + 1}"
            groups.setdefault(label, []).append(layer)
        for label, layers in groups.items():
            rows += _measures(label, layers, network=name)
    return rows


def stems() -> Rows:
    """GoogLeNet's stem and VGG-16's convolutions, down to 28x28."""
    return [*_measures("GoogLeNet", googlenet.stem()), *_measures("VGG-16", googlenet.vgg())]


def blocks() -> Rows:
    """MACs of residual blocks of equal outer width, part by part, in units of HWC^2."""
    c = resnext.CHANNELS
    parts = [
        ("basic (C)", "3x3", resnet.in_hwc2((1, 1, 3))),
        ("basic (C)", "3x3 ", resnet.in_hwc2((1, 1, 3))),
        ("bottleneck (4C)", "1x1", resnet.in_hwc2((4, 1, 1))),
        ("bottleneck (4C)", "3x3", resnet.in_hwc2((1, 1, 3))),
        ("bottleneck (4C)", "1x1 ", resnet.in_hwc2((1, 4, 1))),
    ]
    for groups, width in ((4, 24), (32, 4)):
        label = f"ResNeXt {groups}x{width}d (4C)"
        cost = resnext.block_cost(groups, width)
        for part, layer in zip(("1x1", "3x3", "1x1 "), cost.layers, strict=True):
            parts.append((label, part, layer.macs / (c * c * resnext.SIDE**2)))
    return [{"label": label, "part": part.strip(), "order": i, "value": value} for i, (label, part, value) in enumerate(parts)]


def training_memory() -> Rows:
    """VGG-16 at a batch of 128: the notes' sum, and what the simulated step holds at its peak, in GB."""
    gb = 2**30
    weights = memory.parameter_bytes() / gb
    images = memory.BATCH * memory.image_bytes() / gb
    rows = [
        ("notes", "parameters", weights),
        ("notes", "gradients", weights),
        ("notes", "optimizer state", weights),
        ("notes", "outputs, forward", images),
        ("notes", "outputs, backward", images),
    ]
    peak = m.memory("vgg16", memory.BATCH)
    rows += [("simulated", kind, held / gb) for kind, held in peak.breakdown.items() if held > 0.002 * peak.peak_bytes]
    return [{"label": label, "part": part, "order": i, "value": value} for i, (label, part, value) in enumerate(rows)]


def accuracy() -> Rows:
    """Published top-1 accuracy on ImageNet against MACs, with parameters, for the networks whose paper states it."""
    from ..zoo import REGISTRY

    rows = []
    for name, entry in REGISTRY.items():
        if "top1" in entry.published and entry.dataset == IMAGENET:
            cost = m.cost(name)
            rows.append(
                {
                    "name": name,
                    "family": entry.family,
                    "top1": entry.published["top1"],
                    "gmacs": cost.macs / 1e9,
                    "mparams": cost.params / 1e6,
                }
            )
    return rows
