"""Break-glass access: a person on a server gets tokens that end soon, for a reason, and leaves a trace.

The tokens are in the environment of a shell, and nowhere else: not on a command line, in no file, not in what this
program says. They are revoked when the shell ends; should this program not get that far, the engines let them expire.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import pwd
import re
import signal

# Who may run this program may run any other: they are root.
import subprocess  # nosec B404
import syslog
from collections.abc import Iterator
from pathlib import Path

from .api import Api, ApiError, server_apis
from .basics import OUTPUT, Json, NotYet, Problem, say
from .cluster import cluster_of
from .host import Host, tls_folder

# What both engines allow, unless they are configured otherwise.
SHORTEST, LONGEST = 60, 24 * 60 * 60
TRACE = "/var/log/meshform-access.log"


def access(host: Host, arguments: argparse.Namespace) -> None:
    reason = " ".join(arguments.reason.split())
    if len(reason) < 10:
        raise Problem(f"The reason is {reason!r}.", "Give a reason in a few words, for the audit trail.")
    seconds = seconds_of(arguments.duration)
    apis = server_apis(host, cluster_of(host, arguments.wait))
    policies = {"Consul": arguments.consul, "Nomad": arguments.nomad}
    if any(policies.values()):
        apis = [api for api in apis if policies[api.engine]]
    who = person()
    # Who cannot be traced gets nothing.
    trace(host, {"event": "asked", "who": who, "reason": reason, "seconds": seconds})
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ)
        for api in apis:
            token = stack.enter_context(granted(host, api, policies[api.engine], who, reason, seconds))
            environment.update(environment_of(host, api, token))
        code = run(arguments.program or [os.environ.get("SHELL", "/bin/bash")], environment)
    if code != 0:
        raise SystemExit(code)


def seconds_of(duration: str) -> int:
    found = re.fullmatch(r"(\d{1,5})([smh])", duration)
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0
    if not SHORTEST <= seconds <= LONGEST:
        raise Problem(f"--for is {duration}.", "Give a time from 1m to 24h, such as 30m.")
    return seconds


def person() -> str:
    """Who logged in: `sudo` says it, else the kernel, which keeps it through `su`."""
    if name := os.environ.get("SUDO_USER"):
        return name
    uid = os.getuid()
    with contextlib.suppress(OSError, ValueError):
        login = int(Path("/proc/self/loginuid").read_text())
        # The kernel's word for nobody.
        uid = login if login != 2**32 - 1 else uid
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


@contextlib.contextmanager
def granted(host: Host, api: Api, policies: list[str], who: str, reason: str, seconds: int) -> Iterator[str]:
    """A token, until the end of the block."""
    label = f"Break-glass access of {who}: {reason}"
    ttl = f"{seconds}s"
    if api.engine == "Consul":
        names = [{"Name": name} for name in policies or ["global-management"]]
        wanted: Json = {"Description": label[:250], "Policies": names, "ExpirationTTL": ttl}
    else:
        kind = {"Type": "client", "Policies": policies} if policies else {"Type": "management"}
        wanted = {"Name": label[:250], **kind, "ExpirationTTL": ttl}
    with api.explained("create a token"):
        token: Json = api.call("PUT", "/v1/acl/token", wanted)
    OUTPUT.hide(token["SecretID"])
    accessor = str(token["AccessorID"])
    about = {"engine": api.engine, "who": who, "accessor": accessor}
    rights = policies or ["management"]
    try:
        trace(
            host,
            {"event": "granted", **about, "policies": rights, "expires": token["ExpirationTime"], "reason": reason},
        )
        say(f"{api.engine}: token {accessor} of {', '.join(rights)}, until {token['ExpirationTime']} at the latest.")
        yield str(token["SecretID"])
    finally:
        try:
            api.call("DELETE", f"/v1/acl/token/{accessor}")
            event = "revoked"
        except (ApiError, NotYet) as error:
            event = "not revoked"
            say(f"{api.engine} cannot revoke token {accessor}, which expires at {token['ExpirationTime']}: {error}")
        trace(host, {"event": event, **about})


def trace(host: Host, entry: Json) -> None:
    """One line in a file that only root reads, and in the journal.

    @raises OSError if the file cannot be written
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    line = json.dumps({"time": now, "host": host.node, **entry})
    file = host.path(TRACE)
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "w") as stream:
        stream.write(line + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    syslog.openlog("meshform-access", 0, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_NOTICE, line)


def environment_of(host: Host, api: Api, token: str) -> dict[str, str]:
    """For the engine's own command."""
    tls, engine = tls_folder(host, api.engine.lower()), api.engine.upper()
    consul = engine == "CONSUL"
    return {
        f"{engine}_HTTP_ADDR" if consul else f"{engine}_ADDR": api.base,
        f"{engine}_HTTP_TOKEN" if consul else f"{engine}_TOKEN": token,
        f"{engine}_CACERT": str(tls / "ca.pem"),
        f"{engine}_CLIENT_CERT": str(tls / "agent.pem"),
        f"{engine}_CLIENT_KEY": str(tls / "agent-key.pem"),
        f"{engine}_TLS_SERVER_NAME": host.agent_name(api.engine.lower()),
    }


def run(program: list[str], environment: dict[str, str]) -> int:
    """Its exit code, as a shell gives it. Should this program be ended, so is the shell."""
    with interruptions_are_the_shells():
        try:
            child = subprocess.Popen(program, env=environment)  # nosec B603
        except OSError as error:
            raise Problem(f"{program[0]} cannot be started: {error.strerror}.", "Name another program.") from error
        try:
            code = child.wait()
        finally:
            if child.poll() is None:
                child.terminate()
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def interruptions_are_the_shells() -> Iterator[None]:
    """Ctrl-C reaches both, and is for what runs in the shell. A handler is not inherited, as to ignore it would be."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
