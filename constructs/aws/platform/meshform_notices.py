#!/usr/bin/env python3
"""Tells this host what EC2 has in store for it, and EC2 what this host has made of that.

It asks the instance metadata (IMDSv2) every few seconds, and acts once on each of these:

  to go into service   waits until the host is ready, then completes the launch hook of its Auto Scaling group: CONTINUE, or
                       ABANDON if it does not become ready in time, so that the group gives this instance up
  to be terminated     has the host leave for good, then completes the termination hook, also if that failed or took too long
  spot interruption    has the host leave, as far as the two minutes go
  rebalance            says so: the group replaces the instance, which then is told to be terminated

A hook is always completed before it expires: what the host does is ended before. Its role needs
autoscaling:CompleteLifecycleAction on its own group.
"""

from __future__ import annotations

import datetime
import json
import re
import signal
# It runs the host tool, by its absolute path and without a shell.
import subprocess  # nosec B404
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

SERVICE = "http://169.254.169.254/latest/"
SETTINGS = Path("/etc/meshform/notices.json")
# Of the time that a hook or an interruption leaves: to end the host tool, and to tell the group.
MARGIN_SECONDS = 20


class Metadata:
    """The instance metadata service, which needs no permission."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._token, self._until = "", 0.0

    def get(self, path: str) -> str | None:
        """What is at a path; None where there is nothing."""
        if time.monotonic() >= self._until:
            self._token = self._ask("PUT", "api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "600"})
            self._until = time.monotonic() + 500
        try:
            return self._ask("GET", f"meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            self._until = 0.0
            raise

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(SERVICE + path, method=method, headers=headers)
        with self._opener.open(request, timeout=5) as answer:
            return str(answer.read().decode())


class Host:
    """This host, as its own tool sees it."""

    def __init__(self, tool: str) -> None:
        self._tool = tool

    def does(self, seconds: float, *command: str) -> bool:
        """Runs a command of the host tool. @return whether it succeeded in that time"""
        try:
            process = subprocess.Popen([self._tool, *command])  # nosec B603
        except OSError as error:
            say(f"{self._tool} does not start: {error}.")
            return False
        try:
            return process.wait(timeout=max(seconds, 1)) == 0
        except subprocess.TimeoutExpired:
            say(f"meshform-host {' '.join(command)} is not done after {seconds:.0f} s, and is ended.")
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=MARGIN_SECONDS / 4)
            except subprocess.TimeoutExpired:
                process.kill()
            return False


class Watch:
    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._metadata = Metadata()
        self._host = Host(settings["tool"])
        self._done: set[str] = set()
        # Hooks that are to be completed, each with its result.
        self._owed: list[tuple[str, str]] = []
        self._last_said = ""

    def look(self) -> None:
        self._complete_hooks()
        target = self._metadata.get("autoscaling/target-lifecycle-state")
        hooks = self._settings["hooks"]
        if target == "InService" and self._first("launch"):
            seconds = hooks["launch"]["seconds"] - MARGIN_SECONDS
            ready = self._host.does(seconds, "ready", "--wait", str(int(seconds)))
            self._owed.append((hooks["launch"]["name"], "CONTINUE" if ready else "ABANDON"))
            self._complete_hooks()
        if target == "Terminated" and self._first("terminate"):
            say("This instance is to be terminated.")
            self._leave(hooks["terminate"]["seconds"] - MARGIN_SECONDS)
            self._owed.append((hooks["terminate"]["name"], "CONTINUE"))
            self._complete_hooks()
        interruption = self._metadata.get("spot/instance-action")
        if interruption is not None and self._first("interruption"):
            notice = json.loads(interruption)
            say(f"This spot instance is interrupted ({notice['action']}) at {notice['time']}.")
            end = datetime.datetime.strptime(notice["time"], "%Y-%m-%dT%H:%M:%S%z")
            self._leave((end - datetime.datetime.now(datetime.timezone.utc)).total_seconds() - MARGIN_SECONDS)
        rebalance = self._metadata.get("events/recommendations/rebalance")
        if rebalance is not None and self._first("rebalance"):
            say(f"EC2 recommends to replace this spot instance: {rebalance.strip()}")

    def _leave(self, seconds: float) -> None:
        if self._first("leave"):
            self._host.does(seconds, "--wait", str(int(max(seconds, 1))), "leave", "--for-good")

    def _first(self, what: str) -> bool:
        if what in self._done:
            return False
        self._done.add(what)
        return True

    def _complete_hooks(self) -> None:
        """A hook that cannot be completed now is completed later: otherwise the group would give this host up."""
        while self._owed and self._complete(*self._owed[0]):
            self._owed.pop(0)

    def _complete(self, hook: str, result: str) -> bool:
        """@return whether nothing remains to be done"""
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        group = self._metadata.get("tags/instance/aws:autoscaling:groupName")
        if group is None:
            say("No Auto Scaling group is among the tags in the instance metadata: no hook is completed.")
            return True
        limits = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})
        region, endpoint = self._metadata.get("placement/region"), self._settings.get("endpoint")
        client = boto3.client("autoscaling", region_name=region, endpoint_url=endpoint, config=limits)
        try:
            client.complete_lifecycle_action(
                AutoScalingGroupName=group,
                InstanceId=self._metadata.get("instance-id"),
                LifecycleHookName=hook,
                LifecycleActionResult=result,
            )
            say(f"Hook {hook} of {group} is completed: {result}.")
            return True
        except ClientError as error:
            # After a reboot, for example, no hook waits.
            if re.search("No active Lifecycle Action", str(error)):
                say(f"Hook {hook} of {group} waits for nothing.")
                return True
            self._say_once(f"Hook {hook} of {group} is not completed yet: {error}")
        except BotoCoreError as error:
            self._say_once(f"Hook {hook} of {group} is not completed yet: {error}")
        return False

    def _say_once(self, sentence: str) -> None:
        if sentence != self._last_said:
            say(sentence)
        self._last_said = sentence


def say(sentence: str) -> None:
    print(sentence, flush=True)


def main() -> None:
    settings = json.loads((Path(sys.argv[1]) if len(sys.argv) > 1 else SETTINGS).read_text())
    watch = Watch(settings)
    reachable = True
    while True:
        try:
            watch.look()
            reachable = True
        except OSError as error:
            if reachable:
                say(f"The instance metadata service does not answer: {error}.")
            reachable = False
        time.sleep(settings["everySeconds"])


if __name__ == "__main__":
    main()
