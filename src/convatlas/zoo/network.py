"""The contract that every network of the zoo keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..errors import ConvatlasError


class FeatureInfo(NamedTuple):
    """A stage's output: its name, its channels, and the input's pixels for one of its positions."""

    name: str
    channels: int
    stride: int


class Network(nn.Module):
    """An image classifier: stages that make features, and a head that makes logits of them.

    A subclass says what its stages are, in order, and how the head reads the last one. Everything else follows.

    Attributes:
        classifier_path: dotted path of the layer that makes the logits (an ``nn.Linear`` or a 1x1 ``nn.Conv2d``).
        stem_conv: dotted path of the convolution that reads the image.

    """

    classifier_path: str = "fc"
    stem_conv: str = "conv1"

    def feature_stages(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """The stages in order: name -> callable from (N, C, H, W) to (N, C', H', W')."""
        raise NotImplementedError

    def forward_head(self, features: Tensor, *, pre_logits: bool = False) -> Tensor:
        """Logits (N, num_classes) of the last stage's features, or what the classifier would read (``pre_logits``)."""
        raise NotImplementedError

    def forward_features(self, x: Tensor) -> Tensor:
        """The last stage's output (N, C, H, W) for images (N, in_channels, H, W)."""
        for stage in self.feature_stages().values():
            x = stage(x)
        return x

    def forward_intermediates(self, x: Tensor) -> dict[str, Tensor]:
        """The output of every stage, by the stage's name."""
        outputs = {}
        for name, stage in self.feature_stages().items():
            x = outputs[name] = stage(x)
        return outputs

    def feature_info(self, size: int = 224) -> list[FeatureInfo]:
        """Channels and stride of what `forward_intermediates` gives for images of that size, by a pass on the meta device."""
        stem = self.get_submodule(self.stem_conv)
        channels = int(cast(Tensor, stem.weight).shape[1]) * int(cast(int, getattr(stem, "groups", 1)))
        tensors = {name: tensor.to("meta") for name, tensor in (*self.named_parameters(), *self.named_buffers())}
        images = torch.empty(2, channels, size, size, device="meta")  # two, since a batch norm in training refuses one
        with torch.no_grad():
            stages = functional_call(_Intermediates(self), {f"network.{name}": value for name, value in tensors.items()}, images)
        return [FeatureInfo(name, x.shape[1], round(size / x.shape[2])) for name, x in stages.items()]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) for images (N, in_channels, H, W)."""
        return self.forward_head(self.forward_features(x))

    @property
    def num_classes(self) -> int:
        """How many logits the classifier makes."""
        return int(cast(Tensor, self.get_submodule(self.classifier_path).weight).shape[0])  # a buffer in LeNet-5

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the layer that makes the logits by a fresh one for ``num_classes`` classes, on the same device."""
        if num_classes < 1:
            raise ConvatlasError(f"`num_classes` (={num_classes}) must be at least 1")
        parent, _, leaf = self.classifier_path.rpartition(".")
        old = cast(nn.Linear | nn.Conv2d, self.get_submodule(self.classifier_path))
        _, width, *kernel = old.weight.shape  # a 1x1 convolution has a kernel, a linear layer has none
        make: Callable[..., nn.Module] = type(old)
        options = {"bias": old.bias is not None, "device": old.weight.device, "dtype": old.weight.dtype}
        setattr(self.get_submodule(parent), leaf, make(width, num_classes, *kernel[:1], **options))

    def init_weights(self) -> None:
        """Fill parameters and statistics in place as the paper, or its best-known implementation, does.

        The default: convolutions He-normal (fan-out), norms 1 and 0, linear layers N(0, 0.01).
        """
        for module in self.modules():
            init_module(module)


class _Intermediates(nn.Module):
    """A network whose outputs are those of its stages."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.network.forward_intermediates(x)


def init_module(module: nn.Module, *, linear_std: float = 0.01) -> None:
    """Initialise one leaf module by the default scheme; modules without parameters or statistics are left alone."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, linear_std)
    elif callable(reset := getattr(module, "reset_parameters", None)):
        reset()
        return
    if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
        nn.init.zeros_(bias)
