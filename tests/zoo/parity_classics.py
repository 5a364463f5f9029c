"""The classic networks beside torchvision's, and beside the figures published for them.

`PARITY`: our name, library, its name, our options, a function from its parameter names to ours (None: the same names).
`PUBLISHED`: our name, our options, input size, quantity, the value as printed, its unit (MiB: of float32), its source.
`DEPARTS`: the same for figures that our network does not have, with the reason.
"""

TORCHVISION = [
    ("alexnet", "61100840", "0.714"),
    ("vgg11", "132863336", "7.609"),
    ("vgg11_bn", "132868840", "7.609"),
    ("vgg13", "133047848", "11.308"),
    ("vgg13_bn", "133053736", "11.308"),
    ("vgg16", "138357544", "15.47"),
    ("vgg16_bn", "138365992", "15.47"),
    ("vgg19", "143667240", "19.632"),
    ("vgg19_bn", "143678248", "19.632"),
    ("squeezenet1_0", "1248424", "0.819"),
    ("squeezenet1_1", "1235496", "0.349"),
    ("googlenet", "6624904", "1.498"),
    ("inception_v3", "27161264", "5.713"),
]

# torchvision counts GoogLeNet without its auxiliary classifiers, and Inception-v3 with its own
OPTIONS = {"googlenet": {"aux_logits": False}}
SIZES = {"inception_v3": 299}

PARITY = [
    *((name, "torchvision", name, {}, None) for name, _, _ in TORCHVISION),
    ("inception_v3", "timm", "inception_v3", {"aux_logits": False}, None),
]

SIMONYAN = "Simonyan & Zisserman arXiv:1409.1556 Table 2"
IMGCLSMOB = "osmr/imgclsmob@c1a844dd gluon/README.md"
BURDEN = "albanie/convnet-burden@9c7f31b README"
HIGHWAY = "arXiv:1507.06228 as quoted in He et al. arXiv:1512.03385 Table 6"
LECTURE = "EECS498 FA2019 Lecture 8 slides"
NO_AUX = {"aux_logits": False}

PUBLISHED = [
    *(
        (name, OPTIONS.get(name, {}), SIZES.get(name, 224), quantity, value, unit, f"torchvision 0.29.1 {name}")
        for name, params, gmacs in TORCHVISION
        for quantity, value, unit in (("params", params, "count"), ("macs", gmacs, "G"))
    ),
    ("vgg16", {}, 224, "params", "138357544", "count", "torchvision 0.29.1 VGG16_Weights.IMAGENET1K_FEATURES"),
    ("vgg16", {}, 224, "macs", "15.47", "G", "torchvision 0.29.1 VGG16_Weights.IMAGENET1K_FEATURES"),
    ("lenet5", {}, 32, "params", "60000", "count", "LeCun et al. 1998 (Proc. IEEE 86(11))"),
    ("alexnet_2012", {}, 227, "params", "60965224", "count", "AlexNet grouped, exact"),
    ("alexnet_2012", {}, 227, "macs", "724406816", "count", "AlexNet grouped, exact"),
    ("alexnet_2012", {"groups": 1}, 227, "params", "62378344", "count", "AlexNet ungrouped, exact"),
    ("alexnet_2012", {"groups": 1}, 227, "macs", "1135256096", "count", "AlexNet ungrouped, exact"),
    ("alexnet", {}, 227, "params", "61", "M", LECTURE),
    ("alexnet", {}, 227, "macs", "0.7", "G", LECTURE),
    ("zfnet", {}, 224, "params", "62357608", "count", IMGCLSMOB),
    ("zfnet_512", {}, 224, "params", "107627624", "count", IMGCLSMOB),
    ("nin_cifar", {}, 32, "params", "966986", "count", IMGCLSMOB),
    ("nin_cifar", {}, 32, "macs", "222486528", "count", "pytorchcv 0.0.74 measured"),
    ("vgg11", {}, 224, "params", "133", "M", SIMONYAN),
    ("vgg13", {}, 224, "params", "133", "M", SIMONYAN),
    ("vgg16_c", {}, 224, "params", "134", "M", SIMONYAN),
    ("vgg16", {}, 224, "params", "138", "M", SIMONYAN),
    ("vgg19", {}, 224, "params", "144", "M", SIMONYAN),
    ("vgg19", {}, 224, "macs", "19.6", "G", "He et al. arXiv:1512.03385 sec. 4.1"),
    ("vgg16_bn", {}, 224, "macs", "15.47", "G", "Hu et al. arXiv:1709.01507 (TPAMI) Table 2"),
    ("vgg16", {}, 224, "params", "138", "M", LECTURE),
    ("vgg19", {}, 224, "macs", "20", "G", BURDEN),
    ("googlenet_2014", NO_AUX, 224, "params", "6998552", "count", "GoogLeNet exact, true 5x5 branch, no aux"),
    ("googlenet_2014", NO_AUX, 224, "macs", "1582671872", "count", "GoogLeNet exact, true 5x5 branch"),
    ("googlenet_2014", NO_AUX, 224, "macs", "2", "G", BURDEN),
    ("inception_v3", NO_AUX, 299, "macs", "6", "G", BURDEN),
    *(
        (name, options, 224, "params", mebibytes, "MiB", f"{BURDEN}, parameter memory")
        for name, options, mebibytes in (
            ("alexnet_2012", {}, "233"),
            ("squeezenet1_0", {}, "5"),
            ("squeezenet1_1", {}, "5"),
            ("vgg16", {}, "528"),
            ("vgg19", {}, "548"),
            ("googlenet_2014", {}, "51"),
            ("inception_v3", NO_AUX, "91"),
        )
    ),
    ("squeezenet1_0", {}, 224, "params", "1248424", "count", "Iandola et al. arXiv:1602.07360"),
    ("highway19", {}, 32, "params", "2.3", "M", HIGHWAY),
    ("highway32", {}, 32, "params", "1.25", "M", HIGHWAY),
]

MORE_OPS = "it counts more than the multiply-accumulates of convolutions and linear layers"
DEPARTS = [
    ("alexnet_2012", {}, 227, "params", "60", "M", "Krizhevsky et al. NIPS 2012, abstract", "60.97 M: rounded down"),
    ("alexnet_2012", {}, 227, "macs", "727", "M", BURDEN, MORE_OPS),
    ("zfnet", {}, 224, "macs", "1170.33", "M", IMGCLSMOB, MORE_OPS),
    ("zfnet_512", {}, 224, "macs", "2479.13", "M", IMGCLSMOB, MORE_OPS),
    (
        "vgg16",
        {},
        224,
        "macs",
        "15.3",
        "G",
        "He et al. arXiv:1512.03385 sec. 4.1",
        "15.35 G without linear layers",
    ),
    ("vgg16", {}, 224, "macs", "16", "G", BURDEN, MORE_OPS),
    ("vgg16", {}, 224, "macs", "13.6", "G", LECTURE, "the slide leaves out a convolution of stage 3"),
    ("googlenet_2014", NO_AUX, 224, "params", "6797.7", "K", "sum of Table 1 rows", "the table's rows are wrong"),
    ("googlenet_2014", NO_AUX, 224, "macs", "1502", "M", "sum of Table 1 rows", "the table's rows are wrong"),
    ("squeezenet1_0", {}, 224, "macs", "837", "M", BURDEN, MORE_OPS),
    ("squeezenet1_1", {}, 224, "macs", "360", "M", BURDEN, MORE_OPS),
    ("lenet5", {}, 32, "params", "61706", "count", "local build", "C3 connected to all of S2, and a linear output"),
]
