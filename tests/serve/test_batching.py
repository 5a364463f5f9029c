"""Which items a batch takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from convatlas.serve.batching import Batcher


@pytest.mark.parametrize(("waiting", "batch", "sizes"), [(8, 16, [4, 2, 1, 1]), (8, 2, [2, 2, 2, 1, 1]), (1, 16, [1])])
def test_a_batch_takes_half_of_what_may_come_so_that_the_rest_is_read_meanwhile(waiting: int, batch: int, sizes: list[int]) -> None:
    made: list[int] = []

    def work(items: Sequence[int]) -> Sequence[int]:
        made.append(len(items))
        batcher.coming -= len(items)
        return items

    async def submitted() -> list[int]:
        batcher.coming = waiting
        items = [asyncio.ensure_future(batcher.submit(item)) for item in range(waiting)]
        await asyncio.sleep(0)
        batcher.start()
        found = await asyncio.gather(*items)
        await batcher.stop()
        return found

    batcher: Batcher[int, int] = Batcher(work, batch=batch, deadline_seconds=60)
    assert asyncio.run(asyncio.wait_for(submitted(), 30)) == list(range(waiting))
    assert made == sizes
