"""How does a server start so that it ends with its owner and never runs as root?

Run as a script by a bare interpreter (`python -I -S launcher.py …`), then replaced by the server:

    launcher.py --owner PID --signal NUMBER [--namespace UID:GID | --user UID:GID] PROGRAM ARGUMENT…

A preexec function would do the same, but it runs between fork and exec, where the threads of the
Temporal client may hold locks.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from pathlib import Path

NEW_USER_NAMESPACE = 0x10000000
PARENT_DEATH_SIGNAL = 1
REFUSED = 125


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _enter_namespace(uid: int, gid: int) -> None:
    """Appear as `uid` inside a namespace, while files keep belonging to the real user."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(NEW_USER_NAMESPACE), "unshare")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1", encoding="ascii")


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with_owner(owner: int, signal_number: int) -> None:
    # After the change of identity: the kernel forgets the request when credentials change.
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        _check(libc.prctl(PARENT_DEATH_SIGNAL, signal_number, 0, 0, 0), "prctl")
    else:
        _watch_standard_input(signal_number)
    if os.getppid() != owner:
        sys.exit(REFUSED)


def _watch_standard_input(signal_number: int) -> None:
    """Leave a watcher behind that signals the server when the owner's end of the pipe closes."""
    server = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    while os.read(0, 1):
        pass
    try:
        os.kill(server, signal_number)
    finally:
        os._exit(0)


def _pair(text: str) -> tuple[int, int]:
    first, _, second = text.partition(":")
    return int(first), int(second)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--namespace", type=_pair)
    parser.add_argument("--user", type=_pair)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        if arguments.namespace:
            _enter_namespace(*arguments.namespace)
        if arguments.user:
            _become(*arguments.user)
        _die_with_owner(arguments.owner, arguments.signal)
        os.execv(arguments.command[0], arguments.command)  # noqa: S606 - replacing this process is the point
    except OSError as fault:
        sys.stderr.write(f"launcher: {fault}\n")
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
