"""Manages the secrets, the tokens and the state of one host of a Meshform cluster.

The first server that boots creates the secrets of the cluster and saves them in the secret store; all other hosts read
them from there. No secret is in user data, in Terraform's state, on a command line or in the output of this program.

All commands run as root. /etc/meshform/host.json is the configuration of this host.

The secret store contains five JSON documents. Each is written as a whole, so its contents always belong together:

  cluster      both CAs with their keys, gossip keys, management tokens, the secrets of all tokens; for servers only
  client       for client hosts: CA certificates, Consul's gossip key, two tokens, certificates to join with
  operator     for people: CA certificates, client certificates, the operator's token
  management   for the deployer of access rules: CA certificates, client certificates and both management tokens
  prometheus   for Prometheus: CA certificates, client certificates and its own token

Servers derive all other documents from `cluster`, and correct them if they differ. In a directory each document has its
own folder, `<path>/<document>`, so that only `<path>/client` need be shared with client hosts.

Hosts take turns: a host that restarts or reloads an agent holds the key `meshform/turn` in Consul until the checks that
passed before pass again. The other hosts wait, so a restart can be started on all hosts at the same time.

After a snapshot is restored:

  tokens      Tokens, policies, roles and auth methods are those of the snapshot. The secrets of the tokens come from
              the store, which also has former management tokens. With another store the management token would be
              unknown: restore a snapshot only with the store that was in use when it was saved.
  mesh CA     Consul's built-in CA keeps its key in its state, so the root is that of the snapshot. If it differs, run
              `restart consul` on client hosts, whose agents still have the other root; their Envoys then get new
              certificates. Nomad's keys are restored too, so it can read its variables and signs as before.
  catalog     New servers can have the names of old servers with other ids, which Consul refuses to register. Therefore
              the old ones are removed; the new ones register within about a minute.

A snapshot contains the key of the mesh CA, all tokens and Nomad's keys: protect it like the store. It does not contain
the CAs that sign the agents' certificates, nor the gossip keys.
"""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .access import access
from .acl import bootstrap_acl
from .api import ApiError
from .basics import ENGINES, Problem, say
from .clouds import MANUALS
from .exclude import exclude
from .files import PRIVATE
from .follow import follow
from .host import Host
from .host_secrets import write_secrets
from .leave import leave, resume
from .lifecycle import restart_agents
from .logs import send_logs
from .metrics import put_metrics
from .ready import ready, status
from .recovery import recover
from .repair import repair
from .rotate import ROTATIONS, rotate
from .snapshot import restore_snapshots, save_snapshots

ROTATE = """\
gossip              gossip keys
certificates        certificates of clients, people and Prometheus
ca                  the agents' CAs: all hosts trust both, then have certificates of the new ones, then trust only these
tokens              secrets of the well-known tokens of Consul
management-tokens   management tokens of Consul and Nomad
keyring             the key with which Nomad encrypts its variables and signs identities

`ca` and `tokens` wait for every host that is alive."""


def parser() -> argparse.ArgumentParser:
    summary, _, manual = (__doc__ or "").partition("\n\n")
    manual = "\n\n".join([manual.strip(), *MANUALS])
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser("meshform-host", description=summary, epilog=manual, formatter_class=raw)
    root = "root of the host's file system, for tests and image builds"
    top.add_argument("--root", type=Path, default=Path("/"), help=root)
    longest = "the longest wait for something (default: 900)"
    top.add_argument("--wait", type=float, default=15 * 60, metavar="SECONDS", help=longest)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    secrets = commands.add_parser(
        "secrets", help="create the secrets that the store lacks, and write this host's files"
    )
    secrets.add_argument("--only-store", action="store_true", help="do not write files of this host")
    renewing = "renew the certificate even if it is still valid, and reload"
    secrets.add_argument("--renew", action="store_true", help=renewing)
    reloading = "reload running agents if files have changed"
    secrets.add_argument("--reload", action="store_true", help=reloading)
    secrets.set_defaults(run=write_secrets)

    acl = commands.add_parser("acl", help="bootstrap the ACL systems and create the well-known tokens")
    acl.set_defaults(run=bootstrap_acl)

    restarting = "restart agents of this host when it is its turn, and wait until its checks pass again"
    restarts = commands.add_parser("restart", help=restarting)
    restarts.add_argument("engine", nargs="+", choices=ENGINES)
    restarts.set_defaults(run=restart_agents)

    readiness = commands.add_parser("ready", help="check whether this host is ready")
    patience = "how long to wait for that (default: 0, it looks once)"
    readiness.add_argument("--wait", type=float, default=0, metavar="SECONDS", dest="limit", help=patience)
    readiness.set_defaults(run=ready)

    state = commands.add_parser("status", help="show the status of this host and its agents")
    state.add_argument("--json", action="store_true", help="as JSON")
    quick = "only what endangers it, and how far a recovery is, as JSON: asks less than whether it is ready"
    state.add_argument("--warnings-only", action="store_true", help=quick)
    state.set_defaults(run=status)

    leaving = commands.add_parser("leave", help="drain jobs and transfer leadership, before a reboot")
    replaced = "the host does not come back: its agents leave their clusters, and stay down until its next boot"
    leaving.add_argument("--for-good", action="store_true", help=replaced)
    leaving.set_defaults(run=leave)

    commands.add_parser("resume", help="take jobs again after a reboot").set_defaults(run=resume)

    opening = "on servers: start a shell with short-lived tokens; the reason is part of the audit trail"
    glass = commands.add_parser("access", help=opening)
    glass.add_argument("--reason", required=True, help="why the access is needed")
    longest = "how long the tokens last at most, from 1m to 24h (default: 1h)"
    glass.add_argument("--for", default="1h", metavar="TIME", dest="duration", help=longest)
    narrower = "use this policy of %s instead of all permissions; can be repeated. The other engine then grants only "
    narrower += "named policies"
    for engine in ENGINES:
        about = narrower % engine.capitalize()
        glass.add_argument(f"--{engine}", action="append", default=[], metavar="POLICY", help=about)
    glass.add_argument(
        "program", nargs="*", help="the program to start, with its arguments, after -- (default: $SHELL)"
    )
    glass.set_defaults(run=access)

    snapshot = commands.add_parser("snapshot", help="save the state of Consul and Nomad, if this server leads them")
    snapshot.add_argument("--force", action="store_true", help="save it on a follower too")
    snapshot.set_defaults(run=save_snapshots)

    restore = commands.add_parser("restore", help="restore snapshots on running servers")
    naming = "of Consul: a name in the store, a path, or `newest` (default: the newest valid one of each engine)"
    restore.add_argument("--consul", metavar="SNAPSHOT", help=naming)
    restore.add_argument("--nomad", metavar="SNAPSHOT", help="of Nomad, likewise")
    restore.set_defaults(run=restore_snapshots)

    recovering = (
        "on a new server that waits because no server has the state of the cluster: select the state to start with"
    )
    recovery = commands.add_parser("recover", help=recovering)
    choice = recovery.add_mutually_exclusive_group(required=True)
    choice.add_argument("--snapshot", action="store_true", help="the newest valid snapshot in the store")
    choice.add_argument("--empty", action="store_true", help="an empty state: the former state of the cluster is lost")
    recovery.set_defaults(run=recover)

    replacing = "keep replacing allocations that lost their identity, and nodes that lost their name"
    repairing = commands.add_parser("repair", help=replacing)
    repairing.add_argument("--once", action="store_true", help="do it once and exit")
    repairing.set_defaults(run=repair)

    measuring = "on servers: put what alarms watch into the metrics of the cloud, every minute"
    metrics = commands.add_parser("metrics", help=measuring)
    metrics.add_argument("--once", action="store_true", help="do it once and exit")
    metrics.set_defaults(run=put_metrics)

    sending = "send the journal of this host to the store of logs of the cloud, as it is written"
    logs = commands.add_parser("logs", help=sending)
    logs.add_argument("--once", action="store_true", help="send what there is and exit")
    logs.set_defaults(run=send_logs)

    following = "update this host's secrets from the store: at once during a rotation, and every six hours"
    commands.add_parser("follow", help=following).set_defaults(run=follow)

    replaced = "replace secrets of the cluster while all agents run; run it again after an interruption"
    rotation = commands.add_parser("rotate", help=replaced, epilog=ROTATE, formatter_class=raw)
    rotation.add_argument("what", choices=ROTATIONS)
    keeping = "for `ca`: stop when all hosts have certificates of the new CAs; run it again to continue"
    rotation.add_argument("--keep-old", action="store_true", help=keeping)
    rotation.set_defaults(run=rotate)

    excluding = "on a server: replace what lets a host join, after it was switched off or disconnected permanently"
    exclusion = commands.add_parser("exclude", help=excluding)
    exclusion.add_argument("node", help="its name in Consul and Nomad")
    elsewhere = "in the primary of a WAN federation: the other datacenter in which the host is (default: this one)"
    exclusion.add_argument("--datacenter", metavar="NAME", help=elsewhere)
    exclusion.set_defaults(run=exclude)
    return top


def end_cleanly(signal_number: int, _: object) -> NoReturn:
    """Leaves through every `finally`, undisturbed by further signals."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + signal_number)


ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(words: Sequence[str] | None = None) -> int:
    os.umask(0o077)
    for each in ENDING:
        signal.signal(each, end_cleanly)
    try:
        return run(parser().parse_args(words))
    finally:
        PRIVATE.remove()


def run(arguments: argparse.Namespace) -> int:
    try:
        arguments.run(Host.read(arguments.root), arguments)
    except Problem as problem:
        say(str(problem))
        return 1
    except ApiError as error:
        say(f"An agent refused a request, {error}. Look at its log.")
        return 1
    except PermissionError as error:
        say(f"{error.filename or 'A file'} cannot be accessed: {error.strerror}. Run this as root.")
        return 1
    except OSError as error:
        say(f"Failed: {error}. Check the free disk space and the network, then try again.")
        return 1
    return 0
