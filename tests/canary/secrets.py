"""Unique secrets to plant: each is used once, so that a leak shows where the secret came from."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

MASKED_KEY: Final = "licen*"
MASKED_PATHS: Final = tuple("*." * depth + "customer" for depth in range(1, 5))
"""The rules of the settings that the planted values need beside the built-in ones."""

MARK: Final = re.compile(r"hush(\d{5})")
"""The beginning of each secret is enough: one that was cut off is found too."""


@dataclass
class Canaries:
    """Creates secrets and finds them in texts."""

    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    planted: list[str] = field(default_factory=list)
    """Where each secret was planted, by its number."""

    def secret(self, where: str) -> str:
        """Return a new secret, to be planted at `where`."""
        self.planted.append(where)
        return f"hush{len(self.planted) - 1:05d}{self.run}"

    def found_in(self, text: str) -> list[str]:
        """Return where this text's secrets were planted, without duplicates."""
        return [self.planted[number] for number in sorted({int(found) for found in MARK.findall(text)})]

    def url(self, where: str) -> str:
        """Return a text with two URLs, in which a password and a token are the secrets."""
        password, token = self.secret(f"{where}, password of a URL"), self.secret(f"{where}, token in a URL")
        return f"see postgresql://bob:{password}@db.example.com/x and https://example.com/hook?token={token}"

    def values(self, where: str) -> dict[str, Any]:
        """Return an object with a secret for each rule that applies to all fields."""

        def secret(rule: str) -> str:
            return self.secret(f"{where}, {rule}")

        return {
            "password": secret("secret key"),
            "db": {"api_key": secret("secret key below"), "hosts": [{"access_token": secret("secret key in a list")}]},
            "credentials": {"user": secret("below a secret key")},
            "link": self.url(where),
            "links": [self.url(f"{where}, list")],
            "license": secret("key of the settings"),
            "customer": {"name": secret("path of the settings")},
            "harmless": 1,
        }

    def process(self, where: str) -> dict[str, Any]:
        """Return an object that describes a process, with every form of an environment."""

        def secret(rule: str) -> str:
            return self.secret(f"{where}, {rule}")

        return {
            **self.values(where),
            "env": {"ANY_NAME": secret("env"), "NESTED": {"A": [secret("env, nested")]}},
            "job": {
                "containers": [
                    {"env": [{"name": "ANY_NAME", "value": secret("env as a list")}, f"B={secret('env as texts')}"]}
                ],
                "arguments": [{"name": "DB_PASSWORD", "value": secret("value beside a secret name")}],
            },
        }

    def schema(self, where: str) -> dict[str, Any]:
        """Return a JSON Schema that accepts everything, with secrets in titles, defaults, enums and examples."""

        def secret(rule: str) -> str:
            return self.secret(f"{where}, {rule}")

        return {
            "type": "object",
            "title": self.url(f"{where}, title"),
            "properties": {
                "api_token": {"title": "Token", "default": secret("default of a secret property")},
                "any_of": {"anyOf": [{"properties": {"password": {"enum": [secret("enum, nested")]}}}]},
                "plain": {"default": {"password": secret("secret key in a default")}, "examples": [self.url(where)]},
                "license": {"default": secret("key of the settings")},
                "customer": {"default": secret("path of the settings")},
            },
            "definitions": {"Db": {"properties": {"secret": {"example": secret("example in a definition")}}}},
            "x-prefill": self.values(f"{where}, unknown keyword"),
        }

    def template(self, where: str) -> dict[str, Any]:
        """Return a base job template."""
        variables = self.schema(f"{where}, variables")
        properties = {**variables["properties"], "env": {"default": {"A": self.secret(f"{where}, env variable")}}}
        return {
            "job_configuration": {**self.process(f"{where}, job configuration"), "command": "{{ api_token }}"},
            "variables": {**variables, "properties": properties},
        }

    def schedule(self, where: str) -> dict[str, Any]:
        """Return a schedule with parameters."""
        return {"schedule": {"cron": "0 3 * * *"}, "parameters": self.values(f"{where}, parameters"), "slug": "nightly"}

    def storage(self, where: str) -> dict[str, Any]:
        """Return the storage configuration of a work pool."""
        return {
            "bundle_upload_step": {"upload": self.process(f"{where}, upload step")},
            "bundle_execution_step": {"run": self.process(f"{where}, execution step")},
        }


Plant = Callable[[str], Any]
"""Returns a value with secrets in it, which will be planted there."""
