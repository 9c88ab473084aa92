"""`srdist answer --from`, `tune`, `assess`: experiments with a trained run, beside its stages."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from srdist.config import Config
from srdist.progress import console

SOURCES = {"answers": "best passage found", "answers.gold": "gold passage", "answers.none": "none"}
"""folder of answers -> what they are made from"""


def answer_and_print(config: Config, source: str, overwrite: bool) -> None:
    """Answer from a source; show EM and F1 of all sources that were answered from."""
    from srdist.decode.stage import answer
    from srdist.evaluate.answers import measure_answers
    from srdist.evaluate.records import read_answers, read_judged_queries

    answer(config, overwrite=overwrite, source=source)
    queries = read_judged_queries(config.run_dir)
    table = Table("answered from", "EM", "F1", "queries")
    for folder, shown in SOURCES.items():
        if (config.run_dir / folder / "answers.jsonl").exists():
            measured = measure_answers(queries, read_answers(config.run_dir, folder))
            if measured["queries"]:
                table.add_row(shown, f"{measured['EM']:.3f}", f"{measured['F1']:.3f}", str(measured["queries"]))
    console.print(table)


def tune_and_print(config: Config, overwrite: bool) -> None:
    """Show the best forms of the score, and print the options that set the best one."""
    from srdist.evaluate.tune import FORMS, as_overrides, forms_table, tune

    records = tune(config, overwrite=overwrite)
    console.print(forms_table(records))
    console.print(f"all {len(records)} forms: {config.run_dir / FORMS}", highlight=False, soft_wrap=True)
    print(as_overrides(records[0]))


def assess_and_print(config: Config, pairs: Path, count: int | None, overwrite: bool) -> None:
    """Show how many impossible and possible questions are rejected, and the area under the ROC curve."""
    from srdist.evaluate.rejection import measure_rejection

    metrics = measure_rejection(config, pairs.resolve(), count, overwrite=overwrite)
    table = Table("questions", "impossible", "impossible rejected", "possible rejected", "ROC AUC")
    shares = (f"{metrics[name]:.3f}" for name in ("rejected_impossible", "rejected_possible", "auc"))
    table.add_row(str(metrics["pairs"]), str(metrics["impossible"]), *shares)
    console.print(table)
