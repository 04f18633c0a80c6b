"""What a person sees at the end of a run: a table of metrics and some replies beside the references."""

from rich.console import Console
from rich.table import Table

from zoo.metrics.generations import Generation
from zoo.module import DialogueModule


def show_results(module: DialogueModule, num_replies: int) -> None:
    """Print the test's metrics and `num_replies` replies, evenly spaced over each test set."""
    console = Console()
    if not module.test_results:
        return
    for rows in module.generations.values():
        console.print()
        console.print(metrics_table(module.test_results, module.test_metrics.versions(), len(rows)))
        spacing = max(1, len(rows) // max(1, num_replies))
        for row in rows[::spacing][:num_replies]:
            console.print()
            console.print(conversation(row))


def metrics_table(results: dict[str, float], versions: dict[str, int | str], num_examples: int) -> Table:
    """Metric, value, version."""
    table = Table(title=f"test, {num_examples:,} examples", title_justify="left", header_style="bold")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("version", justify="right", style="dim")
    for name, value in results.items():
        metric = name.rsplit("/", 1)[-1]
        table.add_row(name, f"{value:,.3f}", str(versions.get(metric, "")))
    return table


def conversation(row: Generation) -> Table:
    """Persona, the last utterances, the reference and the reply."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column()
    table.add_row("persona", " ".join(row.persona) or "-")
    for utterance in row.history[-2:]:
        table.add_row("history", utterance)
    table.add_row("reference", row.reference)
    table.add_row("reply", f"[bold]{row.response or '(nothing)'}[/bold]" if row.response is not None else "-")
    return table
