"""AWS Secrets Manager as a secret store.

Terraform creates the secrets, empty. A version's id is the `ClientRequestToken` with which it was put, and Secrets
Manager refuses another text with the token of a version that there is. Each token here follows from the version
before, so of all that put a text after the same version one is first, and the others are refused.
"""

from __future__ import annotations

import uuid

from .basics import Json, NotYet, Problem, Stored

FIRST = "nothing"


class SecretsManagerStore:
    """AWS Secrets Manager, with the credentials that the host's own role gives."""

    def __init__(self, prefix: str, region: str, endpoint: str | None) -> None:
        try:
            import boto3
            from botocore import exceptions, xform_name
            from botocore.config import Config
        except ImportError as error:
            raise Problem(
                "AWS Secrets Manager needs boto3, which is not installed.",
                "Install it: `apt-get install python3-boto3`.",
            ) from error
        self._prefix = prefix
        self._exceptions = exceptions
        self._method_name = xform_name
        limits = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 4})
        self._client = boto3.client("secretsmanager", region_name=region, endpoint_url=endpoint, config=limits)

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
        secret = f"Secret {self._prefix}{name} of AWS Secrets Manager"
        try:
            answer: Json = getattr(self._client, self._method_name(action))(**arguments)
            return answer
        except self._exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code in expected:
                return None
            said = f"{action} failed with {code}: {error.response['Error'].get('Message', 'no reason given')}"
            if code == "InvalidRequestException":
                fix = "If it is scheduled for deletion, restore it or delete it for good."
                raise Problem(f"{secret}: {said}.", fix) from error
            if code == "ResourceNotFoundException":
                fix = "Create it, without a value: Terraform does, and servers write the value."
                raise NotYet(f"{secret} does not exist.", fix) from error
            # Permissions take a while to reach a role that has just been made.
            raise NotYet(f"{secret}: {said}.", f"The host's role must allow secretsmanager:{action} on it.") from error
        except self._exceptions.BotoCoreError as error:
            raise NotYet(f"{secret}: {error}.", "The host needs a role, and a way to the endpoint.") from error
