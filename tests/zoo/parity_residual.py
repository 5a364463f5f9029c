"""The residual networks beside torchvision's and timm's, and beside the figures published for them.

The tables are those of `parity_classics.py`.
"""

from convatlas.weights.timm_names import TIMM
from convatlas.zoo import entry

RESIDUAL = ("preact_resnet", "senet", "resnext")

TORCHVISION = [
    ("resnet18", "11689512", "1.814"),
    ("resnet34", "21797672", "3.664"),
    ("resnet50", "25557032", "4.089"),
    ("resnet101", "44549160", "7.801"),
    ("resnet152", "60192808", "11.514"),
    ("resnext50_32x4d", "25028904", "4.23"),
    ("resnext101_32x8d", "88791336", "16.414"),
    ("resnext101_64x4d", "83455272", "15.46"),
    ("wide_resnet50_2", "68883240", "11.398"),
    ("wide_resnet101_2", "126886696", "22.753"),
    ("densenet121", "7978856", "2.834"),
    ("densenet161", "28681000", "7.728"),
    ("densenet169", "14149480", "3.36"),
    ("densenet201", "20013928", "4.291"),
]

PARITY = [
    *((name, "torchvision", name, {}, None) for name, _, _ in TORCHVISION),
    *((name, "timm", theirs, {}, key_map) for name, (theirs, key_map) in TIMM.items() if entry(name).family in RESIDUAL),
]

HE = "He et al. arXiv:1512.03385"
CIFAR = f"{HE} Table 6"
LOCAL = "exact"
HU = "Hu et al. arXiv:1709.01507"
PYCLS = "facebookresearch/pycls@5719de6"
DENSE_README = "liuzhuang13/DenseNet README"
XIE = "Xie et al. arXiv:1611.05431 Table 3"

EXACT = {  # our name: size, parameters, MACs
    "resnet50_v1": (224, None, "3857973248"),
    "resnet101_v1": (224, None, "7570194432"),
    "resnet152_v1": (224, None, "11282415616"),
    "resnet200_v1": (224, None, "14776270848"),
    "resnet20_cifar": (32, "269722", "40551040"),
    "resnet32_cifar": (32, "464154", "68862592"),
    "resnet44_cifar": (32, "658586", "97174144"),
    "resnet56_cifar": (32, "853018", "125485696"),
    "resnet110_cifar": (32, "1727962", "252887680"),
    "resnet1202_cifar": (32, "19421274", "2829238912"),
    "preact_resnet164_cifar": (32, "1703258", None),
    "preact_resnet1001_cifar": (32, "10327706", None),
    "resnext50_1x64d": (224, "25557032", "4089184256"),
    "resnext50_2x40d": (224, "25425000", "4124508160"),
    "resnext50_4x24d": (224, "25292968", "4159832064"),
    "resnext50_8x14d": (224, "25603016", "4267409408"),
    "resnext50_32x4d": (224, "25028904", "4230479872"),
    "resnext101_1x64d": (224, "44549160", "7801405440"),
    "resnext101_2x40d": (224, "44456296", "7843553280"),
    "resnext101_4x24d": (224, "44363432", "7885701120"),
    "resnext101_8x14d": (224, "45104328", "8076871680"),
    "resnext101_32x4d": (224, "44177704", "7969996800"),
    "resnext101_64x4d": (224, "83455272", "15460270080"),
    "densenet264": (224, "33337704", "5751653376"),
    "densenet40_k12_cifar": (32, "1019722", "264812928"),
    "densenet100_k12_cifar": (32, "6979642", "1769516448"),
    "densenet100_k24_cifar": (32, "27249082", "6889347744"),
    "densenet_bc100_k12_cifar": (32, "769162", "287929692"),
    "densenet_bc250_k24_cifar": (32, "15324406", "5418785724"),
    "densenet_bc190_k40_cifar": (32, "25624430", "9301945740"),
}

BURDEN = {  # its network's name here: GMAC, MiB of parameters and of the norms' running statistics
    "resnet18": ("2", "45"),
    "resnet34": ("4", "83"),
    "resnet50_v1": ("4", "98"),
    "resnet101_v1": ("8", "170"),
    "resnet152_v1": ("11", "230"),
    "resnext50_32x4d": ("4", "96"),
    "resnext101_32x4d": ("8", "169"),
    "resnext101_64x4d": ("16", "319"),
    "seresnet50": ("4", "107"),
    "seresnet101": ("8", "189"),
    "seresnet152": ("11", "255"),
    "senet154": ("21", "440"),
    "densenet121": ("3", "31"),
    "densenet161": ("8", "110"),
    "densenet169": ("3", "55"),
    "densenet201": ("4", "77"),
}

BURDEN_README = "albanie/convnet-burden README"
WITHOUT_STATISTICS = {  # the same in MiB
    *("resnet18", "resnet34", "resnet101_v1", "resnet152_v1"),
    *("resnext101_32x4d", "seresnet50", "seresnet152"),
}

PUBLISHED = [
    *(
        (name, {}, 224, quantity, value, unit, f"torchvision 0.29.1 {name}")
        for name, params, gmacs in TORCHVISION
        for quantity, value, unit in (("params", params, "count"), ("macs", gmacs, "G"))
    ),
    *(
        (name, {}, size, quantity, value, "count", LOCAL)
        for name, (size, params, macs) in EXACT.items()
        for quantity, value in (("params", params), ("macs", macs))
        if value is not None
    ),
    *((name, {}, 224, "macs", gmacs, "G", BURDEN_README) for name, (gmacs, _) in BURDEN.items() if gmacs != "16"),
    *((name, {}, 224, "params", BURDEN[name][1], "MiB", BURDEN_README) for name in WITHOUT_STATISTICS),
    ("seresnet101", {}, 224, "macs", "7.6", "G", f"{HU} Table 2"),
    ("seresnext101_32x4d", {}, 224, "macs", "8.0", "G", f"{HU} Table 2"),
    ("plain56_cifar", {}, 32, "params", "853018", "count", f"{PYCLS} V-56 (plain)"),
    ("resnet18", {}, 224, "macs", "1.8", "G", f"{HE} Table 1"),
    ("resnet101_v1", {}, 224, "macs", "7.6", "G", f"{HE} Table 1"),
    ("resnet152_v1", {}, 224, "macs", "11.3", "G", f"{HE} Table 1"),
    ("resnet20_cifar", {}, 32, "params", "0.27", "M", CIFAR),
    ("resnet32_cifar", {}, 32, "params", "0.46", "M", CIFAR),
    ("resnet44_cifar", {}, 32, "params", "0.66", "M", CIFAR),
    ("resnet56_cifar", {}, 32, "params", "0.85", "M", CIFAR),
    ("resnet110_cifar", {}, 32, "params", "1.7", "M", CIFAR),
    ("resnet1202_cifar", {}, 32, "params", "19.4", "M", CIFAR),
    ("preact_resnet164_cifar", {}, 32, "params", "1.7", "M", "He et al. arXiv:1603.05027"),
    ("resnext50_1x64d", {}, 224, "macs", "4.1", "G", XIE),
    ("resnext50_2x40d", {}, 224, "macs", "4.1", "G", XIE),
    ("resnext101_1x64d", {}, 224, "macs", "7.8", "G", XIE),
    ("resnext101_2x40d", {}, 224, "macs", "7.8", "G", XIE),
    *((f"resnext50_{setting}", {}, 224, "params", "25", "M", XIE) for setting in ("2x40d", "4x24d", "32x4d")),
    *((f"resnext101_{setting}", {}, 224, "params", "44", "M", XIE) for setting in ("2x40d", "4x24d", "32x4d")),
    ("resnet50", {}, 224, "params", "25.6", "M", f"{PYCLS} MODEL_ZOO.md"),
    ("resnet50", {}, 224, "macs", "4.1", "G", f"{PYCLS} MODEL_ZOO.md"),
    ("resnet101", {}, 224, "params", "44.5", "M", f"{PYCLS} MODEL_ZOO.md"),
    ("resnet101", {}, 224, "macs", "7.8", "G", f"{PYCLS} MODEL_ZOO.md"),
    ("resnet152", {}, 224, "params", "60.2", "M", f"{PYCLS} MODEL_ZOO.md"),
    ("resnet152", {}, 224, "macs", "11.5", "G", f"{PYCLS} MODEL_ZOO.md"),
    ("resnext50_32x4d", {}, 224, "params", "25.0", "M", f"{PYCLS} MODEL_ZOO.md"),
    ("resnext50_32x4d", {}, 224, "macs", "4.2", "G", f"{PYCLS} MODEL_ZOO.md"),
    ("resnext101_32x4d", {}, 224, "params", "44.2", "M", f"{PYCLS} MODEL_ZOO.md"),
    ("resnext101_32x4d", {}, 224, "macs", "8.0", "G", f"{PYCLS} MODEL_ZOO.md"),
    ("resnet50_v1", {}, 224, "macs", "3.86", "G", f"{HU} Table 2"),
    *(
        ("seresnet50", {"reduction": reduction}, 224, "params", value, "count", "exact (FC with bias)")
        for reduction, value in ((2, "45699240"), (4, "35635688"), (8, "30603912"), (16, "28088024"), (32, "26830080"))
    ),
    ("seresnet50", {"reduction": 2}, 224, "params", "45.7", "M", f"{HU} Table 10"),
    ("seresnet50", {"reduction": 16}, 224, "params", "28.1", "M", f"{HU} Table 10"),
    ("resnet50_v1", {}, 224, "params", "25.6", "M", f"{HU} Table 10"),
    ("resnet152_v1", {}, 224, "macs", "11.3", "G", f"{HU} Table 2"),
    *(
        ("resnet50", {"reduction": 16}, 224, "params", value, unit, f"{HU} Table 10")
        for value, unit in (("28.1", "M"), ("28088024", "count"))
    ),
    *(("seresnet50", {"squeezed_stages": (stage,)}, 224, "macs", "3.86", "G", f"{HU} Tables 13-16") for stage in (1, 2, 3)),
    ("seresnet50", {"squeezed_stages": (1,)}, 224, "params", "25.6", "M", f"{HU} Tables 13-16"),
    ("seresnet50", {"squeezed_stages": (2,)}, 224, "params", "25.7", "M", f"{HU} Tables 13-16"),
    ("senet154", {}, 224, "macs", "20.7", "G", "megvii-model/ShuffleNet-Series ShuffleNetV2.Large README"),
    ("densenet201", {}, 224, "params", "20", "M", "Huang et al. sec 4.4 text"),
    ("densenet40_k12_cifar", {}, 32, "params", "1.0", "M", DENSE_README),
    ("densenet100_k12_cifar", {}, 32, "params", "7.0", "M", DENSE_README),
    ("densenet100_k24_cifar", {}, 32, "params", "27.2", "M", DENSE_README),
    ("densenet_bc100_k12_cifar", {}, 32, "params", "0.8", "M", DENSE_README),
    ("densenet_bc250_k24_cifar", {}, 32, "params", "15.3", "M", DENSE_README),
    ("densenet_bc190_k40_cifar", {}, 32, "params", "25.6", "M", DENSE_README),
]

TABLE_2 = f"{HU} Table 2"
TABLE_10 = f"{HU} Table 10"

DEPARTS = [
    *(
        (name, {}, 224, "params", mebibytes, "MiB", BURDEN_README, "counts the norms' running statistics as well")
        for name, (_, mebibytes) in BURDEN.items()
        if name not in WITHOUT_STATISTICS
    ),
    ("seresnet50", {"squeezed_stages": (3,)}, 224, "params", "26.4", "M", f"{HU} Tables 13-16", "26.349992 M with biases"),
    ("resnet50_v1", {}, 224, "macs", "3.8", "G", f"{HE} Table 1", "3.858 G was cut off, not rounded"),
    ("resnet34", {}, 224, "macs", "3.6", "G", f"{HE} Table 1", "3.664 G was cut off, not rounded"),
    ("plain56_cifar", {}, 32, "macs", "125485706", "count", f"{PYCLS} V-56 (plain)", "adds the classifier's 10 biases"),
    ("preact_resnet1001_cifar", {}, 32, "params", "10.2", "M", "He et al. arXiv:1603.05027", "10.33 M by exact count"),
    ("resnext50_8x14d", {}, 224, "params", "25", "M", XIE, "one figure is printed for all settings; this one has 25.6 M"),
    ("resnext50_1x64d", {}, 224, "params", "25", "M", XIE, "one figure is printed for all settings; this one has 25.6 M"),
    ("resnext101_1x64d", {}, 224, "params", "44", "M", XIE, "one figure is printed for all settings; this one has 44.5 M"),
    ("resnext101_8x14d", {}, 224, "params", "44", "M", XIE, "one figure is printed for all settings; this one has 45.1 M"),
    ("resnext50_4x24d", {}, 224, "macs", "4.1", "G", XIE, "one figure is printed for all settings; this one has 4.16 G"),
    ("resnext50_8x14d", {}, 224, "macs", "4.1", "G", XIE, "one figure is printed for all settings; this one has 4.27 G"),
    ("resnext50_32x4d", {}, 224, "macs", "4.1", "G", XIE, "one figure is printed for all settings; this one has 4.23 G"),
    ("resnext101_4x24d", {}, 224, "macs", "7.8", "G", XIE, "one figure for all settings; this one has 7.89 G"),
    ("resnext101_8x14d", {}, 224, "macs", "7.8", "G", XIE, "one figure for all settings; this one has 8.08 G"),
    ("resnext101_32x4d", {}, 224, "macs", "7.8", "G", XIE, "one figure for all settings; this one has 7.97 G"),
    ("resnext101_64x4d", {}, 224, "macs", "16", "G", BURDEN_README, "exactly 15.46 G"),
    ("resnext101_64x4d", {}, 224, "macs", "15.6", "G", "facebookresearch/ResNeXt README", "'~15.6'; exactly 15.46 G"),
    ("seresnet50", {"reduction": 4}, 224, "params", "35.7", "M", TABLE_10, "35.64 M with biases"),
    ("seresnet50", {"reduction": 8}, 224, "params", "30.7", "M", TABLE_10, "30.60 M with biases"),
    ("seresnet50", {"reduction": 32}, 224, "params", "26.9", "M", TABLE_10, "26.83 M with biases"),
    ("seresnet50", {}, 224, "macs", "3.87", "G", TABLE_2, "3.860 G; the channel-wise products, no MACs here, are 0.006 G"),
    ("seresnet152", {}, 224, "macs", "11.32", "G", TABLE_2, "11.289 G; its plain baseline is printed as 11.3 for 11.282"),
    ("seresnext50_32x4d", {}, 224, "macs", "4.25", "G", TABLE_2, "4.233 G; its plain baseline is printed as 4.24 for 4.230"),
    ("resnet101_v1", {}, 224, "macs", "7.58", "G", TABLE_2, "7.570 G in convolutions and the linear layer"),
    ("resnext50_32x4d", {}, 224, "macs", "4.24", "G", TABLE_2, "4.230 G in convolutions and the linear layer"),
    ("resnext101_32x4d", {}, 224, "macs", "7.99", "G", TABLE_2, "7.970 G in convolutions and the linear layer"),
]
