"""What a person sees at the end of a run: a table of metrics and some replies beside the references."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zoo.metrics.generations import Generation
from zoo.metrics.results import remark_lines, result_prefix
from zoo.module import DialogueModule


def show_results(module: DialogueModule, num_replies: int) -> None:
    """Print the test's metrics and `num_replies` replies, evenly spaced over each test set."""
    console = Console()
    if not module.test_results:
        return
    console.print()
    sizes = {name: len(rows) for name, rows in module.generations.items()}
    if len(sizes) > 1 and not console.is_terminal:
        console.width = 120  # in a log file rich would fold the table to 80
    console.print(metrics_table(module.test_results, module.test_versions, sizes))
    metrics, names = module.test_metrics, module.test_versions
    for line in remark_lines(metrics.scorers(names), metrics.cautions(names)):
        console.print(line, style="bold", highlight=False, markup=False)
    for rows in module.generations.values():
        spacing = max(1, len(rows) // max(1, num_replies))
        for row in rows[::spacing][:num_replies]:
            console.print()
            console.print(conversation(row))


def metrics_table(results: dict[str, float], versions: dict[str, int | str], sizes: Mapping[str, int]) -> Table:
    """Metric, value, version; several test sets stand side by side, what is of all of them together behind them."""
    sets = [name for name in sizes if name]
    table = Table(title=f"test, {sum(sizes.values()):,} examples", title_justify="left", header_style="bold")
    table.add_column("metric", no_wrap=True)
    prefixes = {f"{name}\n{sizes[name]:,}": result_prefix(name) for name in sets} or {"value": "test/"}
    metrics = dict.fromkeys(name.rpartition("/")[-1] for name in results)
    if sets and any(f"test/{metric}" in results for metric in metrics):
        prefixes["together"] = "test/"
    for heading in prefixes:
        table.add_column(heading, justify="right")
    table.add_column("version", justify="right", style="dim")
    for metric in metrics:
        values = [results.get(prefix + metric) for prefix in prefixes.values()]
        shown = ["" if value is None else f"{value:,.3f}" for value in values]
        table.add_row(metric if sets else f"test/{metric}", *shown, str(versions.get(metric, "")))
    return table


def conversation(row: Generation) -> Table:
    """Persona, the last utterances, the reference and the reply, as they are: brackets in them are no markup."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column()
    table.add_row("persona", Text(" ".join(row.persona) or "-"))
    for utterance in row.history[-2:]:
        table.add_row("history", Text(utterance))
    table.add_row("reference", Text(row.reference))
    table.add_row("reply", Text("-") if row.response is None else Text(row.response or "(nothing)", style="bold"))
    return table
