"""AWS Secrets Manager as a secret store."""

from __future__ import annotations

from .basics import Json, NotYet, Problem


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

    def get(self, name: str) -> str | None:
        answer = self._call(name, "GetSecretValue", {"ResourceNotFoundException"}, SecretId=self._prefix + name)
        return str(answer["SecretString"]) if answer else None

    def create(self, name: str, text: str) -> bool:
        answer = self._call(
            name,
            "CreateSecret",
            {"ResourceExistsException"},
            Name=self._prefix + name,
            SecretString=text,
            Description="Secrets of a Meshform cluster, written by its servers",
        )
        return answer is not None

    def replace(self, name: str, text: str) -> None:
        self._call(name, "PutSecretValue", set(), SecretId=self._prefix + name, SecretString=text)

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
            # Permissions take a while to reach a role that has just been made.
            raise NotYet(f"{secret}: {said}.", f"The host's role must allow secretsmanager:{action} on it.") from error
        except self._exceptions.BotoCoreError as error:
            raise NotYet(f"{secret}: {error}.", "The host needs a role, and a way to the endpoint.") from error
