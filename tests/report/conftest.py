"""What the tests of the report share: graphs of zoo networks, and of a network whose names are meant to do harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from convatlas.api import graphs_by_batch, trace
from convatlas.graph import Graph

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
HARM = '</script><img src=x onerror="alert(1)">&'


@cache
def _graph(name: str) -> Graph:
    return trace(name)


@cache
def _training(name: str) -> tuple[Graph, ...]:
    at = graphs_by_batch(name)
    return tuple(at(batch) for batch in (1, 8, 32))


@pytest.fixture(scope="session")
def graph_of() -> Callable[[str], Graph]:
    """The graph of a zoo network for one image."""
    return _graph


@pytest.fixture(scope="session")
def training_of() -> Callable[[str], tuple[Graph, ...]]:
    """The graphs of a zoo network in training mode, at batches of 1, 8 and 32."""
    return _training


class _Exotic(nn.Module):
    """One op that no rule knows, in modules whose names are HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module(HARM, type(HARM, (nn.Conv2d,), {})(3, 8, 3))
        self.fc = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.linalg.matrix_exp(self.get_submodule(HARM)(x))
        return self.fc(x.mean((2, 3)))


@pytest.fixture(scope="session")
def harmful() -> str:
    """The name of a module and of its class: HTML that would run."""
    return HARM


@pytest.fixture(scope="session")
def exotic() -> Graph:
    """A graph with an uncounted op and with names that would run as a script if they were not escaped."""
    with torch.device("meta"):
        graph = trace(_Exotic(), (1, 3, 32, 32))
    graph.name = HARM
    return graph


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium, where there is one."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; set CHROMIUM to one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()
