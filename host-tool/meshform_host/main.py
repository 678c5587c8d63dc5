"""Looks after the secrets, the tokens and the state of one host of a Meshform cluster.

The first server that boots creates the secrets of the cluster and puts them into the secret store; any host that comes
second finds them there. No secret is ever in user data, in Terraform's state, on a command line or in what this
program prints.

Commands, all run as root; /etc/meshform/host.json says what kind of host this is:

  secrets               at every boot, before the agents: creates what the store lacks, writes this host's files
  follow                always: takes what is new in the store, every six hours and whenever a rotation says so
  acl                   on servers, after the agents: bootstraps the ACL systems, creates the well-known tokens
  snapshot              saves the state of Consul and Nomad, on whichever server leads
  restore               brings snapshots back from the store, on running servers
  recover               decides what new servers begin with, where nobody has the state of a cluster that existed
  repair                on servers: replaces allocations that lost their identity when their host was booted, and
                        removes nodes from Consul's catalog whose name another host has
  restart               restarts agents of this host when it is its turn, and waits until its checks pass again
  ready                 ends with 0 if this host does its part in its cluster, else says what it lacks
  status                the same as a text, or as JSON; how far its boot is; what endangers it: clock, disks, memory
  leave                 before a reboot: another server leads, jobs run elsewhere. With --for-good the agents leave too
  access                on servers, for people: a shell with tokens that end soon, for a reason, which is traced
  resume                at every boot: this node takes jobs again, if it left for a reboot
  rotate gossip         a new gossip key, while everything runs
  rotate keyring        a new key with which Nomad encrypts its variables and signs identities
  rotate certificates   new certificates for clients, people and Prometheus, which hosts fetch
  rotate tokens         new secrets for the well-known tokens of Consul, in steps, likewise
  rotate ca             new CAs of the agents: all hosts trust both, then have certificates of the new ones, then trust
                        these alone. It waits for every host that is alive, and goes on where it was interrupted
  exclude               a new gossip key, new tokens and new CAs for all hosts but one that is off or cut off for good,
                        and both engines forget it. It goes on where it was interrupted

The secret store holds five JSON documents. Each is written as a whole, so what is in one always fits together:

  cluster      both CAs with their keys, gossip keys, management tokens, the secrets of all tokens; servers only
  client       what a client host needs: CA certificates, Consul's gossip key, two tokens, certificates to join with
  operator     for people: CA certificates, certificates of their own, the operator's token
  management   for the deployer of access rules: CA certificates, certificates and both management tokens
  prometheus   for Prometheus: CA certificates, certificates and a token of its own

`cluster` is the root: servers derive the others from it, and correct them where they differ. In a directory each
document has a folder of its own, `<path>/<document>`, so that a client host can be given `<path>/client` and no other.

Restarts take turns: a host that restarts or reloads an agent holds the key `meshform/turn` in Consul until the checks
that passed before pass again. The others wait, so the hosts of a cluster may be told all at once.

What it means to restore a snapshot:

  tokens      They are the snapshot's. Their secrets come from the store, so they are the same as before; policies,
              roles and auth methods are the snapshot's. With another store the management token would be unknown afterwards:
              restore only together with the store that was in use.
  mesh CA     Consul's built-in CA keeps its key in its state: the old root is back. If it is another one, run `restart
              consul` on client hosts, which hold to what they were told; their Envoys get new certificates then.
              Nomad's keys come back too, so it reads its variables and signs as before.
  catalog     New servers may have the names of old ones but other identities, and Consul refuses to register them. So the
              old ones are forgotten; the new ones register themselves within about a minute.

A snapshot holds the key of the mesh CA, all tokens and Nomad's keys: keep it like the store. The CAs in the store that
sign the agents' certificates, and the gossip keys, are not in it.

Certificates come from `consul tls`, which signs for any domain, Nomad's too: a Consul agent is beside every server, a
Nomad agent is not. Those of clients are for keys that never leave them: the server that leads Consul signs what they
write there (see host_certificates), and `client` has certificates of a day with which they join.
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
from .ready import ready, status
from .recovery import recover
from .repair import repair
from .rotate import rotate
from .snapshot import restore_snapshots, save_snapshots


def parser() -> argparse.ArgumentParser:
    summary, _, manual = (__doc__ or "").partition("\n\n")
    manual = "\n\n".join([manual.strip(), *MANUALS])
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser("meshform-host", description=summary, epilog=manual, formatter_class=raw)
    root = "where the host's file system begins, for tests and image builds"
    top.add_argument("--root", type=Path, default=Path("/"), help=root)
    longest = "the longest wait for something (default: 900)"
    top.add_argument("--wait", type=float, default=15 * 60, metavar="SECONDS", help=longest)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    secrets = commands.add_parser("secrets", help="create what the store lacks and write this host's files")
    secrets.add_argument("--only-store", action="store_true", help="write no file of this host")
    renewing = "take a new certificate even if the present one is good, and reload"
    secrets.add_argument("--renew", action="store_true", help=renewing)
    reloading = "have running agents use what has changed"
    secrets.add_argument("--reload", action="store_true", help=reloading)
    secrets.set_defaults(run=write_secrets)

    acl = commands.add_parser("acl", help="bootstrap the ACL systems and create the well-known tokens")
    acl.set_defaults(run=bootstrap_acl)

    restarting = "restart agents of this host when it is its turn, and wait until its checks pass again"
    restarts = commands.add_parser("restart", help=restarting)
    restarts.add_argument("engine", nargs="+", choices=ENGINES)
    restarts.set_defaults(run=restart_agents)

    readiness = commands.add_parser("ready", help="say whether this host does its part in its cluster")
    patience = "how long to wait for that (default: 0, it looks once)"
    readiness.add_argument("--wait", type=float, default=0, metavar="SECONDS", dest="limit", help=patience)
    readiness.set_defaults(run=ready)

    state = commands.add_parser("status", help="show how this host and its agents are")
    state.add_argument("--json", action="store_true", help="as JSON")
    quick = "only what endangers it, and how far a recovery is, as JSON: asks less than whether it is ready"
    state.add_argument("--warnings-only", action="store_true", help=quick)
    state.set_defaults(run=status)

    leaving = commands.add_parser("leave", help="hand over jobs and leadership, before a reboot")
    replaced = "the host does not come back: its agents leave their clusters, and stay down until its next boot"
    leaving.add_argument("--for-good", action="store_true", help=replaced)
    leaving.set_defaults(run=leave)

    commands.add_parser("resume", help="take jobs again after a reboot").set_defaults(run=resume)

    opening = "on servers: start a shell with tokens that end soon, for a reason, which is traced"
    glass = commands.add_parser("access", help=opening)
    glass.add_argument("--reason", required=True, help="why, in some words")
    longest = "how long the tokens last at most, from 1m to 24h (default: 1h)"
    glass.add_argument("--for", default="1h", metavar="TIME", dest="duration", help=longest)
    narrower = "with this policy of %s instead of all rights; may be repeated. The other engine then gives only what is named"
    for engine in ENGINES:
        about = narrower % engine.capitalize()
        glass.add_argument(f"--{engine}", action="append", default=[], metavar="POLICY", help=about)
    glass.add_argument("program", nargs="*", help="what to start, with its arguments, after -- (default: $SHELL)")
    glass.set_defaults(run=access)

    snapshot = commands.add_parser("snapshot", help="save the state of Consul and Nomad, if this server leads them")
    snapshot.add_argument("--force", action="store_true", help="save it on a follower too")
    snapshot.set_defaults(run=save_snapshots)

    restore = commands.add_parser("restore", help="bring snapshots back, on running servers")
    naming = "of Consul: a name in the store, a path, or `newest` (default: the newest good one of each engine)"
    restore.add_argument("--consul", metavar="SNAPSHOT", help=naming)
    restore.add_argument("--nomad", metavar="SNAPSHOT", help="of Nomad, likewise")
    restore.set_defaults(run=restore_snapshots)

    recovering = "on a new server that waits, since nobody has the state of its cluster: decide what it begins with"
    recovery = commands.add_parser("recover", help=recovering)
    choice = recovery.add_mutually_exclusive_group(required=True)
    choice.add_argument("--snapshot", action="store_true", help="the newest good snapshot of the store")
    choice.add_argument("--empty", action="store_true", help="nothing: all that the cluster knew is gone")
    recovery.set_defaults(run=recover)

    replacing = "keep replacing allocations that lost their identity, and nodes that lost their name"
    repairing = commands.add_parser("repair", help=replacing)
    repairing.add_argument("--once", action="store_true", help="do it now and end")
    repairing.set_defaults(run=repair)

    following = "keep this host's secrets as the store has them: at once when a rotation says so, and every six hours"
    commands.add_parser("follow", help=following).set_defaults(run=follow)

    rotation = commands.add_parser("rotate", help="replace secrets of the cluster while everything runs")
    rotation.add_argument("what", choices=["gossip", "certificates", "ca", "tokens", "keyring"])
    keeping = "of `ca`: end when all hosts have certificates of the new CAs, and go on when it is run once more"
    rotation.add_argument("--keep-old", action="store_true", help=keeping)
    rotation.set_defaults(run=rotate)

    excluding = "on a server: replace what lets a host in, once it is off or cut off for good"
    exclusion = commands.add_parser("exclude", help=excluding)
    exclusion.add_argument("node", help="its name in Consul and Nomad")
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
        say(f"An agent refuses a request, {error}. Look at its log.")
        return 1
    except PermissionError as error:
        say(f"{error.filename or 'A file'} cannot be accessed: {error.strerror}. Run this as root.")
        return 1
    except OSError as error:
        say(f"Failed: {error}. Check the free disk space and the network, then try again.")
        return 1
    return 0
