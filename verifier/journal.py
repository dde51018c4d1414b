"""A node's log: every line, ours and each library's, is JSON on standard output. Implements CVP-12-2 and CVP-12-6.

A library's message, or the message of an exception, may contain what a client sent. So a line says where something
happened and of what type it was, and never repeats the library's message.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import TextIO, cast

import structlog

from verifier.core.errors import InternalError

MAX_CHAIN = 8
MAX_FRAMES = 30

log = structlog.get_logger()


def configure_logging(level: str) -> None:
    """Log JSON lines to standard output without personal data: only ids, operations, statuses and code positions."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _describe_exception,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # One write for a line and its end, so that lines of other threads do not mix with it.
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _IgnoringErrors(sys.stdout))),
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


class _IgnoringErrors:
    """An output whose errors are ignored: a full disk for logs must not stop a verdict."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()


class _LibraryHandler(logging.Handler):
    """Logs the lines of libraries: the logger, the code position and the type of exception."""

    def emit(self, record: logging.LogRecord) -> None:
        # A library may use a level of its own between the named ones.
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


def _describe_exception(_: object, __: str, line: MutableMapping[str, object]) -> MutableMapping[str, object]:
    """Replace the exception of a line with a description that contains none of its data."""
    error = line.pop("exc_info", None)
    if isinstance(error, BaseException):
        line["exception"] = [_description(each) for each in _chain(error)]
    return line


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and the ones it was raised from. A group continues with its first exception."""
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
