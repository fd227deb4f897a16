"""What a server is told, and its workers read from the environment: no secret is among it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nlu_kit.client import TOKEN_VARIABLE
from nlu_kit.errors import DataError

VARIABLE = "NLU_KIT_SERVE"
OWN = ("v1", "model", "status", "version", "livez", "readyz", "metrics", "openapi.json", "page.js", "page.css")
"""How the server's own paths begin."""
_PREFIX = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[a-z0-9.:\[\]-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """``models``: folders by name, the first of them answers where a request names none. Sizes are in bytes and
    characters, times in seconds but for ``max_wait_ms``."""

    models: Mapping[str, str]
    token_file: str | None = None
    queue: int = 256
    body: int = 1 << 20
    texts: int = 256
    characters: int = 10_000
    timeout: float = 30.0
    max_wait_ms: float = 0.0
    max_batch: int = 32
    drain: float = 0.0
    fallback: str = "nlu_fallback"
    cors: tuple[str, ...] = ()
    root_path: str = ""
    keep_alive: int = 5
    log_texts: bool = False
    page: bool = True
    reloads: bool = True
    shared: str | None = field(default=None)
    """A folder that the processes of one server have in common, with the copies of the models that they answer from."""

    def check(self) -> None:
        """Raises DataError for a value that can't be right."""
        if not _PREFIX.fullmatch(self.root_path):
            raise DataError(f"--root-path {self.root_path}: write it as /nlu or /bots/nlu, without a slash at its end")
        if (first := self.root_path.split("/")[1:2]) and first[0] in OWN:
            raise DataError(f"--root-path {self.root_path}: the server's own paths begin with /{first[0]}")
        for origin in self.cors:
            if not _ORIGIN.fullmatch(origin):
                raise DataError(f"--cors {origin}: write it as browsers do, https://example.org; * is every site")
        self.token()

    def to_environment(self) -> None:
        """Leave it where ``from_environment`` of a worker finds it."""
        os.environ[VARIABLE] = json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> ServeSettings:
        """What the parent has left."""
        values = json.loads(os.environ[VARIABLE])
        return cls(**{**values, "cors": tuple(values["cors"])})

    def token(self) -> str | None:
        """The bearer token that requests need: of the file, or of the environment; None where there is neither.

        Raises DataError where the file can't be read or is empty.
        """
        if self.token_file is None:
            return os.environ.get(TOKEN_VARIABLE) or None
        try:
            token = Path(self.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self.token_file}: the token can't be read: {error}") from error
        if not token:
            raise DataError(f"{self.token_file} is empty: write a token there, or leave --token-file out")
        return token
