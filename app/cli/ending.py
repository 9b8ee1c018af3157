"""How does a command run, and how does its process end?"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from app.cli.faults import FINE, WRONG, explain
from app.cli.output import say

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T], *, fast: bool = False) -> T:
    """Run the command's work in an event loop of its own; `fast` for the roles that serve."""
    if not fast:
        return asyncio.run(work)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def attempt(command: Any, arguments: list[str]) -> int:
    """The exit code of one command line; a person's mistake becomes one sentence on stderr."""
    try:
        command(args=arguments, prog_name="dunning")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else WRONG
    except BrokenPipeError:
        return WRONG
    except Exception as fault:
        ending = explain(fault)
        if ending is None:
            raise
        say(ending.sentence)
        return ending.code
    return FINE


def leave(code: int) -> NoReturn:
    """End the process at once, with all output written.

    The Temporal client may crash the interpreter while it takes its objects apart, and the exit
    code would be lost.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
