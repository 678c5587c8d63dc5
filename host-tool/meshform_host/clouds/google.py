"""Google Cloud: Secret Manager as a secret store, a bucket of Cloud Storage for snapshots, Cloud Monitoring for
metrics.

Terraform creates the five secrets in Secret Manager, without a version, and a bucket that says which of their versions
are current. Which roles a host's service account needs:

  server               roles/secretmanager.secretAccessor and secretVersionManager on all five secrets,
                       roles/storage.objectUser on the bucket
  client               roles/secretmanager.secretAccessor on `client`, roles/storage.objectViewer on its object
  person, Prometheus   the same for `operator`, for `management`, for `prometheus`

In the primary of a WAN federation, there is a sixth secret, `federation`, which its servers write as the others, and
servers of other datacenters read.

Secret Manager adds versions without a condition, and its aliases may be out of date for minutes. What is consistent at
once is a version by its number, and an object in a bucket. So an object for each secret has the number of its current
version, and is only written over the generation that was read: of all that add a version after the same one, one is
first.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.client
import io
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

from ..basics import OUTPUT, Json, NotYet, Stored, say

METADATA = "http://169.254.169.254/computeMetadata/v1/"
SECRETS = "https://secretmanager.googleapis.com/v1/"
STORAGE = "https://storage.googleapis.com/"
MONITORING = "https://monitoring.googleapis.com/v3/"
BLOCK = 1 << 20
JSON = {"Content-Type": "application/json"}


class Refused(NotYet):
    """A request that was answered, and changed nothing."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token to another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Metadata:
    """The metadata server of this machine, which needs no permission."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect())
        self._token, self._until = "", 0.0

    def get(self, path: str) -> str:
        request = urllib.request.Request(METADATA + path, headers={"Metadata-Flavor": "Google"})
        try:
            with self._opener.open(request, timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            fix = "Give the machine a service account with the scope cloud-platform."
            raise NotYet(f"The metadata server answers {path} with {error.code}.", fix) from error
        except (OSError, http.client.HTTPException) as error:
            fix = "The host must run on Google Cloud."
            raise NotYet(f"The metadata server does not answer: {error}.", fix) from error

    def token(self) -> str:
        """An access token of the machine's service account."""
        if time.monotonic() >= self._until:
            answer = json.loads(self.get("instance/service-accounts/default/token"))
            self._token = str(answer["access_token"])
            self._until = time.monotonic() + float(answer["expires_in"]) - 60
            OUTPUT.hide(self._token)
        return self._token


class Service:
    """The REST APIs of Google Cloud, with the identity of this machine."""

    def __init__(self) -> None:
        self.metadata = Metadata()
        self._opener = urllib.request.build_opener(NoRedirect())

    def call(self, what: str, method: str, url: str, body: Json | None = None) -> Json:
        """@returns the JSON of the answer"""
        data = None if body is None else json.dumps(body).encode()
        with self.open(what, method, url, set(), data) as answer, reaching(what):
            return dict(json.load(answer))

    def open(
        self, what: str, method: str, url: str, expected: set[int], data: Any = None, headers: Mapping[str, str] = JSON
    ) -> Any:
        """@returns the answer, or None if its status is one of the expected ones"""
        known = {"Authorization": f"Bearer {self.metadata.token()}", **headers}
        request = urllib.request.Request(url, data=data, method=method, headers=known)
        with reaching(what):
            try:
                return self._opener.open(request, timeout=30)
            except urllib.error.HTTPError as error:
                if error.code in expected:
                    return None
                asked = url.partition("?")[0].rpartition("/")[2]
                said = f"{method} {asked} failed with {error.code}: {reason_of(error)}"
                if error.code == 404:
                    raise Refused(f"{what} does not exist: {said}", "Create it: Terraform does.") from error
                # Roles take a while to reach a service account that has just been given them.
                kind = Refused if error.code < 500 else NotYet
                raise kind(f"{what}: {said}", "The machine's service account needs a role on it.") from error


@contextlib.contextmanager
def reaching(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise NotYet(f"{what}: {error}.", "The host needs access to the APIs of Google Cloud.") from error


def reason_of(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"{error.reason}."


class Bucket:
    """The objects of a bucket of Cloud Storage, below a prefix."""

    def __init__(self, service: Service, bucket: str, prefix: str) -> None:
        self._service = service
        self._objects = f"{STORAGE}storage/v1/b/{quote(bucket, safe='')}/o"
        self._upload = f"{STORAGE}upload/storage/v1/b/{quote(bucket, safe='')}/o"
        self.what = f"Bucket {bucket}"
        self._prefix = prefix
        self.place = f"gs://{bucket}/{prefix}"

    def names(self) -> Iterator[str]:
        more: dict[str, str] = {}
        while True:
            query = {"prefix": self._prefix, "delimiter": "/", "fields": "items(name),nextPageToken", **more}
            answer = self._service.call(self.what, "GET", f"{self._objects}?{urlencode(query)}")
            yield from (str(it["name"]).removeprefix(self._prefix) for it in answer.get("items", []))
            if "nextPageToken" not in answer:
                return
            more = {"pageToken": str(answer["nextPageToken"])}

    def properties(self, name: str) -> Json:
        return self._service.call(self.what, "GET", self._url(name))

    def open(self, name: str, expected: set[int]) -> Any:
        return self._service.open(self.what, "GET", f"{self._url(name)}?alt=media", expected)

    def insert(self, name: str, body: BinaryIO, size: int, generation: str, metadata: Mapping[str, str]) -> bool:
        """@returns False if the object has another generation. A missing object has generation 0."""
        boundary = uuid.uuid4().hex
        known = json.dumps({"name": self._prefix + name, "metadata": dict(metadata)})
        types = [f"--{boundary}\r\nContent-Type: application/{kind}\r\n\r\n" for kind in ("json", "octet-stream")]
        head, tail = f"{types[0]}{known}\r\n{types[1]}".encode(), f"\r\n--{boundary}--\r\n".encode()

        def parts() -> Iterator[bytes]:
            yield head
            yield from iter(lambda: body.read(BLOCK), b"")
            yield tail

        headers = {
            "Content-Type": f"multipart/related; boundary={boundary}",
            "Content-Length": str(len(head) + size + len(tail)),
        }
        url = f"{self._upload}?uploadType=multipart&ifGenerationMatch={generation}"
        answer = self._service.open(self.what, "POST", url, {412}, parts(), headers)
        if answer is not None:
            answer.close()
        return answer is not None

    def remove(self, name: str) -> None:
        self._service.open(self.what, "DELETE", self._url(name), set()).close()

    def _url(self, name: str) -> str:
        return f"{self._objects}/{quote(self._prefix + name, safe='')}"


class SecretManagerStore:
    """Secret Manager, with a bucket that says which versions are current."""

    def __init__(self, project: str, prefix: str, bucket: str) -> None:
        self._service = Service()
        self._secrets = f"{SECRETS}projects/{quote(project, safe='')}/secrets/{quote(prefix, safe='')}"
        self._prefix = prefix
        self._current = Bucket(self._service, bucket, prefix)

    def get(self, name: str) -> Stored | None:
        found = self._find(name)
        if found is None:
            return None
        number, generation = found
        answer = self._call(name, "GET", f"/versions/{number}:access")
        return Stored(base64.b64decode(answer["payload"]["data"]).decode(), generation)

    def create(self, name: str, text: str) -> bool:
        return self._put(name, text, "0")

    def replace(self, name: str, text: str, version: str) -> bool:
        found = self._find(name)
        if found is None or found[1] != version or not self._put(name, text, version):
            return False
        try:
            self._destroy_before(name, found[0])
        except NotYet as error:
            say(f"Earlier versions are kept until the next change. {error}")
        return True

    def _find(self, name: str) -> tuple[int, str] | None:
        """@returns the number of the current version, and the generation of the object that says so"""
        answer = self._current.open(name, {404})
        if answer is None:
            return None
        with answer, reaching(self._current.what):
            return int(answer.read()), str(answer.headers["x-goog-generation"])

    def _put(self, name: str, text: str, generation: str) -> bool:
        payload = {"data": base64.b64encode(text.encode()).decode()}
        added = self._call(name, "POST", ":addVersion", {"payload": payload})
        number = number_of(added)
        line = f"{number}\n".encode()
        try:
            if self._current.insert(name, io.BytesIO(line), len(line), generation, {}):
                return True
        except Refused:
            self._destroy(name, number)
            raise
        self._destroy(name, number)
        return False

    def _destroy_before(self, name: str, previous: int) -> None:
        """The previous version is kept, so that it can be restored. None that is earlier can become the current one."""
        answer = self._call(name, "GET", "/versions?filter=state:ENABLED")
        for number in sorted(map(number_of, answer.get("versions", []))):
            if number < previous:
                self._destroy(name, number)

    def _destroy(self, name: str, number: int) -> None:
        self._call(name, "POST", f"/versions/{number}:destroy", {})

    def _call(self, name: str, method: str, path: str, body: Json | None = None) -> Json:
        what = f"Secret {self._prefix}{name} of Secret Manager"
        return self._service.call(what, method, f"{self._secrets}{name}{path}", body)


def number_of(version: Json) -> int:
    return int(str(version["name"]).rpartition("/")[2])


class BucketSnapshots:
    """A bucket of Cloud Storage. An object never replaces one of the same name, and is read back to check it."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = Bucket(Service(), bucket, prefix)

    def names(self) -> list[str]:
        return sorted(name for name in self._bucket.names() if name.endswith(".snap"))

    def save(self, name: str, file: Path) -> str:
        place = f"{self._bucket.place}{name}"
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.seek(0, 2)
            stream.seek(0)
            if not self._bucket.insert(name, stream, size, "0", {"sha256": digest}):
                raise NotYet(f"The snapshot {place} already exists.", "Names contain the time in seconds: try again.")
        if self._read(name, None) != digest:
            self.remove(name)
            raise NotYet(f"{place} differs from the uploaded snapshot.", "It is removed and uploaded again.")
        return place

    def fetch(self, name: str, folder: Path) -> Path:
        file = folder / name
        with file.open("wb") as target:
            digest = self._read(name, target)
        known = self._bucket.properties(name).get("metadata", {}).get("sha256")
        if known not in (None, digest):
            raise NotYet(f"{self._bucket.place}{name} differs from the saved snapshot.", "Restore another one.")
        return file

    def remove(self, name: str) -> None:
        self._bucket.remove(name)

    def _read(self, name: str, target: BinaryIO | None) -> str:
        """@returns the SHA-256"""
        digest = hashlib.sha256()
        with self._bucket.open(name, set()) as answer, reaching(self._bucket.what):
            for block in iter(lambda: answer.read(BLOCK), b""):
                digest.update(block)
                if target is not None:
                    target.write(block)
        return digest.hexdigest()


class CloudMonitoring:
    """Custom metrics of Cloud Monitoring, of this machine: a time series takes one point in five seconds."""

    def __init__(self, project: str, namespace: str) -> None:
        self._project = project
        self._namespace = namespace
        self._service = Service()

    def put(self, metrics: Sequence[Any]) -> None:
        ask = self._service.metadata.get
        labels = {
            "project_id": self._project,
            "instance_id": ask("instance/id"),
            "zone": ask("instance/zone").rpartition("/")[2],
        }
        end = {"endTime": datetime.datetime.now(datetime.UTC).isoformat()}
        series = [
            {
                "metric": {
                    "type": f"custom.googleapis.com/{self._namespace}/{metric.name}",
                    "labels": dict(metric.dimensions),
                },
                "resource": {"type": "gce_instance", "labels": labels},
                "points": [{"interval": end, "value": {"doubleValue": float(metric.value)}}],
            }
            for metric in metrics
        ]
        what = f"Metrics below {self._namespace} in Cloud Monitoring"
        url = f"{MONITORING}projects/{quote(self._project, safe='')}/timeSeries"
        self._service.call(what, "POST", url, {"timeSeries": series})


def open_secrets(settings: Mapping[str, str]) -> SecretManagerStore:
    return SecretManagerStore(settings["project"], settings["prefix"], settings["bucket"])


def open_bucket(settings: Mapping[str, str]) -> BucketSnapshots:
    return BucketSnapshots(settings["bucket"], settings.get("prefix", ""))


def open_metrics(settings: Mapping[str, str]) -> CloudMonitoring:
    return CloudMonitoring(settings["project"], settings["namespace"])


SECRET_STORES = {"google-secret-manager": open_secrets}
SNAPSHOT_STORES = {"google-cloud-storage": open_bucket}
METRIC_STORES = {"google-cloud-monitoring": open_metrics}
