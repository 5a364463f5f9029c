"""Networks of strangers: of other kinds than images' classifiers, each as a function that builds it and the shape of its input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint
from torchvision import models
from torchvision.ops import DeformConv2d

Build = Callable[[], nn.Module]
Case = tuple[Build, tuple[int, ...], dict[str, Any]]
Sequential, Conv2d, Conv3d, ReLU = nn.Sequential, nn.Conv2d, nn.Conv3d, nn.ReLU


class Net(nn.Module):
    """A network by its forward, as a function of itself and the input, and its layers."""

    def __init__(self, run: Callable[[Any, Tensor], Any], **layers: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def classes(width: int) -> tuple[nn.Module, ...]:
    """A head for maps of so many channels."""
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5)


def unet(dimensions: int, width: int) -> nn.Module:
    """Two steps down and up, with transposed convolutions (Ronneberger et al. 2015)."""
    conv, norm = getattr(nn, f"Conv{dimensions}d"), getattr(nn, f"BatchNorm{dimensions}d")
    up, pool = getattr(nn, f"ConvTranspose{dimensions}d"), getattr(nn, f"MaxPool{dimensions}d")(2)

    def block(before: int, after: int) -> nn.Module:
        layers = [each for into in (before, after) for each in (conv(into, after, 3, padding=1), norm(after), ReLU(True))]
        return Sequential(*layers)

    def run(net: Any, x: Tensor) -> Tensor:
        high = net.high(x)
        middle = net.middle(pool(high))
        middle = net.rejoined(torch.cat([net.up(net.low(pool(middle))), middle], 1))
        made: Tensor = net.last(net.whole(torch.cat([net.upper(middle), high], 1)))
        return made

    return Net(
        run, high=block(1, width), middle=block(width, 2 * width), low=block(2 * width, 4 * width),
        up=up(4 * width, 2 * width, 2, 2), rejoined=block(4 * width, 2 * width),
        upper=up(2 * width, width, 2, 2), whole=block(2 * width, width), last=conv(width, 3, 1),
    )  # fmt: skip


def pyramid() -> nn.Module:
    """Dilated convolutions side by side (Chen et al. 2017)."""

    def branch(dilation: int) -> nn.Module:
        return Sequential(Conv2d(64, 32, 3, padding=dilation, dilation=dilation, bias=False), nn.BatchNorm2d(32), ReLU())

    stem = Sequential(Conv2d(3, 32, 3, 2, 1), ReLU(), Conv2d(32, 64, 3, 2, 1), ReLU())

    def run(net: Any, x: Tensor) -> Tensor:
        x = net.stem(x)
        made: Tensor = net.last(torch.cat([branch(x) for branch in net.branches], 1))
        return F.interpolate(made, scale_factor=4, mode="bilinear")

    return Net(run, stem=stem, branches=nn.ModuleList(map(branch, (1, 6, 12, 18))), last=Conv2d(128, 5, 1))


def generator(dimensions: int) -> nn.Module:
    """Transposed convolutions from noise to an image (Radford et al. 2016)."""
    up, norm = getattr(nn, f"ConvTranspose{dimensions}d"), getattr(nn, f"BatchNorm{dimensions}d")
    return Sequential(
        up(64, 64, 4, 2, 1, bias=False), norm(64), ReLU(True), up(64, 32, 4, 2, 1, bias=False), norm(32), ReLU(True),
        up(32, 3, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip


def attention(**options: Any) -> nn.Module:
    """Four heads over one projection, merged again."""

    def run(net: Any, x: Tensor) -> Tensor:
        samples, length, width = x.shape
        query, key, value = net.inner(x).view(samples, length, 3, 4, width // 4).permute(2, 0, 3, 1, 4).unbind(0)
        made = F.scaled_dot_product_attention(query, key, value, **options)
        merged: Tensor = net.outer(made.transpose(1, 2).reshape(samples, length, width))
        return merged

    return Net(run, inner=nn.Linear(128, 384), outer=nn.Linear(128, 128))


def recurrent(layer: nn.Module, width: int) -> nn.Module:
    """Classes from the last step of a sequence."""
    return Net(lambda net, x: net.head(net.layer(x)[0][:, -1]), layer=layer, head=nn.Linear(width, 5))


def cells(make: Callable[[], nn.Module]) -> nn.Module:
    """A convolutional LSTM over frames (Shi et al. 2015)."""

    def run(net: Any, x: Tensor) -> Tensor:
        hidden = cell = x.new_zeros(len(x), 16, *x.shape[-2:])
        for step in range(x.shape[1]):
            first, forget, out, new = net.gates(torch.cat([x[:, step], hidden], 1)).chunk(4, 1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(first) * torch.tanh(new)
            hidden = torch.sigmoid(out) * torch.tanh(cell)
        made: Tensor = net.last(hidden)
        return made

    return Net(run, gates=make(), last=Conv2d(16, 1, 1))


def normed(layer: Callable[[], nn.Module]) -> nn.Module:
    """One kind of normalisation, with dense and depthwise convolutions."""
    return Sequential(
        Conv2d(3, 32, 3, 2, 1), layer(), ReLU(), Conv2d(32, 32, 3, padding=1), layer(), nn.SiLU(),
        Conv2d(32, 32, 3, padding=1, groups=32), *classes(32),
    )  # fmt: skip


def repeated(reentrant: bool) -> nn.Module:
    """Blocks that are computed again in backward."""

    def block() -> nn.Module:
        return Sequential(Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), ReLU(), Conv2d(32, 32, 3, padding=1), nn.Dropout2d(0.1))

    def run(net: Any, x: Tensor) -> Tensor:
        x = net.stem(x)
        for each in net.blocks:
            x = checkpoint(each, x, use_reentrant=reentrant)
        made: Tensor = net.head(x)
        return made

    blocks = nn.ModuleList(block() for _ in range(4))
    return Net(run, stem=Conv2d(3, 32, 3, 2, 1), blocks=blocks, head=Sequential(*classes(32)))


def deformed(masked: bool, batch_stride: int = 1) -> nn.Module:
    """A deformable convolution with offsets of its own."""

    def run(net: Any, x: Tensor) -> Tensor:
        x = F.relu(net.stem(x))
        weights = (torch.sigmoid(net.mask(x)),) if masked else ()
        made: Tensor = net.head(F.relu(net.deformed(x, net.offset(x), *weights)))
        return made

    return Net(
        run, stem=Conv2d(3, 16, 3, padding=1), offset=Conv2d(16, 18, 3, batch_stride, 1), mask=Conv2d(16, 9, 3, padding=1),
        deformed=DeformConv2d(16, 32, 3, batch_stride, 1), head=Sequential(*classes(32)),
    )  # fmt: skip


class Swish(torch.autograd.Function):
    """x sigmoid(x), which keeps x alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gate = torch.sigmoid(x)
        return grad * (gate * (1 + x * (1 - gate)))


def without_gradients(net: Any, x: Tensor) -> Tensor:
    """A front that learns nothing."""
    with torch.no_grad():
        x = net.front(x)
    made: Tensor = net.head(x)
    return made


def frozen() -> nn.Module:
    """A network whose first layers stay."""
    net = Sequential(
        Conv2d(3, 32, 3, 2, 1),
        nn.BatchNorm2d(32),
        ReLU(),
        Conv2d(32, 64, 3, padding=1),
        ReLU(),
        Conv2d(64, 64, 3, padding=1),
        *classes(64),
    )
    for layer in net[:4]:
        layer.requires_grad_(False)
    return net


def siamese(net: Any, x: Tensor) -> Tensor:
    """Both images through the same branch."""
    made: Tensor = net.head((net.branch(x[:, 0]) - net.branch(x[:, 1])).abs())
    return made


def in_the_middle(net: Any, x: Tensor) -> Tensor:
    """Channels-last between two layers that are not."""
    x = F.relu(net.first(x)).contiguous(memory_format=torch.channels_last)
    made: Tensor = net.last(F.relu(net.second(x)))
    return made


LAST, AMP, BF16 = {"channels_last": True}, {"precision": "amp"}, {"precision": "bf16"}
CASES: dict[str, Case] = {
    # volumes
    "U-Net of volumes": (lambda: unet(3, 8), (1, 1, 16, 32, 32), {}),
    "U-Net of two volumes": (lambda: unet(3, 16), (2, 1, 16, 32, 32), {}),
    "volumes, strided": (lambda: Sequential(Conv3d(3, 16, 3, 2, 1), nn.BatchNorm3d(16), ReLU(), Conv3d(16, 32, 3, 2, 1), nn.Flatten(), nn.Linear(32 * 4 * 6 * 6, 5)), (2, 3, 16, 24, 24), {}),
    "volumes, depthwise": (lambda: Sequential(Conv3d(3, 32, 3, padding=1), ReLU(), Conv3d(32, 32, 3, padding=1, groups=32), ReLU(), Conv3d(32, 16, 1)), (2, 3, 8, 24, 24), {}),
    "volumes, in groups": (lambda: Sequential(Conv3d(3, 32, 3, padding=1), ReLU(), Conv3d(32, 64, 3, padding=1, groups=4)), (2, 3, 8, 24, 24), {}),
    "volumes, dilated": (lambda: Sequential(Conv3d(1, 16, 3, padding=1), ReLU(), Conv3d(16, 16, 3, padding=2, dilation=2), ReLU(), Conv3d(16, 2, 1)), (2, 1, 16, 16, 16), {}),
    "volumes of one channel": (lambda: Sequential(Conv3d(1, 8, 5, padding=2), ReLU(), Conv3d(8, 8, 5, padding=2), ReLU(), nn.Flatten(), nn.Linear(8 * 16**3, 5)), (4, 1, 16, 16, 16), {}),
    "volumes, normed by instance": (lambda: Sequential(Conv3d(1, 16, 3, padding=1), nn.InstanceNorm3d(16, affine=True), nn.LeakyReLU(inplace=True), nn.ConvTranspose3d(16, 8, 2, 2)), (2, 1, 8, 16, 16), {}),
    "video, torchvision's": (lambda: models.video.mc3_18(num_classes=10), (1, 3, 4, 56, 56), {}),
    # dilated
    "pyramid of dilations": (pyramid, (2, 3, 128, 128), {}),
    "pyramid of odd size": (pyramid, (4, 3, 65, 65), {}),
    "deeplab, torchvision's": (lambda: models.segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5), (2, 3, 96, 96), {}),
    "context module": (lambda: Sequential(*[each for d in (1, 2, 4, 8) for each in (Conv2d(16, 16, 3, padding=d, dilation=d), ReLU())], Conv2d(16, 4, 1)), (1, 16, 64, 64), {}),
    # transposed
    "generator": (lambda: generator(2), (16, 64, 4, 4), {}),
    "generator of volumes": (lambda: generator(3), (2, 64, 4, 4, 4), {}),
    "generator of sound": (lambda: generator(1), (4, 64, 256), {}),
    "U-Net": (lambda: unet(2, 16), (2, 1, 96, 96), {}),
    "U-Net of 24 channels": (lambda: unet(2, 24), (2, 1, 64, 64), {}),
    "padded outputs": (lambda: Sequential(Conv2d(3, 32, 3, 2, 1), ReLU(), nn.ConvTranspose2d(32, 32, 3, 2, 1, 1), ReLU(), nn.ConvTranspose2d(32, 3, 3, 1, 1)), (4, 3, 64, 64), {}),
    "pointwise in groups": (lambda: Sequential(Conv2d(3, 32, 3, padding=1), ReLU(), Conv2d(32, 64, 1, groups=4), ReLU(), Conv2d(64, 64, 1, groups=64)), (8, 3, 28, 28), {}),
    "transposed in groups": (lambda: Sequential(Conv2d(3, 32, 3, padding=1), ReLU(), nn.ConvTranspose2d(32, 32, 4, 2, 1, groups=32), ReLU(), nn.ConvTranspose2d(32, 16, 4, 2, 1, groups=4)), (2, 3, 24, 24), {}),
    "pixels shuffled": (lambda: Sequential(Conv2d(1, 64, 5, padding=2), nn.Tanh(), Conv2d(64, 9, 3, padding=1), nn.PixelShuffle(3)), (4, 1, 32, 32), {}),
    "slopes by channel": (lambda: Sequential(Conv2d(1, 56, 5, padding=2), nn.PReLU(56), Conv2d(56, 12, 1), nn.PReLU(12), nn.ConvTranspose2d(12, 1, 9, 2, 4, 1)), (8, 1, 32, 32), {}),
    # deformable
    "deformable": (lambda: deformed(False), (2, 3, 32, 32), {}),
    "deformable, strided": (lambda: deformed(False, 2), (4, 3, 32, 32), {}),
    "deformable, masked": (lambda: deformed(True), (3, 3, 28, 28), {}),
    # attention
    "attention": (attention, (4, 100, 128), {}),
    "attention, causal": (lambda: attention(is_causal=True), (4, 100, 128), {}),
    "attention, masked": (lambda: attention(attn_mask=torch.ones(100, 100, dtype=torch.bool).tril()), (4, 100, 128), {}),
    "attention, dropped": (lambda: attention(dropout_p=0.1), (4, 100, 128), {}),
    "encoder": (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 256, 0.1, "gelu", batch_first=True, norm_first=True), 2, enable_nested_tensor=False), (4, 64, 64), {}),
    # norms and formats
    "group norm, channels-last": (lambda: normed(lambda: nn.GroupNorm(8, 32)), (4, 3, 64, 64), LAST),
    "instance norm, channels-last": (lambda: normed(lambda: nn.InstanceNorm2d(32, affine=True)), (4, 3, 64, 64), LAST),
    "response norm, channels-last": (lambda: normed(lambda: nn.LocalResponseNorm(5)), (4, 3, 64, 64), LAST),
    "batch norm, channels-last": (lambda: normed(lambda: nn.BatchNorm2d(32)), (4, 3, 64, 64), LAST),
    "U-Net, channels-last": (lambda: unet(2, 16), (2, 1, 96, 96), LAST),
    "gates, channels-last": (lambda: Sequential(Conv2d(3, 32, 3, padding=1), nn.GLU(1), Conv2d(16, 32, 3, padding=1), nn.GLU(1), *classes(16)), (4, 3, 48, 48), LAST),
    "channels-last in the middle": (lambda: Net(in_the_middle, first=Conv2d(3, 32, 3, padding=1), second=Conv2d(32, 32, 3, padding=1), last=Conv2d(32, 8, 3)), (4, 3, 48, 48), {}),
    # recurrent
    "GRU, both ways": (lambda: recurrent(nn.GRU(24, 48, 2, batch_first=True, bidirectional=True, dropout=0.2), 96), (8, 25, 24), {}),
    "LSTM, both ways": (lambda: recurrent(nn.LSTM(24, 48, 2, batch_first=True, bidirectional=True), 96), (8, 25, 24), {}),
    "LSTM, projected": (lambda: recurrent(nn.LSTM(16, 64, batch_first=True, proj_size=32), 32), (8, 20, 16), {}),
    "RNN": (lambda: recurrent(nn.RNN(24, 48, batch_first=True), 48), (8, 25, 24), {}),
    "convolutional LSTM": (lambda: cells(lambda: Conv2d(19, 64, 3, padding=1)), (2, 5, 3, 32, 32), {}),
    # shared, normed and custom weights
    "one layer thrice": (lambda: Net(lambda net, x: net.head(net.layer(net.layer(net.layer(net.stem(x))))), stem=Conv2d(3, 32, 3, padding=1), layer=Sequential(Conv2d(32, 32, 3, padding=1), ReLU()), head=Sequential(*classes(32))), (4, 3, 40, 40), {}),
    "siamese": (lambda: Net(siamese, branch=Sequential(Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), ReLU(), Conv2d(32, 64, 3, 2, 1), ReLU(), *classes(64)), head=nn.Linear(5, 2)), (4, 2, 3, 48, 48), {}),
    "tied ends": (lambda: Net(lambda net, x: F.linear(torch.tanh(net.layer(x)), net.layer.weight.t()), layer=nn.Linear(512, 128)), (64, 512), {}),
    "weight norm": (lambda: Sequential(parametrizations.weight_norm(Conv2d(3, 64, 5)), ReLU(), parametrizations.weight_norm(Conv2d(64, 64, 5)), ReLU(), *classes(64)), (2, 3, 32, 32), {}),
    "weight norm by hooks": (lambda: Sequential(nn.utils.weight_norm(Conv2d(3, 64, 5)), ReLU(), nn.utils.weight_norm(Conv2d(64, 64, 5)), ReLU(), *classes(64)), (2, 3, 32, 32), {}),
    "spectral norm, parametrised": (lambda: Sequential(parametrizations.spectral_norm(Conv2d(3, 64, 3)), ReLU(), parametrizations.spectral_norm(Conv2d(64, 128, 3)), ReLU(), *classes(128)), (2, 3, 20, 20), {}),
    "a function of one's own": (lambda: Net(lambda net, x: net.head(Swish.apply(net.layer(Swish.apply(net.stem(x))))), stem=Conv2d(3, 32, 3, padding=1), layer=Conv2d(32, 32, 3, padding=1), head=Sequential(*classes(32))), (4, 3, 48, 48), {}),
    # checkpoints, islands
    "computed again": (lambda: repeated(False), (4, 3, 64, 64), {}),
    "computed again, reentrant": (lambda: repeated(True), (4, 3, 64, 64), {}),
    "two heads": (lambda: Net(lambda net, x: (net.head(net.body(x)), net.map(net.body(x))), body=Sequential(Conv2d(3, 32, 3, 2, 1), ReLU()), head=Sequential(*classes(32)), map=Conv2d(32, 4, 1)), (4, 3, 64, 64), {}),
    "an island without gradients": (lambda: Net(without_gradients, front=Sequential(Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), ReLU()), head=Sequential(Conv2d(32, 64, 3, padding=1), ReLU(), *classes(64))), (4, 3, 64, 64), {}),
    "a frozen front": (frozen, (4, 3, 64, 64), {}),
    # half precision
    "ResNet-18 under autocast": (lambda: models.resnet18(num_classes=10), (4, 3, 96, 96), AMP),
    "ResNet-18 under autocast, channels-last": (lambda: models.resnet18(num_classes=10), (4, 3, 96, 96), AMP | LAST),
    "ResNet-18 in bfloat16": (lambda: models.resnet18(num_classes=10), (4, 3, 96, 96), BF16),
    "MobileNet under autocast": (lambda: models.mobilenet_v2(num_classes=10), (4, 3, 96, 96), AMP),
    "generator under autocast": (lambda: generator(2), (16, 64, 4, 4), AMP),
    "U-Net in bfloat16": (lambda: unet(2, 16), (2, 1, 96, 96), BF16),
    "volumes under autocast": (lambda: Sequential(Conv3d(3, 32, 3, padding=1), ReLU(), nn.MaxPool3d(2), Conv3d(32, 64, 3, padding=1), ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(64, 5)), (2, 3, 8, 32, 32), AMP),
}  # fmt: skip
