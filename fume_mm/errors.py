"""The error for mistakes a user can mend, and how command lines show it."""

import errno
import logging
import os
import sys
from collections.abc import Callable

#: Exit status of a training that a signal stopped and ``--resume`` goes on with: that
#: of a passing failure in sysexits.h.
STOPPED = 75
# Set to 1 to see where a UserError came from.
TRACEBACK_VARIABLE = 'FUME_MM_TRACEBACK'
#: What the system says of a disk that is full, limited or read-only, or of a folder
#: that is somebody else's, and the way out.
_ROOM = 'cannot be written ({}); make room, or name another output folder'
_RIGHTS = 'cannot be used ({}); change its rights, or name another one'
_NO_ROOM = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS), _ROOM)
_NO_ROOM |= dict.fromkeys((errno.EACCES, errno.EPERM), _RIGHTS)


class UserError(ValueError):
    """A mistake in a config, a file, a row or an argument.

    The message is one sentence or two that name the file, row or key, say what is
    wrong with it, and end with the way out. Command lines print it without a
    traceback and exit with status 2.
    """


def error_text(error: BaseException) -> str:
    """The message of ``error``, also when a data loader's worker raised it.

    A worker's exception arrives with the worker's whole traceback as its message; the
    last line that names the exception is where the message proper begins.
    """
    text = str(error)
    if 'Original Traceback' in text:
        text = text.rpartition(f'{type(error).__name__}: ')[2]
    return text.strip()


def run_cli(main: Callable[[], int | None]) -> None:
    """Run a command line's ``main`` and exit as a shell expects.

    Exit status 0 for success (or what ``main`` returns), 2 for a :class:`UserError`
    (its message alone on standard error) and for a disk that takes no more, 130 for
    Ctrl-C, :data:`STOPPED` for a training that was told to stop and has saved. Anything
    else is a defect of ours and keeps its traceback.
    """
    # A line that a log has no room for is no reason for a traceback.
    logging.raiseExceptions = False
    try:
        status = main()
    except OSError as error:
        if error.errno not in _NO_ROOM or os.environ.get(TRACEBACK_VARIABLE) == '1':
            raise
        sys.stdout.flush()
        what = error.filename or 'a result'
        problem = _NO_ROOM[error.errno].format(error.strerror)
        print(f'error: {what}: {problem}.', file=sys.stderr)
        sys.exit(2)
    except UserError as error:
        if os.environ.get(TRACEBACK_VARIABLE) == '1':
            raise
        sys.stdout.flush()
        print(f'error: {error_text(error)}', file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        sys.exit(130)
    sys.exit(status or 0)
