"""Reads one secret from its file, which nobody else may read (security.md D12). Never says anything of its content."""

from __future__ import annotations

import os
import stat

from ppc_engine.catalog.issues import quoted

SECRET_FILE_BYTES_MAX = 4096


def others_may_read(status: os.stat_result) -> bool:
    """Whether a file's mode lets its group or the world do anything with it."""
    return bool(status.st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def read_secret(file: object) -> tuple[str, str]:
    """The secret in a file, without its line end, and "" ; or "" and what is wrong, with the cure."""
    if not isinstance(file, str) or not file or "\0" in file:
        return "", f"{quoted(file)} is not a path (write one in quotes)"
    try:
        # One descriptor for the check and the read, so that nobody can change the file between them.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return "", f"{quoted(file)} is not a file (name the file that holds the secret)"
            if others_may_read(status):
                return "", f"others may read {quoted(file)} (run: chmod 600 {file})"
            content = opened.read(SECRET_FILE_BYTES_MAX + 1)
    except OSError as error:
        return "", f"cannot read {quoted(file)}: {error.strerror} (correct the path, or its owner)"
    if len(content) > SECRET_FILE_BYTES_MAX:
        return "", f"{quoted(file)} is larger than {SECRET_FILE_BYTES_MAX} bytes, so no secret (name the right file)"
    try:
        value = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return "", f"{quoted(file)} is not UTF-8 text (write the secret as text)"
    return value, "" if value else f"{quoted(file)} is empty (write the secret into it)"
