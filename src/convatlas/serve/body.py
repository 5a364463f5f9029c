"""The image in a request: its body, or the file in a form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from fastapi import HTTPException, Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from .limits import Limits

_FORM = "multipart/form-data"
_MOST_FIELDS = 10


async def image_in(request: Request, limits: Limits) -> bytes:
    """The bytes of the one image that a request brings.

    Raises:
        HTTPException: 408, 413 or 400: the body is late, too large, empty, or a form without exactly one file.
    """
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _body(request, limits.body_bytes)
    except TimeoutError:
        raise HTTPException(408, f"the image did not come within {limits.body_seconds:g} seconds") from None
    if request.headers.get("content-type", "").lower().startswith(_FORM):
        body = await _file_in(request, body)
    if not body:
        raise HTTPException(400, "the request has no image: send its bytes as the body, or a form with one file")
    return body


async def _body(request: Request, most: int) -> bytes:
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > most:
        raise _too_large(most)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
    return b"".join(parts)


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"the request is larger than the {most / 2**20:g} MiB that are allowed")


async def _file_in(request: Request, body: bytes) -> bytes:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(request.headers, whole(), max_files=1, max_fields=_MOST_FIELDS).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        reason = getattr(error, "message", "") or "it cannot be read"
        raise HTTPException(400, f"the form is damaged, or has more than one file: {reason}") from None
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        return await files[0].read() if files else b""
    finally:
        await form.close()
