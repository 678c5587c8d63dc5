"""AWS: Secrets Manager as a secret store, a bucket of S3 as a store of snapshots, CloudWatch for metrics and logs.

Terraform creates the five secrets in Secrets Manager, empty. Which IAM actions a host's role needs on them:

  server               secretsmanager:GetSecretValue and PutSecretValue on all five
  client               secretsmanager:GetSecretValue on `client`
  person, Prometheus   secretsmanager:GetSecretValue on `operator`, on `management`, on `prometheus`

In the primary of a WAN federation, there is a sixth secret, `federation`, which its servers write as the others, and
servers of other datacenters read.

A version's id is the `ClientRequestToken` with which it was put, and Secrets
Manager refuses another text with the token of a version that there is. Each token here follows from the version
before, so of all that put a text after the same version one is first, and the others are refused.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..basics import Json, NotYet, Problem, Stored

FIRST = "nothing"
CREATE = "Create it: Terraform does."


class Service:
    """A service of AWS, with the credentials that the host's own role gives."""

    def __init__(self, service: str, region: str, endpoint: str | None, if_missing: str = CREATE) -> None:
        """@param if_missing what to do where there is nothing of this name"""
        try:
            import boto3
            from botocore import exceptions, xform_name
            from botocore.config import Config
        except ImportError as error:
            raise Problem(
                "AWS needs boto3, which is not installed.",
                "Install it: `apt-get install python3-boto3`.",
            ) from error
        self._exceptions = exceptions
        self._method_name = xform_name
        self._service = service
        self._if_missing = if_missing
        limits = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 4})
        self.client: Any = boto3.client(service, region_name=region, endpoint_url=endpoint, config=limits)

    def call(self, what: str, action: str, expected: set[str], **arguments: Any) -> Json | None:
        """@returns None if it fails in one of the expected ways"""
        try:
            answer: Json = getattr(self.client, self._method_name(action))(**arguments)
            return answer
        except self._exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code in expected:
                return None
            said = f"{action} failed with {code}: {error.response['Error'].get('Message', 'no reason given')}"
            if code == "InvalidRequestException":
                fix = "If it is scheduled for deletion, restore it or delete it for good."
                raise Problem(f"{what}: {said}.", fix) from error
            if code in ("ResourceNotFoundException", "NoSuchBucket"):
                raise NotYet(f"{what} does not exist.", self._if_missing) from error
            # Permissions take a while to reach a role that has just been made.
            raise NotYet(f"{what}: {said}.", f"The host's role must allow {self._service}:{action} on it.") from error
        except self._exceptions.BotoCoreError as error:
            raise NotYet(f"{what}: {error}.", "The host needs a role and access to the endpoint.") from error


class SecretsManagerStore:
    """AWS Secrets Manager."""

    def __init__(self, prefix: str, region: str, endpoint: str | None) -> None:
        self._prefix = prefix
        self._service = Service("secretsmanager", region, endpoint, "Create it, without a value: Terraform does.")

    def get(self, name: str) -> Stored | None:
        answer = self._call(name, "GetSecretValue", {"ResourceNotFoundException"}, SecretId=self._prefix + name)
        return Stored(str(answer["SecretString"]), str(answer["VersionId"])) if answer else None

    def create(self, name: str, text: str) -> bool:
        return self.replace(name, text, FIRST)

    def replace(self, name: str, text: str, version: str) -> bool:
        secret = self._prefix + name
        token = str(uuid.uuid5(uuid.NAMESPACE_URL, f"meshform:{secret}:{version}"))
        put = {"SecretId": secret, "SecretString": text, "ClientRequestToken": token}
        return self._call(name, "PutSecretValue", {"ResourceExistsException"}, **put) is not None

    def _call(self, name: str, action: str, expected: set[str], **arguments: str) -> Json | None:
        return self._service.call(f"Secret {self._prefix}{name} of AWS Secrets Manager", action, expected, **arguments)


class BucketSnapshots:
    """A bucket of S3. An object never replaces one of the same name, and is read back to check it."""

    def __init__(self, bucket: str, prefix: str, region: str, endpoint: str | None) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._service = Service("s3", region, endpoint)
        # Distributions have a boto3 that does not know this condition as an argument.
        self._service.client.meta.events.register("before-call.s3.PutObject", only_where_none_is)

    def names(self) -> list[str]:
        names: list[str] = []
        more: Json = {}
        while True:
            answer = self._call("ListObjectsV2", set(), Prefix=self._prefix, **more) or {}
            names += [str(it["Key"]).removeprefix(self._prefix) for it in answer.get("Contents", [])]
            if not answer.get("IsTruncated"):
                return sorted(name for name in names if name.endswith(".snap") and "/" not in name)
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def save(self, name: str, file: Path) -> str:
        place = f"s3://{self._bucket}/{self._prefix}{name}"
        digest = digest_of(file)
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        with file.open("rb") as body:
            put = {"Key": self._prefix + name, "Body": body, "ChecksumSHA256": checksum, "Metadata": {"sha256": digest}}
            expected = {"PreconditionFailed", "ConditionalRequestConflict"}
            if self._call("PutObject", expected, **put) is None:
                raise NotYet(f"The snapshot {place} already exists.", "Names contain the time in seconds: try again.")
        if self._read(name, None) != digest:
            self.remove(name)
            raise NotYet(f"{place} differs from the uploaded snapshot.", "It is removed and uploaded again.")
        return place

    def fetch(self, name: str, folder: Path) -> Path:
        file = folder / name
        with file.open("wb") as target:
            self._read(name, target)
        return file

    def remove(self, name: str) -> None:
        self._call("DeleteObject", set(), Key=self._prefix + name)

    def _read(self, name: str, target: Any) -> str:
        """@returns the SHA-256"""
        answer = self._call("GetObject", set(), Key=self._prefix + name) or {}
        digest = hashlib.sha256()
        for block in answer["Body"].iter_chunks(1 << 20):
            digest.update(block)
            if target is not None:
                target.write(block)
        known = (answer.get("Metadata") or {}).get("sha256")
        if known not in (None, digest.hexdigest()):
            raise NotYet(f"{name} in bucket {self._bucket} differs from the saved snapshot.", "Restore another one.")
        return digest.hexdigest()

    def _call(self, action: str, expected: set[str], **arguments: Any) -> Json | None:
        return self._service.call(f"Bucket {self._bucket}", action, expected, Bucket=self._bucket, **arguments)


class CloudWatch:
    """The metrics of one namespace."""

    def __init__(self, namespace: str, region: str, endpoint: str | None) -> None:
        self._namespace = namespace
        self._service = Service("cloudwatch", region, endpoint)

    def put(self, metrics: Sequence[Any]) -> None:
        data = [
            {
                "MetricName": metric.name,
                "Value": metric.value,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
            }
            for metric in metrics
        ]
        what = f"Namespace {self._namespace} of CloudWatch"
        self._service.call(what, "PutMetricData", set(), Namespace=self._namespace, MetricData=data)


class CloudWatchLogs:
    """A log group, which exists, with a stream for each host."""

    def __init__(self, group: str, region: str, endpoint: str | None) -> None:
        self._group = group
        self._service = Service("logs", region, endpoint)
        self._streams: set[str] = set()

    def put(self, stream: str, events: Sequence[Any]) -> None:
        place = {"logGroupName": self._group, "logStreamName": stream}
        if stream not in self._streams:
            self._call("CreateLogStream", {"ResourceAlreadyExistsException"}, **place)
            self._streams.add(stream)
        said = [{"timestamp": event.milliseconds, "message": event.text} for event in events]
        self._call("PutLogEvents", set(), **place, logEvents=said)

    def _call(self, action: str, expected: set[str], **arguments: Any) -> None:
        self._service.call(f"Log group {self._group} of CloudWatch", action, expected, **arguments)


def only_where_none_is(params: Json, **_: object) -> None:
    params["headers"]["If-None-Match"] = "*"


def digest_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def open_secrets(settings: Mapping[str, str]) -> SecretsManagerStore:
    return SecretsManagerStore(settings["prefix"], settings["region"], settings.get("endpoint"))


def open_bucket(settings: Mapping[str, str]) -> BucketSnapshots:
    prefix = settings.get("prefix", "")
    return BucketSnapshots(settings["bucket"], prefix, settings["region"], settings.get("endpoint"))


def open_metrics(settings: Mapping[str, str]) -> CloudWatch:
    return CloudWatch(settings["namespace"], settings["region"], settings.get("endpoint"))


def open_logs(settings: Mapping[str, str]) -> CloudWatchLogs:
    return CloudWatchLogs(settings["group"], settings["region"], settings.get("endpoint"))


SECRET_STORES = {"aws-secrets-manager": open_secrets}
SNAPSHOT_STORES = {"s3": open_bucket}
METRIC_STORES = {"cloudwatch": open_metrics}
LOG_STORES = {"cloudwatch-logs": open_logs}
