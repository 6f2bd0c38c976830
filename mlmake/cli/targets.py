"""The TARGET argument and its completion; it does not know what a command does with it."""

import click
from click.shell_completion import CompletionItem

from mlmake.cli.settings import Settings


class TargetType(click.types.StringParamType):
    """A word that stands for actions; read later, against the graph."""

    name = "target"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names of targets; after an "@" their instances. Without a readable Mlfile there are none."""
        # Slow, and only for completion.
        from mlmake.cli.project import opened  # noqa: PLC0415

        given = {name: ctx.params.get(name) for name in ("directory", "mlfile")}
        try:
            with opened(Settings(directory=given["directory"], file=given["mlfile"])) as app:
                names = {t.name: t.help for t in app.graph.targets.values()}
                if "@" in incomplete:
                    names = dict.fromkeys(app.graph.actions)
        except Exception:
            # A completion that prints an error would spoil the line that is being typed.
            return []
        return [CompletionItem(name, help=text) for name, text in names.items() if name.startswith(incomplete)]


TARGET = TargetType()
