"""Writes a node's log to standard output. Every line is JSON, even if a library writes it.

Implements CVP-12-2 and CVP-12-6. The message of a library or of an exception may contain data from a client. So the log
never contains such a message. Instead, it has the position in the code and the type of the exception.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime
from queue import SimpleQueue
from select import PIPE_BUF
from types import TracebackType

import msgspec
import structlog

from verifier.core.errors import InternalError

MAX_CHAIN = 8
MAX_WAITING = 65_536
CLOSE_S = 5
MAX_FRAMES = 30

log = structlog.get_logger()
_encode_utf8 = msgspec.json.Encoder(enc_hook=repr).encode
_encode_ascii = json.JSONEncoder(default=repr).encode


def configure_logging(level: str) -> None:
    """Log JSON lines to standard output without personal data: only ids, operations, statuses and code positions."""
    output = _Output(sys.stdout.fileno())
    structlog.configure(
        processors=[_render],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_LibraryHandler()]
    root.setLevel(level.upper())
    logging.raiseExceptions = False
    warnings.showwarning = _log_warning
    sys.excepthook = _log_uncaught
    sys.unraisablehook = lambda raised: log.error("uncaught", exc_info=raised.exc_value or raised.exc_type())
    threading.excepthook = lambda raised: log.error("uncaught", exc_info=raised.exc_value or raised.exc_type())


class _Output:
    """An output with a thread of its own, so that no request waits for a write.

    Write errors are ignored, because a full log disk must not stop a verdict. While writes block, at most MAX_WAITING
    lines wait. Further lines are lost, and a later line says how many.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        # A finalizer may log while this thread holds the lock.
        self._lock = threading.RLock()
        self._lost = 0
        self._torn = False
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self._close)

    def msg(self, line: bytes) -> None:
        if self._lines.qsize() >= MAX_WAITING:
            self._lose(1)
        else:
            self._lines.put(line)

    # structlog calls the method that is named like the level.
    debug = info = warning = error = critical = msg

    def _close(self) -> None:
        self._lines.put(None)
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        """Write lines until `_close` puts None. Lines that wait are written together, up to PIPE_BUF bytes.

        What another thread or process writes to the same pipe never splits such a write.
        """
        lines: list[bytes] = []
        while (line := self._lines.get()) is not None:
            if lines and sum(map(len, lines)) + len(line) > PIPE_BUF:
                self._flush(lines)
            lines.append(line)
            if self._lines.empty():
                self._flush(lines)
        if lines:
            self._flush(lines)

    def _flush(self, lines: list[bytes]) -> None:
        """Write these lines together, and empty the list."""
        if not self._write(b"".join(lines)):
            self._lose(len(lines))
        elif self._lost:
            self._report_lost()
        lines.clear()

    def _write(self, text: bytes) -> bool:
        """Write whole lines. Returns False if the output does not take them."""
        try:
            # After an error, the output may end within a line.
            text = b"\n" + text if self._torn else text
            self._torn = os.write(self._descriptor, text) < len(text)
        except OSError:
            return False
        return not self._torn

    def _lose(self, lines: int) -> None:
        with self._lock:
            self._lost += lines

    def _report_lost(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if not self._write(_render(None, "warning", {"event": "lines lost", "count": lost})):
            self._lose(lost)


class _LibraryHandler(logging.Handler):
    """Logs the lines of libraries: the logger, the code position and the type of exception."""

    def emit(self, record: logging.LogRecord) -> None:
        # A library may use a level between two named levels. Such a level counts as the lower one of the two.
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        error = record.exc_info[1] if record.exc_info else None
        place = f"{record.module}:{record.lineno}:{record.funcName}"
        log.log(level, "library", logger=record.name, at=place, exc_info=error)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: object = None,
) -> None:
    log.warning("library", logger="warnings", kind=category.__name__, at=f"{filename.rpartition('/')[2]}:{lineno}")


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("uncaught", exc_info=error)


def _render(_: object, level: str, line: MutableMapping[str, object]) -> bytes:
    """Write a line as ASCII JSON. An exception in the line is described without any of its data."""
    line["level"] = level
    line["timestamp"] = now = datetime.now(UTC)
    error = line.pop("exc_info", None)
    if isinstance(error, BaseException):
        line["exception"] = [_description(each) for each in _chain(error)]
    encoded = _ascii(line)
    if encoded is None:
        line["timestamp"] = now.isoformat()[:-6] + "Z"  # as msgspec writes it
        encoded = _encode_ascii(line).encode()
    return encoded + b"\n"


def _ascii(line: MutableMapping[str, object]) -> bytes | None:
    """The line as JSON, by msgspec, which is 5 times as fast as json. None if the line is not ASCII."""
    try:
        encoded = _encode_utf8(line)
    except ValueError:  # a lone surrogate
        return None
    return encoded if encoded.isascii() else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and its causes. After an exception group comes the first exception in the group."""
    for _ in range(MAX_CHAIN):
        if error is None:
            return
        yield error
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        else:
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _description(error: BaseException) -> dict[str, object]:
    described: dict[str, object] = {"type": f"{type(error).__module__}.{type(error).__qualname__}"}
    if isinstance(error, InternalError):
        described["detail"] = error.detail
    trace, frames = error.__traceback__, []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    if frames:
        described["frames"] = frames[-MAX_FRAMES:]
    return described
