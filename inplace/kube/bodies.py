"""The body of an answer, within bounds: a server that is broken, or is none, may send without an end."""

from __future__ import annotations

from typing import Final

import aiohttp

from inplace.kube.errors import TooLarge

#: The most bytes of one answer, or of one line of a watch. An object has 1.5 MB at most (etcd), a page `PAGE_BYTES`.
MAX_BYTES: Final = 64 * 2**20


async def read(response: aiohttp.ClientResponse, most: int = MAX_BYTES) -> bytes:
    """The body; raises TooLarge as soon as it has more bytes than `most`, and reads no further."""
    chunks, size = list[bytes](), 0
    async with response:
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > most:
                raise TooLarge(f"the answer of the server has more than {most} bytes")
            chunks.append(chunk)
    return b"".join(chunks)
