"""The application: which commands there are. Importing it imports no torch; each command imports what it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from .bench import bench
from .calibrate import calibrate
from .compare import compare
from .cost import cost
from .evaluate import evaluate
from .export import export
from .fit_device import fit_device
from .memory import memory
from .notes import notes
from .pick import pick
from .predict import predict
from .recipes import recipes
from .report import report
from .scale import scale
from .search import search
from .serve import serve
from .solve import solve
from .space import space
from .speed import speed
from .study import study
from .train import train
from .zoo import list_, show

_AS_IT_IS = "\b"  # before lines that are not to be filled
STATUSES = {
    0: "all is well",
    1: "some images were skipped, by name (predict); the disk was full (train)",
    2: "what was asked is wrong or failed: one line on stderr says what",
    130: "Ctrl-C; what was trained is kept (train); 143: the same after SIGTERM",
    141: "the reader of a pipe went away",
}

app = typer.Typer(
    help="Know a convolutional network before you train it: what every layer costs, as a table or a page.",
    epilog="\n".join(
        [
            *("`convatlas help COMMAND` tells more of one.", "", _AS_IT_IS, "Exit status:"),
            *(f"  {status:<5}{meaning}" for status, meaning in STATUSES.items()),
        ]
    ),
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help pages: nothing is cut off at any width, and rich need not be imported
    # capitals mean the same in commands, options and choices
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": str.lower},
)


@app.callback(invoke_without_command=True)
def top(context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Say what there is when nothing is asked."""
    if version:
        from .. import __version__

        typer.echo(f"convatlas {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _add(command: Callable[..., Any], *examples: str) -> None:
    """A command of the function's name, with examples below its help."""
    epilog = "\n".join([_AS_IT_IS, "Examples:", *(f"  convatlas {example}" for example in examples)])
    app.command(command.__name__.rstrip("_").replace("_", "-"), epilog=epilog)(command)


_add(list_, "list 'resnet*'", "list --family vgg --sort top1", "list -o zoo.csv")
_add(show, "show resnet50", "show resnet50 --json")
_add(cost, "cost resnet50", "cost my_net.py:Net --input 3x64x64 --by stage", "cost timm:resnetv2_50 --sort memory -o layers.csv")
_add(memory, "memory resnet50 --batch 64 --precision amp --fit 8GiB", "memory my_net.py:Net --input 3x64x64 --by layer")
_add(
    speed,
    "speed resnet50 --device rtx4090 --batch 64 --precision amp",
    "speed resnet50 vgg16 --device rtx3090 --batch 256",
    "speed my_net.py:Net --input 3x64x64 --device t4 --like rtx3090",
)
_add(
    bench,
    "bench resnet50 --runtime eager --runtime openvino --batch 1,8",
    "bench my_net.py:Net --input 3x64x64 --json -o before.json",
    "bench my_net.py:Net --input 3x64x64 --against before.json",
)
_add(calibrate, "calibrate", "calibrate --threads 1 --limit 120")
_add(fit_device, "fit-device infer-amp-nchw-pt240-cu124-rtx3090.csv -o profiles/")
_add(compare, "compare alexnet vgg16 resnet50", "compare resnet50 'torchvision:resnet*'", "compare 'vgg*' -o vgg.md")
_add(
    pick,
    "pick --max-latency 5ms --device rtx4090 --max-params 30M",
    "pick --max-train-memory 8GiB --batch 64 --rank robust",
    "pick --like resnet50 --device rtx3090 --batch 64",
)
_add(
    scale,
    "scale efficientnet_b0 --depth 1.1 --resolution 240",
    "scale mobilenet_v2 --to-macs 150M",
    "scale resnet50 --to-latency 5ms --device rtx4090 --batch 16",
)
_add(
    solve,
    "solve resnext --free width --set groups=8 --like bottleneck",
    "solve se_bottleneck --free reduction --to-params 80k",
    "solve inverted_residual --free expansion --to-macs 20M",
)
_add(report, "report alexnet resnet50 -o page.html", "report resnet50 --chart layers -o layers.svg")
_add(notes, "notes vgg --only differs", "notes -o notes.html", "notes --lang zh -o notes.md")
_add(predict, "predict resnet50 cat.jpg", "predict resnet18 photos/ --weights mine.pth --num-classes 10")
_add(
    export,
    "export resnet50 --weights imagenet -o resnet50.onnx",
    "export runs/resnet20_cifar-digits -o digits.xml",
    "export my_net.py:Net --input 3x64x64 -o net.pt2",
    "export runs/photos --int8 photos/ -o photos.onnx",
)
_add(serve, "serve runs/photos", "serve photos.onnx --port 9000 --batch 32", "serve resnet50 --host 0.0.0.0 --queue 256")
_add(study, "study", "study degradation --quick", "study depthwise --seeds 5 --jobs 2 -o depthwise/")
_add(
    search,
    "search residual --data digits --trials 20 --max-params 50k",
    "search mobile --data photos/ --max-latency 2ms --device rtx4090",
    "search cells --score naswot --input 3x32x32 --trials 200",
    "search residual --data photos/ --ray auto --trial-gpus 1",
)
_add(
    space,
    "space residual regnet --data digits --networks 20 --epochs 3",
    "space residual mobile --score zen --min-macs 360M --max-macs 400M",
    "space nets.py:wide nets.py:narrow --data photos/ --ray auto",
)
_add(
    train,
    "train resnet20_cifar --data fashion-mnist --epochs 10",
    "train resnet50 --data photos/ --weights imagenet --head-first 2",
    "train --resume runs/resnet50-photos",
)
_add(evaluate, "evaluate runs/resnet50-photos", "evaluate runs/resnet50-photos --data more_photos/ --json")
_add(recipes, "recipes", "recipes vgg")
