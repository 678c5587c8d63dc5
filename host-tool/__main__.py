"""Starts the host tool: Python runs this file of a folder or an archive.

Python compiles the modules of an archive at each start, which takes longer than most commands. Therefore root unpacks
and compiles them once, in a folder next to the archive that only root can access.
"""

from __future__ import annotations

import os
import stat
import sys


def unpacked(archive: str) -> str:
    """@return the folder with the modules of the archive"""
    folders = f"{archive}.d"
    os.makedirs(folders, mode=0o700, exist_ok=True)
    found = os.lstat(folders)
    if found.st_uid != 0 or found.st_mode != stat.S_IFDIR | 0o700:
        raise PermissionError(folders)
    # A program that writes the archive can set its modification time to any value, but not this time.
    version = str(os.stat(archive).st_ctime_ns)
    folder = f"{folders}/{version}"
    if not os.path.isdir(folder):
        unpack(archive, folders, version)
    return folder


def unpack(archive: str, folders: str, version: str) -> None:
    import compileall
    import shutil
    import tempfile
    import zipfile

    partial = tempfile.mkdtemp(dir=folders)
    try:
        with zipfile.ZipFile(archive) as contents:
            contents.extractall(partial)
        compileall.compile_dir(partial, quiet=2)
        os.rename(partial, f"{folders}/{version}")
    finally:
        # Those of former versions, and the partial one after a failure.
        for other in os.listdir(folders):
            if other != version:
                shutil.rmtree(f"{folders}/{other}", ignore_errors=True)


if os.geteuid() == 0 and os.path.isfile(sys.path[0]):
    try:
        sys.path[0] = unpacked(sys.path[0])
    except OSError:
        # The disk is full or read-only, or two processes unpack at the same time: the archive will do.
        pass

from meshform_host.main import main  # noqa: E402

sys.exit(main())
