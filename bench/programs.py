"""How does one of the benchmark's own programs run beside this one, and tell what it found?"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import BaseModel

from app.embedded.go_build import CHECKOUT
from bench.bare import Task
from bench.load import Load, Result
from bench.servers import CACHE, SECRET, BenchError, until

_FOLDER = Path(__file__).parent
_YARDSTICK = ("package.json", "package-lock.json", "express_handler.mjs")
_EMAIL_MILLISECONDS = 120


async def load(what: Load) -> Result:
    """Send requests from another process."""
    return Result.model_validate_json(await output("bench.load", what))


async def output(module: str, task: BaseModel) -> str:
    """What a module of ours writes to standard output when it is given a task."""
    process = await start(module, task)
    written, _ = await process.communicate()
    if process.returncode:
        raise BenchError(f"{module} ended with exit code {process.returncode}")
    return written.decode()


async def start(module: str, task: BaseModel) -> Process:
    """Start a module of ours with its task."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, task.model_dump_json(), stdout=PIPE, cwd=CHECKOUT
    )


@asynccontextmanager
async def serving(module: str, task: BaseModel, port: int) -> AsyncGenerator[None]:
    """A module of ours that answers at a port, once it listens."""
    process = await start(module, task)

    async def listening() -> bool:
        if process.returncode is not None:
            raise BenchError(f"{module} ended with exit code {process.returncode}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await until(listening)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def bare_worker(task: Task) -> AsyncGenerator[Callable[[], Awaitable[float]]]:
    """A worker for so many bare cases, once it works; call it for the instant of the last one."""
    worker = await start("bench.bare", task.model_copy(update={"role": "worker"}))
    if worker.stdout is None:
        raise AssertionError("asked for with PIPE")
    told = worker.stdout

    async def finished() -> float:
        return float(await told.readline())

    try:
        await told.readline()
        yield finished
    finally:
        worker.kill()
        await worker.wait()


@asynccontextmanager
async def express() -> AsyncGenerator[int]:
    """The handler of Revtain's guide, once it listens; its port."""
    node = shutil.which("node")
    if node is None:
        raise BenchError("the yardstick needs Node.js: install it, so that `node` is on PATH")
    folder = await _installed()
    process = await asyncio.create_subprocess_exec(
        node,
        "express_handler.mjs",
        SECRET,
        str(_EMAIL_MILLISECONDS),
        cwd=folder,
        env={**os.environ, "NODE_ENV": "production"},
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        if process.stdout is None:
            raise AssertionError("asked for with PIPE")
        yield int(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _installed() -> Path:
    """The folder with the yardstick and its libraries, exactly as locked."""
    folder = CACHE / "bench" / "express"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "package-lock.json"
    current = lock.is_file() and lock.read_bytes() == (_FOLDER / lock.name).read_bytes()
    for name in _YARDSTICK:
        shutil.copyfile(_FOLDER / name, folder / name)
    if current and (folder / "node_modules" / ".package-lock.json").is_file():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise BenchError("the yardstick needs npm beside Node.js: install it")
    arguments = ("ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")
    process = await asyncio.create_subprocess_exec(npm, *arguments, cwd=folder, stdout=DEVNULL)
    if await process.wait():
        raise BenchError("npm could not install the yardstick's libraries; it says why above")
    return folder
