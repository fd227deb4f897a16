"""The server on a Ray cluster: ``serve run nlu_kit.serve.ray:app model=/models/support max_replicas=8``.

Each replica is what a worker of ``nlu-kit serve`` is: the same routes, limits and predictor, on one core. Ray puts its
proxy before them, starts more of them while requests wait, and replaces them when they die.
"""

# No "from __future__ import annotations": Ray reads the class that app() takes off its signature.
from dataclasses import fields
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nlu_kit.errors import DataError, MissingPackageError
from nlu_kit.extras import needs_serve
from nlu_kit.model.folder import open_model
from nlu_kit.registry import Registry
from nlu_kit.serve.settings import ServeSettings

needs_serve("Ray Serve's application")
try:
    from ray import serve
except ImportError as error:
    raise MissingPackageError(f'nlu_kit.serve.ray needs {error.name}: pip install "nlu-kit[ray,serve]"') from None

NAME = "nlu-kit"


class RayArguments(BaseModel):
    """What ``serve run`` and the ``args`` of a Serve configuration take. Limits are those of ``nlu-kit serve``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(default=None, description="A model folder, at this path on every machine.")
    models: dict[str, str] = Field(default={}, description="Or several of them, by name; the first is the default.")
    min_replicas: int = Field(default=1, ge=0)
    max_replicas: int = Field(default=4, ge=1)
    target_ongoing_requests: float = Field(
        default=4, gt=0, description="Requests a replica is to have; when there are more of them, Ray starts another."
    )
    cpus: float = Field(default=1, gt=0, description="Cores of a replica.")
    token_file: str | None = None
    queue: int = Field(default=256, ge=1)
    body: int = Field(default=1 << 20, ge=1024)
    texts: int = Field(default=256, ge=1)
    characters: int = Field(default=10_000, ge=1)
    timeout: float = Field(default=30.0, gt=0)
    fallback: str = "nlu_fallback"
    log_texts: bool = False
    page: bool = False

    @model_validator(mode="after")
    def _has_models(self) -> "RayArguments":
        if (self.model is None) == (not self.models):
            raise ValueError("name one model folder (model=PATH), or several by name (models)")
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"min_replicas {self.min_replicas} is above max_replicas {self.max_replicas}")
        return self

    def settings(self) -> ServeSettings:
        """Those of each replica."""
        shared = {f.name: getattr(self, f.name) for f in fields(ServeSettings) if f.name in RayArguments.model_fields}
        return ServeSettings(
            **{**shared, "models": {"default": self.model} if self.model else self.models}, reloads=False
        )


def app(arguments: RayArguments) -> serve.Application:
    """The application, for ``serve run``, for a Serve configuration's ``import_path``, and for ``serve.run``.

    Raises ModelError for a model that can't be used, DataError for a token that can't be read.
    """
    settings = arguments.settings()
    settings.token()
    registry = Registry.load()
    for path in settings.models.values():
        if not Path(path).is_absolute():
            raise DataError(f"model {path}: give an absolute path, which is the same on every machine")
        open_model(Path(path), registry)

    def build() -> object:
        from nlu_kit.serve.app import create_app

        return create_app(settings)

    deployed = serve.deployment(
        name=NAME,
        ray_actor_options={"num_cpus": arguments.cpus},
        max_ongoing_requests=settings.queue,
        autoscaling_config={
            "min_replicas": arguments.min_replicas,
            "max_replicas": arguments.max_replicas,
            "target_ongoing_requests": arguments.target_ongoing_requests,
        },
    )
    return deployed(serve.ingress(build)()).bind()
