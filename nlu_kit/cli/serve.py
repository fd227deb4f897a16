"""``nlu-kit serve``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nlu_kit.cli.output import mention
from nlu_kit.client import TOKEN_VARIABLE
from nlu_kit.errors import DataError
from nlu_kit.extras import needs_serve
from nlu_kit.serve.settings import ServeSettings


@click.command("serve")
@click.option(
    "--model", "-m", "named", multiple=True, metavar="[NAME=]PATH",
    help="A model folder, or a run's folder. Repeatable, with names; the first answers where none is named.  "
    "[default: runs/latest]",
)  # fmt: skip
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="The address to listen at; 0.0.0.0 is every one of IPv4, :: every one there is.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes.  [default: one for each core that it may use]")
@click.option(
    "--token-file", type=click.Path(path_type=Path), metavar="FILE",
    help=f"A file with the token that requests need; or set {TOKEN_VARIABLE}. By default, none is needed.",
)  # fmt: skip
@click.option("--queue", type=click.IntRange(1, 1_000_000), default=256, show_default=True, help="Texts that may wait.")
@click.option("--body", type=click.IntRange(1024, 1 << 30), default=1 << 20, show_default=True, help="Bytes a request.")
@click.option("--texts", type=click.IntRange(1, 100_000), default=256, show_default=True, help="Texts a request.")
@click.option("--characters", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="A text.")
@click.option("--timeout", type=click.FloatRange(0.1, 3600), default=30.0, show_default=True, help="Seconds a request.")
@click.option(
    "--max-wait-ms", type=click.FloatRange(0, 1000), default=0.0, show_default=True,
    help="How long a text may wait for others to share a batch with.",
)  # fmt: skip
@click.option(
    "--drain", type=click.FloatRange(0, 600), default=0.0, show_default=True,
    help="Seconds between SIGTERM, when /readyz turns 503, and taking no more requests.",
)  # fmt: skip
@click.option(
    "--keep-alive", type=click.IntRange(0, 86_400), default=5, show_default=True,
    help="Seconds for which an idle connection stays open; longer than a proxy before the server keeps it.",
)  # fmt: skip
@click.option(
    "--root-path", default="", metavar="/PREFIX",
    help="What a proxy has before the server's paths, /nlu for instance.",
)  # fmt: skip
@click.option("--fallback", default="nlu_fallback", show_default=True, help="Rasa's shape: the intent out of scope.")
@click.option(
    "--cors", multiple=True, metavar="ORIGIN", help="A site whose pages may ask: https://a.example. Repeatable."
)
@click.option("--log-texts", is_flag=True, help="Log what was asked and answered.")
@click.option("--no-page", is_flag=True, help="Leave the playground at / out.")
def command(
    named: tuple[str, ...],
    host: str,
    port: int,
    workers: int | None,
    token_file: Path | None,
    queue: int,
    body: int,
    texts: int,
    characters: int,
    timeout: float,
    max_wait_ms: float,
    drain: float,
    keep_alive: int,
    root_path: str,
    fallback: str,
    cors: tuple[str, ...],
    log_texts: bool,
    no_page: bool,
) -> None:
    """Answer over HTTP: POST /v1/parse, and POST /model/parse as Rasa does. A page to try it is at /.

    \b
    Examples:
      nlu-kit serve --model runs/latest
      nlu-kit serve --model en=models/en --model de=models/de --host 0.0.0.0 --token-file /run/secrets/token
      curl -s localhost:8000/v1/parse -H 'content-type: application/json' -d '{"text": "book a table in Paris"}'
    """
    settings = ServeSettings(
        models=_models(named or ("runs/latest",)),
        token_file=None if token_file is None else str(token_file),
        queue=queue,
        body=body,
        texts=texts,
        characters=characters,
        timeout=timeout,
        max_wait_ms=max_wait_ms,
        fallback=fallback,
        cors=cors,
        root_path=root_path.rstrip("/"),
        keep_alive=keep_alive,
        drain=drain,
        log_texts=log_texts,
        page=not no_page,
    )
    settings.check()
    needs_serve("the server")
    from nlu_kit.cli.options import load_registry
    from nlu_kit.model.folder import open_model
    from nlu_kit.runtime.machine import cores
    from nlu_kit.serve.listening import url
    from nlu_kit.serve.run import serve

    registry = load_registry()
    models = {name: open_model(Path(path), registry) for name, path in settings.models.items()}
    count = workers or cores()
    serving = f"serving {', '.join(settings.models)} at {url(host, port)} with {count} processes; Ctrl-C ends it"
    serve(settings, models=models, host=host, port=port, workers=count, listening=lambda: mention(serving))


def _models(named: tuple[str, ...]) -> dict[str, str]:
    """Paths by name. Raises DataError."""
    found: dict[str, str] = {}
    for text in named:
        name, path = ("default", text) if _is_path(text) else text.split("=", 1)
        if not name or not path:
            raise DataError(f"--model {text}: write NAME=PATH, or just a path")
        if name in found:
            raise DataError(f"--model: '{name}' is there twice; give each model a name: --model NAME=PATH")
        found[name] = path
    return found


def _is_path(text: str) -> bool:
    """Not NAME=PATH: a folder may have a '=' in its name, a model's name has no '/'."""
    name, equals, _ = text.partition("=")
    return not equals or any(separator in name for separator in (os.sep, "/")) or Path(text).exists()
