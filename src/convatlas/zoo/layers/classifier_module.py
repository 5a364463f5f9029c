"""Networks that call a submodule of theirs `classifier`, as torchvision does in half of its families."""

from __future__ import annotations

from typing import cast

from torch import nn

from ..network import Network


class NetworkWithClassifier(Network):
    """A network whose head is a submodule named ``classifier``, so that ``model.classifier[-1]`` is what users expect.

    The dotted path of the layer that makes the logits then stands in ``classifier_path``: the name ``classifier`` is taken.
    """

    classifier_path: str = "classifier"

    @property
    def classifier(self) -> nn.Module:  # type: ignore[override]
        """The submodule itself."""
        return cast(nn.Module, self._modules["classifier"])

    @property
    def num_classes(self) -> int:
        """How many logits the classifier makes."""
        return int(self.get_parameter(f"{self.classifier_path}.weight").shape[0])

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the layer that makes the logits by a fresh one for ``num_classes`` classes, on the same device."""
        if num_classes < 1:
            raise ValueError(f"`num_classes` (={num_classes}) must be at least 1")
        parent, _, leaf = self.classifier_path.rpartition(".")
        old = cast(nn.Linear | nn.Conv2d, self.get_submodule(self.classifier_path))
        _, width, *kernel = old.weight.shape  # a 1x1 convolution has a kernel, a linear layer has none
        options = {"bias": old.bias is not None, "device": old.weight.device, "dtype": old.weight.dtype}
        setattr(self.get_submodule(parent), leaf, type(old)(width, num_classes, *kernel[:1], **options))
