"""The service as an ASGI app: images in, most likely classes out."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, Any

import torch
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException
from torch import Tensor

from ..images import ImageError, TooManyPixelsError
from ..predict import Classifier, Guess
from .batching import Batcher
from .body import image_in
from .limits import Limits
from .metrics import Metrics

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"schema": {"type": "object", "required": ["image"], "properties": {"image": _BINARY["schema"]}}}
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": _BINARY, "multipart/form-data": _FORM}}}
_MOST_CLASSES = 1000
_LOG = logging.getLogger("uvicorn.error")


class ClassOut(BaseModel):
    """A class, and how probable it is."""

    name: str = Field(alias="class")
    index: int
    probability: float


class PredictionOut(BaseModel):
    """What a network sees in an image."""

    model: str
    classes: list[ClassOut]


class ErrorOut(BaseModel):
    """Why there is no answer, in one line."""

    error: str


class Service:
    """A classifier at work: reads images in threads, classifies them in batches, counts what it does.

    Attributes:
        draining: it is about to end: it still answers, and tells clients to connect elsewhere.
    """

    def __init__(self, classifier: Classifier, limits: Limits) -> None:
        self.classifier, self.limits = classifier, limits
        self._batcher: Batcher[tuple[Tensor, int], tuple[Guess, ...]] = Batcher(
            self._classify, batch=limits.batch, deadline_seconds=limits.deadline_seconds
        )
        self._readers = ThreadPoolExecutor(limits.readers, thread_name_prefix="images")
        self.metrics = Metrics(lambda: self._batcher.coming)
        self.draining = False

    @asynccontextmanager
    async def at_work(self, _: FastAPI) -> AsyncIterator[None]:
        """Within, it answers; the network has run once before, so that the first request is as fast as the others."""
        await asyncio.to_thread(self.classifier.guesses, torch.zeros(1, *self.classifier.input_size), 1)
        self._batcher.start()
        try:
            yield
        finally:
            await self._batcher.stop()
            self._readers.shutdown()

    def _classify(self, asked: Sequence[tuple[Tensor, int]]) -> list[tuple[Guess, ...]]:
        self.metrics.worked(len(asked))
        found = self.classifier.guesses(torch.stack([image for image, _ in asked]), max(top for _, top in asked))
        return [guesses[:top] for guesses, (_, top) in zip(found, asked, strict=True)]

    async def predict(self, request: Request, top: int) -> tuple[Guess, ...]:
        """The classes of the image in a request.

        Raises:
            HTTPException: 429: too many are in work; 4xx: what is wrong with the image.
        """
        if self._batcher.coming >= self.limits.queue:
            raise HTTPException(429, f"{self.limits.queue} requests are in work or wait; try again", {"Retry-After": "1"})
        self._batcher.coming += 1
        try:
            body = await image_in(request, self.limits)
            image = await asyncio.get_running_loop().run_in_executor(self._readers, self._read, body)
            return await self._answer(image, top)
        except TooManyPixelsError as error:
            raise HTTPException(413, str(error)) from None
        except ImageError as error:
            raise HTTPException(400, str(error)) from None
        finally:
            self._batcher.coming -= 1

    async def _answer(self, image: Tensor, top: int) -> tuple[Guess, ...]:
        try:
            return await self._batcher.submit((image, top))
        except Exception as error:
            _LOG.exception("the network failed")
            raise HTTPException(500, f"the network failed: {type(error).__name__}") from None

    def _read(self, body: bytes) -> Tensor:
        return self.classifier.read(io.BytesIO(body), name="the image", max_pixels=self.limits.pixels)


def make_app(classifier: Classifier, limits: Limits) -> FastAPI:
    """The app; its ``state.service`` is the `Service`.

    Args:
        classifier: the network, and how it reads images.
        limits: of what it takes.
    """
    service = Service(classifier, limits)
    app = FastAPI(
        title=f"convatlas: {classifier.name}",
        description="The most likely classes of an image.",
        lifespan=service.at_work,
    )
    app.state.service = service
    errors: dict[int | str, dict[str, Any]] = {status: {"model": ErrorOut} for status in (400, 408, 413, 422, 429, 500)}

    @app.post("/predict", response_model=PredictionOut, responses=errors, openapi_extra=_BODY)
    async def predict(
        request: Request, top: Annotated[int, Query(ge=1, le=_MOST_CLASSES, description="how many classes")] = 5
    ) -> dict[str, Any]:
        """Classify one image: its bytes as the body, or a form with one file. JPEG, PNG and whatever else Pillow reads."""
        guesses = await service.predict(request, top)
        return {"model": classifier.name, "classes": [guess.record() for guess in guesses]}

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """Whether requests are welcome: 200, or 503 while it is about to end."""
        return JSONResponse({"status": "ending" if service.draining else "ok"}, 503 if service.draining else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Counters for Prometheus."""
        return Response(service.metrics.text(), media_type=service.metrics.content_type)

    @app.middleware("http")
    async def watch(request: Request, answer: Any) -> Response:
        began = time.perf_counter()
        response: Response = await answer(request)
        if request.url.path == "/predict":
            service.metrics.answered(response.status_code, time.perf_counter() - began)
        if service.draining:
            response.headers["Connection"] = "close"
        return response

    @app.exception_handler(StarletteHTTPException)
    async def told(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return JSONResponse({"error": f"`{first['loc'][-1]}` (={first['input']!r:.40}): {first['msg']}"}, 422)

    return app
