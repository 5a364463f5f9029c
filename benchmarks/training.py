"""Images a second of `convatlas train`'s loop, as ratios to a bare PyTorch loop; of its way of loading a folder, to torchvision's;
and the peak of memory that the plan predicts, beside what torch's profiler sees allocated in a step of the loop.

The bare loop trains the same network in the same precision and memory format, on batches that lie ready in memory as float tensors: it
neither varies images, averages weights, sums losses nor looks at the clock. The loops take turns, `PAIRS` times; a ratio is the median
over the pairs.

    python benchmarks/training.py [network]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets
from torchvision.transforms import v2

from convatlas.analysis.memory import training_memory
from convatlas.measure.memory import _peak_of_allocations
from convatlas.train.choose import chosen_recipe
from convatlas.train.data import Augmentation, Data, Loader, open_data
from convatlas.train.data.images import MemoryImages
from convatlas.train.device import autocast, precision_of
from convatlas.train.job import Job
from convatlas.train.loop import Sums, train_step
from convatlas.train.networks import make_network, zoo_reads
from convatlas.train.optimizer import set_modes
from convatlas.train.plan import graphs_of, memory_settings
from convatlas.train.recipes import recipe_named
from convatlas.train.training import Training, make_accelerator, make_training

NETWORKS = ("resnet20_cifar", "resnet18", "mobilenet_v2", "densenet121", "vgg11_bn", "shufflenet_v2_x1_0")
PAIRS, STEPS, BATCH = 5, 30, 128
PLAIN = {"ema": 0.0, "crop": "none", "flip": False, "label_smoothing": 0.0}


def synthetic(images: int, size: int) -> Data:
    """Noise in memory, as Fashion-MNIST lies there."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (images, 1, size, size), dtype=np.uint8)
    split = MemoryImages("noise", pixels, np.arange(images) % 10)
    classes = tuple(f"class {index}" for index in range(10))
    return Data(name="noise", train=split, val=split, classes=classes, channels=1, size=size, short_sides=(size, size))


def training_of(network: str, data: Data, changes: dict[str, object]) -> Training:
    recipe, _ = chosen_recipe(recipe_named("modern"), data, epochs=1, batch=None, changes={"batch": BATCH, **changes})
    reads = zoo_reads(network, data)
    job = Job(model=network, data="noise", recipe=recipe, precision=precision_of("auto", "cpu"), device="cpu", size=reads.size)
    made = make_network(network, reads)
    return make_training(job, data, Path(), made, reads, data.preprocessing(reads.size, reads.channels), make_accelerator(job))


def bare(network: str, data: Data) -> Callable[[], float]:
    """A loop as short as it can be; a call trains an epoch and gives images a second."""
    reads = zoo_reads(network, data)
    model = make_network(network, reads).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.2, momentum=0.9, nesterov=True, weight_decay=5e-4)
    precision = precision_of("auto", "cpu")
    assert data.train.pixels is not None
    pixels = torch.from_numpy(np.asarray(data.train.pixels)).float().div(255).sub(0.5).div(0.25)
    labels = torch.from_numpy(data.train.labels)

    def epoch() -> float:
        began = time.perf_counter()
        for first in range(0, len(labels), BATCH):
            batch = pixels[first : first + BATCH].contiguous(memory_format=torch.channels_last)
            with autocast(precision, "cpu"):
                output = model(batch)
            loss = F.cross_entropy(output.float(), labels[first : first + BATCH])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return len(labels) / (time.perf_counter() - began)

    return epoch


def ours(network: str, data: Data, changes: dict[str, object]) -> Callable[[], float]:
    training = training_of(network, data, changes)
    set_modes(training.state.network)

    def epoch() -> float:
        began = time.perf_counter()
        sums = Sums(training)
        for batch in training.loader.epoch(0):
            train_step(training, [batch], sums)
            training.display.is_due()
        sums.settle()
        training.state.progress.images = 0
        return len(data.train) / (time.perf_counter() - began)

    return epoch


def ratio(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float, float]:
    """Median speed of each, and the median of the pairs' ratios, first to second."""
    first(), second()
    pairs = [(first(), second()) for _ in range(PAIRS)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def folder_ratio() -> tuple[float, float, float]:
    """A folder of JPEG files through this project's loader, and through torchvision's ImageFolder with the same transforms."""
    with tempfile.TemporaryDirectory() as place:
        random = np.random.default_rng(0)
        for index in range(256):
            folder = Path(place) / "photos" / "ab"[index % 2]
            folder.mkdir(parents=True, exist_ok=True)
            coarse = Image.fromarray(random.integers(0, 256, (16, 20, 3), dtype=np.uint8))
            coarse.resize((500, 400), Image.Resampling.BICUBIC).save(folder / f"{index}.jpg", quality=90)
        data = open_data(Path(place) / "photos")
        loader = Loader(
            data.train, classes=2, batch=32, channels=3, preprocessing=data.preprocessing(224, 3), training=True,
            augmentation=Augmentation(crop="resized", flip=True),
        )  # fmt: skip
        transform = v2.Compose(
            [v2.RandomResizedCrop(224), v2.RandomHorizontalFlip(), v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
             v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
        )  # fmt: skip
        theirs = DataLoader(datasets.ImageFolder(f"{place}/photos", transform), batch_size=32, shuffle=True)

        def here() -> float:
            began = time.perf_counter()
            count = sum(len(batch.labels) for batch in loader.epoch(0))
            return count / (time.perf_counter() - began)

        def there() -> float:
            began = time.perf_counter()
            count = sum(len(labels) for _, labels in theirs)
            return count / (time.perf_counter() - began)

        return ratio(here, there)


def peaks(network: str) -> tuple[int, int]:
    """Bytes of tensors at the peak of a step over 32 images of 32 x 32: predicted, and measured."""
    training = training_of(network, synthetic(64, 32), {"batch": 32})
    state, reads = training.state, zoo_reads(network, training.data)
    set_modes(state.network)
    sums, (first, second) = Sums(training), list(training.loader.epoch(0))
    train_step(training, [first], sums)
    kept = [*state.network.state_dict().values(), *state.result.state_dict().values(), second.pixels, second.labels]
    kept += [value for entry in state.optimizer.state.values() for value in entry.values() if isinstance(value, torch.Tensor)]
    resident = sum(value.numel() * value.element_size() for value in kept)
    measured = resident + _peak_of_allocations(lambda: train_step(training, [second], sums))
    settings = memory_settings(training.job, torch.device("cpu"), 1)
    return training_memory(graphs_of(state.network, network, reads)(32), settings).peak_bytes, measured


def main() -> None:
    network = sys.argv[1] if len(sys.argv) > 1 else "resnet20_cifar"
    data = synthetic(STEPS * BATCH, 28)
    print(
        f"{network}, 1x28x28, batch {BATCH}, {precision_of('auto', 'cpu')}, CPU, {torch.get_num_threads()} thread(s), torch {torch.__version__}"
    )
    for name, changes in (("with everything of `modern`", {}), ("with nothing that the bare loop lacks", PLAIN)):
        speed, reference, found = ratio(ours(network, data, dict(changes)), bare(network, data))
        print(f"convatlas {name}: {speed:,.0f} images/s; bare loop {reference:,.0f}; ratio {found:.3f}")
    speed, reference, found = folder_ratio()
    print(f"a folder of JPEG at 224 pixels: {speed:,.0f} images/s; torchvision's ImageFolder {reference:,.0f}; ratio {found:.3f}")
    for each in NETWORKS:
        predicted, measured = peaks(each)
        share = 100 * (predicted / measured - 1)
        print(f"peak of {each}: predicted {predicted / 2**20:,.1f} MiB, measured {measured / 2**20:,.1f} MiB ({share:+.2f} %)")


if __name__ == "__main__":
    main()
