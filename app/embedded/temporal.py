"""How does a Temporal server of our own run for a trial, the demo and the tests?"""

from __future__ import annotations

import asyncio
import signal
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.embedded.errors import EmbeddedServerError
from app.embedded.namespace import client_when_ready, register_attributes
from app.embedded.process import ServerProcess, free_ports, last_words, require_free

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from temporalio.common import SearchAttributeKey

HOST = "127.0.0.1"
PORT_ATTEMPTS = 3
LONGEST_WORKFLOW_ID = 255

COMMON_SETTINGS: dict[str, str] = {"limit.maxIDLength": str(LONGEST_WORKFLOW_ID)}
# The second switch is the first one's name in later servers; without the timer key every skip
# costs a second, and without the poll rates a long run of skips slows down tenfold. The interval is
# measured from a start in skipped time to an end on the wall clock, so that a run that began with
# skipped time looks too young to be continued, and the wait laid upon its successor never ends.
TIME_SKIPPING_SETTINGS: dict[str, str] = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "system.workflowTimeSkippingEnabled": "true",
    "history.workflowIdReuseMinimalInterval": '"0s"',
    "history.timerProcessorMaxTimeShift": '"10ms"',
    "history.timerProcessorMaxPollRPS": "1000",
    "history.transferProcessorMaxPollRPS": "1000",
    "history.visibilityProcessorMaxPollRPS": "1000",
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts of a dev server listen; no `ui` means no web interface."""

    rpc: int
    ui: int | None
    http: int
    metrics: int

    @classmethod
    def choose(cls, rpc: int | None, ui: int | None, metrics: int | None) -> Ports:
        """The ports asked for, free ones for the rest; `ui=0` asks for no web interface."""
        free = free_ports(4)
        chosen_ui = None if ui == 0 else ui or free[1]
        return cls(rpc or free[0], chosen_ui, free[2], metrics or free[3])

    @property
    def options(self) -> list[str]:
        interface = ["--headless"] if self.ui is None else ["--ui-port", str(self.ui)]
        numbers = {"--port": self.rpc, "--http-port": self.http, "--metrics-port": self.metrics}
        fixed = [part for name, port in numbers.items() for part in (name, str(port))]
        return ["--ip", HOST, *fixed, *interface]


@dataclass(frozen=True, slots=True)
class TemporalDevServer:
    """A Temporal dev server on loopback that ends with its owner."""

    ports: Ports
    pid: int

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        binary: Path,
        *,
        port: int | None = None,
        ui_port: int | None = None,
        metrics_port: int | None = None,
        db_filename: Path | None = None,
        time_skipping: bool = True,
        search_attributes: Sequence[SearchAttributeKey[Any]] = (),
    ) -> AsyncGenerator[TemporalDevServer]:
        """Serve until left; with `db_filename` the cases outlive the server.

        `ui_port=0` leaves the web interface out.
        """
        require_free(port, "Temporal")
        require_free(ui_port, "the Temporal web interface")
        options = _options(db_filename, time_skipping=time_skipping)
        with _log_file(db_filename) as log:
            for _ in range(PORT_ATTEMPTS if port is None else 1):
                ports = Ports.choose(port, ui_port, metrics_port)
                command = [str(binary), "server", "start-dev", *ports.options, *options]
                process = await ServerProcess.start(command, log=log, stop_signal=signal.SIGTERM)
                try:
                    client = await client_when_ready(process, f"{HOST}:{ports.rpc}")
                    if client is not None:
                        await register_attributes(client, search_attributes)
                        yield cls(ports, process.process.pid)
                        return
                finally:
                    await asyncio.shield(process.stop())
            raise EmbeddedServerError(f"Temporal could not start: {last_words(log)}")

    @property
    def address(self) -> str:
        return f"{HOST}:{self.ports.rpc}"

    @property
    def ui_url(self) -> str | None:
        return None if self.ports.ui is None else f"http://{HOST}:{self.ports.ui}"

    @property
    def metrics_url(self) -> str:
        return f"http://{HOST}:{self.ports.metrics}/metrics"


@contextmanager
def _log_file(db_filename: Path | None) -> Generator[Path]:
    """Beside the database file, where its owner looks for it, or gone with the server."""
    if db_filename is not None:
        db_filename.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = db_filename.with_suffix(".log")
        log.unlink(missing_ok=True)
        yield log
        return
    with tempfile.TemporaryDirectory(prefix="dunning-temporal-") as scratch:
        yield Path(scratch) / "temporal.log"


def _options(db_filename: Path | None, *, time_skipping: bool) -> list[str]:
    settings = COMMON_SETTINGS | (TIME_SKIPPING_SETTINGS if time_skipping else {})
    options = ["--log-level", "error"]
    for name, value in settings.items():
        options += ["--dynamic-config-value", f"{name}={value}"]
    return options if db_filename is None else [*options, "--db-filename", str(db_filename)]
