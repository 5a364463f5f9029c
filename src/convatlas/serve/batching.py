"""Dynamic batching: what arrives while the network works, or within a deadline, is classified together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import ceil
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Gathers items of many callers into batches for one function, which runs in a thread of its own, a batch at a time.

    Attributes:
        coming: how many items may come at all, those in the queue among them. A batch takes half of them and does not wait for more:
            while it is worked on, the others are read.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Result]], *, batch: int, deadline_seconds: float) -> None:
        self._work, self._batch, self._deadline = work, batch, deadline_seconds
        self._queue: asyncio.Queue[tuple[Item, asyncio.Future[Result]]] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="network")
        self._task: asyncio.Task[None] | None = None
        self.coming = 0

    def start(self) -> None:
        """Begin to work; within an event loop."""
        self._task = asyncio.create_task(self._serve())

    async def stop(self) -> None:
        """Answer what was submitted, and end."""
        await self._queue.join()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown()

    async def submit(self, item: Item) -> Result:
        """The function's result for an item.

        Raises:
            Exception: what the function raises over the batch.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((item, future))
        return await future

    async def _serve(self) -> None:
        while True:
            gathered = await self._gathered()
            try:
                results = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, [item for item, _ in gathered])
                for (_, future), result in zip(gathered, results, strict=True):
                    if not future.done():  # its caller has gone
                        future.set_result(result)
            except Exception as error:
                for _, future in gathered:
                    if not future.done():
                        future.set_exception(error)
            finally:
                for _ in gathered:
                    self._queue.task_done()

    async def _gathered(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        gathered = [await self._queue.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deadline):
                while len(gathered) < self._size():
                    gathered.append(await self._queue.get())
        while len(gathered) < self._size() and not self._queue.empty():
            gathered.append(self._queue.get_nowait())
        return gathered

    def _size(self) -> int:
        return min(self._batch, max(ceil(self.coming / 2), 1))
