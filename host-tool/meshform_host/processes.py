"""Programs that the host tool runs, and the agents that run on this host."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal

# Programs are named here, and get lists of arguments: no shell reads them.
import subprocess  # nosec B404
import threading
from collections.abc import Generator, Sequence
from pathlib import Path

from .basics import Problem
from .host import Host

# How long a command of an engine may take.
PROGRAM_SECONDS = 60


def run_program(name: str, arguments: Sequence[str], folder: Path) -> str:
    """Runs an engine's command, without the caller's environment, which might point it elsewhere."""
    program = path_of(name)
    try:
        # What is in the arguments comes from this program and from root's own configuration.
        done = subprocess.run(  # nosec B603
            [program, *arguments],
            cwd=folder,
            env={"PATH": search_path(), "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
            umask=0o077,
        )
    except subprocess.TimeoutExpired as error:
        problem = f"`{name} {arguments[0]} …` did not finish within {PROGRAM_SECONDS} s."
        raise Problem(problem, f"Check whether this host is overloaded, then run {program} manually.") from error
    if done.returncode != 0:
        said = " ".join((done.stderr + done.stdout).split())[:500]
        raise Problem(f"`{name} {arguments[0]} …` failed: {said}.", f"Run {program} manually on this host.")
    return done.stdout


def lines_of(name: str, arguments: Sequence[str], folder: Path, seconds: float) -> Generator[str, None, None]:
    """What an engine's command writes, line by line. It is ended after so long, or when no more lines are read."""
    process = subprocess.Popen(  # nosec B603
        [path_of(name), *arguments],
        cwd=folder,
        env={"PATH": search_path(), "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        umask=0o077,
    )
    with process:
        end = threading.Timer(seconds, process.kill)
        end.start()
        try:
            yield from process.stdout or ()
        finally:
            end.cancel()
            process.kill()


def path_of(name: str) -> str:
    program = shutil.which(name, path=search_path())
    if program is None:
        raise Problem(f"The program {name} is not installed.", f"Install it, e.g. as /usr/local/bin/{name}.")
    return program


def search_path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/local/bin"


def agents_of(host: Host, engine: str) -> list[int]:
    """The agents that read this host's configuration, but not those in containers of this host.

    A container has process ids of its own; a systemd service that is shielded has only mounts of its own.
    """
    configuration = host.path(f"/etc/{engine}.d")
    own = os.readlink("/proc/self/ns/pid")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            is_agent = Path(words[0]).name == engine and words[1:2] == ["agent"]
            reads = any(word.split("=")[-1].rstrip("/") == str(configuration) for word in words)
            if is_agent and reads and os.readlink(process / "ns/pid") == own:
                found.append(int(process.name))
    return found


def end_agent(pid: int, engine: str) -> None:
    """By systemd where it runs the process; any other supervisor starts again what has ended."""
    unit = Path(f"/proc/{pid}/cgroup").read_text().strip().rsplit("/", 1)[-1]
    if unit.endswith(".service"):
        run_program("systemctl", ["try-restart", "--no-block", unit], Path("/"))
    else:
        os.kill(pid, signal.SIGINT if engine == "nomad" else signal.SIGTERM)
