"""Which networks timm has too, and where its parameters of the mobile families stand in this zoo, which follows torchvision.

timm writes a block as `blocks.STAGE.BLOCK.PART` and names parts after what they are; torchvision numbers them.
A map is a function from a name there to the name here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial

KeyMap = Callable[[str], str]
_OURS = ("features.", "layers.", "trunk_output.")  # how names begin in families that timm names otherwise
Stage = tuple[str, bool]  # kind of the stage's blocks, and whether they have squeeze-and-excitation

# The layers of a block: a convolution and its norm, with squeeze-and-excitation before the last if there is any.
LAYERS = {
    "separable": (("conv_dw", "bn1"), ("conv_pw", "bn2")),
    "inverted": (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3")),
    "fused": (("conv_exp", "bn1"), ("conv_pwl", "bn2")),
    "plain": (("conv", "bn1"),),
}
SQUEEZE = {"se.conv_reduce": "fc1", "se.conv_expand": "fc2"}


def place(stage: Stage, part: str) -> tuple[int, str]:
    """Which layer of its block a part is in, and its name inside that layer."""
    kind, squeeze = stage
    layers = LAYERS[kind]
    last = len(layers) - 1
    if part in SQUEEZE:
        return last, SQUEEZE[part]
    i = next(i for i, layer in enumerate(layers) if part in layer)
    return i + (squeeze and i == last), str(layers[i].index(part))


def efficientnet(stages: tuple[Stage, ...], key: str) -> str:
    """`features.STAGE.BLOCK.block.LAYER.INSIDE`, also for EfficientNet-Lite and the base networks of EfficientNetV2."""
    last = len(stages) + 1
    outer = {"conv_stem": "features.0.0", "bn1": "features.0.1", "classifier": "classifier.1"}
    outer |= {"conv_head": f"features.{last}.0", "bn2": f"features.{last}.1"}
    stem, tensor = key.rsplit(".", 1)
    if stem in outer:
        return f"{outer[stem]}.{tensor}"
    _, stage, block, part = stem.split(".", 3)
    layer, inside = place(stages[int(stage)], part)
    return f"features.{int(stage) + 1}.{block}.block.{layer}.{inside}.{tensor}"


def mobilenet_v2(key: str) -> str:
    """`features.BLOCK.conv.LAYER.INSIDE`, blocks counted through, the last convolution and norm of a block unrolled."""
    renamed = efficientnet(MOBILENET_V2, key)
    if renamed.startswith(("features.0.", "classifier.")):
        return renamed
    if last := re.fullmatch(r"features\.8\.(.+)", renamed):
        return f"features.18.{last[1]}"
    _, stage, block, _, layer, inside, tensor = renamed.split(".")
    index = (1, 2, 4, 7, 11, 14, 17)[int(stage) - 1] + int(block)
    unrolled = 1 if stage == "1" else 2
    where = f"{layer}.{inside}" if int(layer) < unrolled else str(unrolled + int(inside))
    return f"features.{index}.conv.{where}.{tensor}"


def mnasnet(stages: tuple[Stage, ...], key: str, *, first: int = 8) -> str:
    """`layers.STAGE.BLOCK.layers.LAYER`, convolutions, norms and activations counted through.

    ``first`` is the index of the second stage: 8 if the block before it is unrolled, 4 if it is one like the others.
    """
    renamed = efficientnet(stages, key)
    if renamed.startswith("classifier."):
        return renamed
    _, stage, *path, tensor = renamed.split(".")
    if stage == "0":
        return f"layers.{path[0]}.{tensor}"
    if stage == "8":
        return f"layers.{first + 6 + int(path[0])}.{tensor}"
    block, _, layer, inside = path
    kind, squeeze = stages[int(stage) - 1]
    if inside.startswith("fc"):
        where = f"{3 * int(layer)}.{inside}"
    else:
        where = str(3 * int(layer) - 2 * (squeeze and int(layer) == len(LAYERS[kind])) + int(inside))
    if stage > "1":
        return f"layers.{first + int(stage) - 2}.{block}.layers.{where}.{tensor}"
    return f"layers.{3 + int(where)}.{tensor}" if first == 8 else f"layers.3.layers.{where}.{tensor}"


def regnet(key: str) -> str:
    """`trunk_output.STAGE.BLOCK.f.LAYER`; timm counts stages and blocks from 1, torchvision blocks from 0."""
    key = key.replace("stem.conv.", "stem.0.").replace("stem.bn.", "stem.1.").replace("head.fc.", "fc.")
    found = re.fullmatch(r"s(\d+)\.b(\d+)\.(\w+)\.(.+)", key)
    if found is None:
        return key
    stage, block, part, rest = found.groups()
    layer = {"conv1": "f.a", "conv2": "f.b", "conv3": "f.c", "se": "f.se", "downsample": "proj"}[part]
    rest = rest if part == "se" else rest.replace("conv.", "0.").replace("bn.", "1.")
    return f"trunk_output.block{stage}.block{stage}-{int(block) - 1}.{layer}.{rest}"


def _inverted(*squeeze: bool) -> tuple[Stage, ...]:
    return tuple(("inverted", each) for each in squeeze)


MOBILENET_V2 = (("separable", False), *_inverted(*[False] * 6))

EFFICIENTNET: KeyMap = partial(efficientnet, (("separable", True), *_inverted(*[True] * 6)))
EFFICIENTNET_LITE: KeyMap = partial(efficientnet, MOBILENET_V2)
EFFICIENTNET_V2_BASE: KeyMap = partial(
    efficientnet, (("plain", False), ("fused", False), ("fused", False), *_inverted(*[True] * 3))
)
MNASNET_A1: KeyMap = partial(mnasnet, (("separable", False), *_inverted(False, True, False, True, True, False)))
MNASNET_SMALL: KeyMap = partial(mnasnet, (("separable", False), *_inverted(False, False, True, True, True, False)), first=4)
MNASNET_B1: KeyMap = partial(mnasnet, MOBILENET_V2)

# our name -> timm's, and a map of the names of parameters (None: they are the same)
TIMM: dict[str, tuple[str, KeyMap | None]] = {
    "mobilenet_v1": ("mobilenetv1_100", None),
    **{f"mobilenet_v2_{width}": (f"mobilenetv2_{width}", mobilenet_v2) for width in ("035", "050", "075", "140")},
    "mnasnet_a1": ("semnasnet_100", MNASNET_A1),
    **{f"mnasnet_a1_{width}": (f"semnasnet_{width}", MNASNET_A1) for width in ("050", "075", "140")},
    "mnasnet_small": ("mnasnet_small", MNASNET_SMALL),
    "mnasnet1_0": ("mnasnet_100", MNASNET_B1),
    "nasnetalarge": ("nasnetalarge", None),
    "efficientnet_b0": ("efficientnet_b0", EFFICIENTNET),
    **{f"efficientnet_lite{i}": (f"tf_efficientnet_lite{i}", EFFICIENTNET_LITE) for i in range(5)},
    **{f"efficientnet_v2_b{i}": (f"tf_efficientnetv2_b{i}", EFFICIENTNET_V2_BASE) for i in range(4)},
    **{
        f"regnet_{kind}_{size}": (f"regnet{kind}_{theirs}", regnet)
        for kind in ("x", "y")
        for size, theirs in (("200mf", "002"), ("600mf", "006"), ("4gf", "040"), ("6_4gf", "064"), ("12gf", "120"))
    },
    "regnet_x_400mf_pycls": ("regnetx_004", regnet),
    "regnet_y_800mf_pycls": ("regnety_008", regnet),
    "regnet_y_8gf_pycls": ("regnety_080", regnet),
    **{f"preact_resnet{depth}": (f"resnetv2_{depth}", None) for depth in (18, 34, 50, 101, 152)},
    **{f"seresnet{depth}": (f"legacy_seresnet{depth}", None) for depth in (18, 34, 50, 101, 152)},
    "seresnext50_32x4d": ("legacy_seresnext50_32x4d", None),
    "seresnext101_32x4d": ("legacy_seresnext101_32x4d", None),
    "senet154": ("legacy_senet154", None),
    "resnext101_32x4d": ("resnext101_32x4d", None),
}


def named_as_here(name: str, keys: Collection[str]) -> dict[str, str]:
    """The names here of a file's parameters: mapped, where ``name`` is a network whose names timm has differently.

    Names that are no such network's stay as they are.
    """
    _, key_map = TIMM.get(name, ("", None))
    if key_map is not None and not any(key.startswith(_OURS) for key in keys):
        try:
            return {key: key_map(key) for key in keys}
        except (LookupError, ValueError, StopIteration):  # neither ours nor timm's: what is wrong is said when it does not fit
            pass
    return {key: key for key in keys}
