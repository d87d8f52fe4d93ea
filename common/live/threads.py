"""Threads for what live feeds read from the database: the event loop never waits for SQL."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections

_T = TypeVar("_T")
_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="live")


async def in_thread(function: Callable[..., _T], *arguments: object) -> _T:
    """`function` on one of the feed's threads, whose connections are given back afterwards."""
    return await asyncio.get_running_loop().run_in_executor(_THREADS, _tidily, function, arguments)


def _tidily(function: Callable[..., _T], arguments: Sequence[object]) -> _T:
    try:
        return function(*arguments)
    finally:
        close_old_connections()
