"""What did a vendor send? The raw bytes, no more of them than are welcome."""

from __future__ import annotations

from starlette.requests import Request


async def raw_body(request: Request, largest: int) -> bytes | None:
    """The raw body; None as soon as it is known to be too large."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > largest:
        return None
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > largest:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
