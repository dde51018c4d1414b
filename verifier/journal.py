"""A node's journal: each line of ours, and of every library, is JSON on standard output. Carries out CVP-12-2 and 12-6.

What a library says may hold what a client sent, and so may the message of an exception. So a line tells where
something happened and of which kind it was, and never in the library's words.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO, cast

import structlog

from verifier.core.errors import InternalError

MAX_CHAIN = 8
MAX_FRAMES = 30

log = structlog.get_logger()


def configure_logging(level: str) -> None:
    """JSON lines on standard output, without personal data: only ids, operations, statuses and places in the code."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _described,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # Writes a line and its end at once: lines of other threads and of the demonstration come between, not within.
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Undisturbed(sys.stdout))),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_Foreign()]
    root.setLevel(level.upper())
    logging.raiseExceptions = False
    warnings.showwarning = _warned
    sys.excepthook = _uncaught
    sys.unraisablehook = lambda met: log.error("uncaught", exc_info=met.exc_value or met.exc_type())
    threading.excepthook = lambda met: log.error("uncaught", exc_info=met.exc_value or met.exc_type())


class _Undisturbed:
    """An output that may fail: a full disk for logs stops no verdict."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


class _Foreign(logging.Handler):
    """The lines of every library: which logger, where in its code, and the kind of exception."""

    def emit(self, record: logging.LogRecord) -> None:
        # Libraries may have levels of their own between those that have names.
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        error = record.exc_info[1] if record.exc_info else None
        place = f"{record.module}:{record.lineno}:{record.funcName}"
        log.log(level, "library", logger=record.name, at=place, exc_info=error)


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    log.warning("library", logger="warnings", kind=category.__name__, at=f"{filename.rpartition('/')[2]}:{lineno}")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("uncaught", exc_info=error)


def _described(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Puts the exception of a line in words that hold nothing of its data."""
    error = line.pop("exc_info", None)
    if isinstance(error, BaseException):
        line["exception"] = [_told(each) for each in _chain(error)]
    return line


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, what it was raised from, and of a group its first."""
    for _ in range(MAX_CHAIN):
        if error is None:
            return
        yield error
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        else:
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {"type": f"{type(error).__module__}.{type(error).__qualname__}"}
    if isinstance(error, InternalError):
        told["detail"] = error.detail
    trace, frames = error.__traceback__, []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    if frames:
        told["frames"] = frames[-MAX_FRAMES:]
    return told
