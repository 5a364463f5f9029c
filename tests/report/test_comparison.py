"""The comparison of several networks compares what can be compared."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from convatlas.graph import Graph
from convatlas.report.comparison import comparison
from convatlas.report.network import networks


def test_the_pages_bold_is_for_the_best_of_a_data_set(graph_of: Callable[[str], Graph]) -> None:
    pytest.importorskip("altair")
    graphs = [graph_of(name) for name in ("alexnet", "resnet18", "lenet5")]
    html = comparison(networks(graphs))
    cells = re.findall(r'<td class="([^"]*)" data-of="top1"[^>]*>([^<]*)</td><td>([^<]*)</td>', html)
    assert cells == [("n", "56.52", "ImageNet"), ("n best", "69.76", "ImageNet"), ("n", "99.05*", "MNIST")]
