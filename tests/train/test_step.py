"""One optimizer step: windows, rates, averages, modes, and what is not finite."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from convatlas import ConvatlasError
from convatlas.train import Run, train
from convatlas.train.data import Loader, open_data
from convatlas.train.optimizer import freeze, layer_shares, make_optimizer, set_modes
from convatlas.train.recipe import Optimizer, Recipe, Schedule

if TYPE_CHECKING:
    from .conftest import Tiny

Make = Callable[..., "Tiny"]
PLAIN: dict[str, Any] = {
    "mixup": 0.0, "ema": 0.0, "label_smoothing": 0.0, "lr": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0,
    "shape": "constant", "warmup": 0.0, "crop": "none", "flip": False,
}  # fmt: skip


class Linear(nn.Module):
    """Neither batch norm nor dropout: a window of batches must give what one large batch gives."""

    def __init__(self, spoil_at: int = -1) -> None:
        super().__init__()
        self.fc = nn.Linear(64, 10)
        self.steps, self.spoil_at = 0, spoil_at

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(x.flatten(1))
        if self.training and type(x) is Tensor:
            self.steps += 1
            if self.steps == self.spoil_at:
                logits = logits * float("nan")
        return logits


def linear(spoil_at: int = -1) -> Linear:
    torch.manual_seed(0)
    module = Linear(spoil_at)
    return module


def by_hand(module: nn.Module, images_a_step: int, lr: float) -> dict[str, Tensor]:
    """One epoch of plain SGD, each step on the mean over its images."""
    module = copy.deepcopy(module)
    data = open_data("digits", seed=0)
    loader = Loader(
        data.train, classes=10, batch=images_a_step, channels=1, preprocessing=data.preprocessing(8, 1), seed=0, training=True
    )
    optimizer = torch.optim.SGD(module.parameters(), lr)
    for batch in loader.epoch(0):
        optimizer.zero_grad()
        F.cross_entropy(module(batch.pixels), batch.labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return module.state_dict()


def test_a_window_of_batches_is_one_large_batch_the_short_last_one_too(train_tiny: Callable[..., Run]) -> None:
    run = train_tiny("run", linear(), epochs=1, batch=100, accumulate=4, **PLAIN)  # 400, 400, 400, 238
    trained = load_file(run.folder / "last" / "model.safetensors")
    expected = by_hand(linear(), 400, 0.1)
    assert run.metrics[0]["step"] == 4
    for name, value in trained.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)


def test_a_last_batch_of_one_image_counts(train_tiny: Callable[..., Run]) -> None:
    run = train_tiny("run", linear(), epochs=1, batch=479, **PLAIN)  # 1,438 = 3 x 479 + 1
    expected = by_hand(linear(), 479, 0.1)
    torch.testing.assert_close(load_file(run.folder / "last" / "model.safetensors")["fc.weight"], expected["fc.weight"])


def test_a_batch_may_exceed_the_images(train_tiny: Callable[..., Run]) -> None:
    assert train_tiny("run", linear(), epochs=1, batch=5000, **PLAIN).metrics[0]["step"] == 1


def test_nan_stops_at_its_step_and_keeps_the_last_finite_state(tmp_path: Path, train_tiny: Callable[..., Run]) -> None:
    with pytest.raises(ConvatlasError, match=r"nan at step 15 \(epoch 2\).*lr="):
        train_tiny("run", linear(spoil_at=15), **PLAIN)
    run = Run.open(tmp_path / "run", linear())
    assert [row["epoch"] for row in run.metrics] == [1]
    assert all(value.isfinite().all() for value in load_file(run.folder / "last" / "model.safetensors").values())
    assert len(train(linear(), output=tmp_path / "run", resume=True).metrics) == 2


def test_a_state_that_is_not_finite_is_not_written(tmp_path: Path, train_tiny: Callable[..., Run]) -> None:
    class Spoilt(Linear):
        def forward(self, x: Tensor) -> Tensor:
            if self.steps == 11 and type(x) is Tensor:  # after the epoch's last loss
                with torch.no_grad():
                    self.fc.bias.register_hook(lambda gradient: gradient * float("inf"))
            return super().forward(x)

    torch.manual_seed(0)
    with pytest.raises(ConvatlasError, match=r"NaN or an infinity"):
        train_tiny("run", Spoilt(), epochs=1, **PLAIN)
    assert all(value.isfinite().all() for value in load_file(tmp_path / "run" / "last" / "model.safetensors").values())


def test_the_average_warms_up_so_a_short_run_is_no_average_of_its_beginning(train_tiny: Callable[..., Run]) -> None:
    settings = PLAIN | {"lr": 0.05, "epochs": 3}
    averaged = train_tiny("averaged", **settings | {"ema": 0.9999})
    plain = train_tiny("plain", **settings)
    assert averaged.best is not None
    assert plain.best is not None
    assert averaged.best["val_top1"] > plain.best["val_top1"] - 5


def test_norms_and_biases_do_not_decay_unless_the_recipe_says_so(tiny: Make) -> None:
    recipe = Recipe(
        name="r", summary="", source="", epochs=1, batch=8, optimizer=Optimizer(lr=0.1, weight_decay=0.5, decay_norms=False)
    )
    decays = {
        tuple(parameter.shape): group["weight_decay"]
        for group in make_optimizer(tiny(), recipe).param_groups
        for parameter in group["params"]
    }
    assert decays == {(8, 1, 3, 3): 0.5, (8,): 0.0, (10, 128): 0.5, (10,): 0.0}


def test_rates_fall_with_depth(tiny: Make) -> None:
    assert layer_shares(tiny(), 0.5) == {
        "conv.weight": 0.25, "norm.weight": 0.5, "norm.bias": 0.5, "fc.weight": 1.0, "fc.bias": 1.0
    }  # fmt: skip


def test_frozen_batch_norm_keeps_its_statistics_and_the_rest_trains_after_validation_too(
    train_tiny: Callable[..., Run], tiny: Make
) -> None:
    run = train_tiny("run", freeze=("conv", "norm"), ema=0.0)
    trained, before = load_file(run.folder / "last" / "model.safetensors"), tiny().state_dict()
    for name in ("conv.weight", "norm.weight", "norm.running_mean", "norm.running_var"):
        assert torch.equal(trained[name], before[name]), name
    assert not torch.equal(trained["fc.weight"], before["fc.weight"])


def test_every_epoch_begins_in_training_mode(tiny: Make) -> None:
    module = tiny().eval()
    freeze(module, ["norm"])
    set_modes(module)
    assert module.training
    assert module.dropout.training
    assert not module.norm.training


def test_the_head_alone_trains_first(train_tiny: Callable[..., Run], tiny: Make) -> None:
    run = train_tiny("run", head_first=1, epochs=1, ema=0.0)
    trained, before = load_file(run.folder / "last" / "model.safetensors"), tiny().state_dict()
    assert torch.equal(trained["conv.weight"], before["conv.weight"])
    assert torch.equal(trained["norm.running_mean"], before["norm.running_mean"])
    assert not torch.equal(trained["fc.weight"], before["fc.weight"])
    both = load_file(train_tiny("both", head_first=1, epochs=2, ema=0.0).folder / "last" / "model.safetensors")
    assert not torch.equal(both["conv.weight"], before["conv.weight"])


def test_the_callers_module_and_random_states_are_untouched(train_tiny: Callable[..., Run], tiny: Make) -> None:
    module = tiny().eval()
    before, state = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    train_tiny("run", module, epochs=1)
    assert not module.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_tied_weights_are_saved_once_and_come_back_tied(train_tiny: Callable[..., Run]) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(64, 64), nn.Linear(64, 64)
            self.second.weight = self.first.weight
            self.fc = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = self.fc(self.second(self.first(x.flatten(1)).relu()).relu())
            return logits

    run = train_tiny("run", Tied(), epochs=1)
    assert sum("weight" in name and "fc" not in name for name in load_file(run.folder / "last" / "model.safetensors")) == 1
    network: Any = run.network()
    assert network.first.weight is network.second.weight


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (Schedule(shape="cosine"), {0: 1.0, 5: 0.5, 10: 0.0}),
        (Schedule(shape="cosine", warmup=2), {0: 0.001, 1: 0.5, 2: 1.0, 6: 0.5, 10: 0.0}),
        (Schedule(shape="cosine", warmup=9), {1: 0.5, 2: 1.0}),  # at most a fifth of all epochs
        (Schedule(shape="linear", final=0.2), {0: 1.0, 5: 0.6, 10: 0.2}),
        (Schedule(shape="steps", milestones=(0.5, 0.75)), {0: 1.0, 4.9: 1.0, 5: 0.1, 7.5: 0.01}),
        (Schedule(shape="exponential", gamma=0.5, every=2), {0: 1.0, 1.9: 1.0, 2: 0.5, 5: 0.25}),
        (Schedule(shape="constant"), {0: 1.0, 10: 1.0}),
    ],
)
def test_the_rate_is_a_function_of_how_far_training_is(schedule: Schedule, rates: dict[float, float]) -> None:
    assert {epoch: schedule.factor(epoch, 10) for epoch in rates} == pytest.approx(rates, abs=1e-9)


def test_patience_ends_and_its_count_survives_a_resume(tmp_path: Path, train_tiny: Callable[..., Run]) -> None:
    settings = PLAIN | {"lr": 1e-12, "epochs": 9, "patience": 2}  # nothing changes, so no epoch is better than the first
    assert [row["epoch"] for row in train_tiny("run", linear(), **settings).metrics] == [1, 2, 3]
    assert len(train(linear(), output=tmp_path / "run", resume=True).metrics) == 3


def test_weights_of_other_classes_start_the_head_anew_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from safetensors.torch import save_file

    import convatlas as ca

    torch.manual_seed(1)
    source = ca.create("resnet20_cifar", num_classes=7, in_channels=3)
    save_file(source.state_dict(), tmp_path / "seven.safetensors")
    settings: dict[str, Any] = {"epochs": 1, "batch": 512, "precision": "fp32", "freeze": ("conv1",), "ema": 0.0}
    run = train("resnet20_cifar", "digits", weights=str(tmp_path / "seven.safetensors"), output=tmp_path / "run", **settings)
    assert "starts anew for 10 classes; the file has 7" in " ".join(capsys.readouterr().err.split())
    trained = load_file(run.folder / "last" / "model.safetensors")
    assert torch.equal(trained["conv1.weight"], source.state_dict()["conv1.weight"])
    assert not torch.equal(trained["layer3.0.conv1.weight"], source.state_dict()["layer3.0.conv1.weight"])


def test_auxiliary_losses_count_at_the_recipes_weight() -> None:
    from types import SimpleNamespace

    from convatlas.train.data import Batch
    from convatlas.train.loop import _loss

    labels = torch.tensor([0, 1])
    main, early = torch.randn(2, 3), torch.randn(2, 3)
    recipe = Recipe(name="r", summary="", source="", epochs=1, batch=2, optimizer=Optimizer(lr=0.1), auxiliary=0.3)
    training: Any = SimpleNamespace(
        job=SimpleNamespace(recipe=recipe), accelerator=SimpleNamespace(device=torch.device("cpu")), class_weights=None
    )
    batch = Batch(pixels=torch.zeros(2, 1, 1, 1), labels=labels, targets=None, indexes=labels, count=2, total=2)
    found = _loss((main, early, None), batch, training)
    summed = [F.cross_entropy(logits, labels, reduction="sum") for logits in (main, early)]
    torch.testing.assert_close(found, summed[0] + 0.3 * summed[1])
