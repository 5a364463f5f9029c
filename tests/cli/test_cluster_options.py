"""Settings of a cluster ask for one."""

from __future__ import annotations

import pytest

from convatlas.cli.cluster_options import cluster_of
from convatlas.errors import ConvatlasError


def test_a_setting_without_a_cluster_is_refused() -> None:
    with pytest.raises(ConvatlasError, match=r"`--trial-gpus` \(=1\) is about a Ray cluster"):
        cluster_of(None, None, 1.0, None)


def test_what_was_not_said_is_one_cpu_and_no_gpu() -> None:
    found = cluster_of("auto", None, None, None)
    assert found is not None
    assert (found.cpus, found.gpus, found.retries) == (1, 0, 3)
    assert cluster_of(None, None, None, None) is None
