"""`srdist index --add, --remove, --compact`: change the corpus of a finished run."""

from __future__ import annotations

from pathlib import Path

from srdist.config import Config
from srdist.config.schema import DocumentSource, Format
from srdist.errors import UserError
from srdist.progress import console
from srdist.storage.manifest import manifest_path

MADE_FROM_THE_CORPUS = ("retrieve", "answer", "baselines", "evaluate", "report")


def change_and_print(config: Config, add: str | None, layout: Format, remove: list[str], compact: bool) -> None:
    """Add the documents of a file and remove others, then write the corpus compactly if asked for; say what was done.

    Args:
        add: file of documents, as in `corpus.documents`; None: none.
        layout: its format.
        remove: ids of documents, or `@FILE` with one a line.
    """
    from srdist.growth.addition import quarantine_of
    from srdist.growth.change import change_corpus, compact_corpus

    if add is not None or remove:
        source = DocumentSource(format=layout, path=add) if add is not None else None
        counts = change_corpus(config, source, _ids(remove))
        skipped = counts["bad_records"]
        bad = f", {skipped:,} bad records in {quarantine_of(source)}" if source is not None and skipped else ""
        console.print(f"{counts['added']:,} documents added, {counts['removed']:,} removed{bad}")
    if compact:
        counts = compact_corpus(config)
    shown = [f"{counts[name]:,} {name}" for name in ("documents", "titles", "passages")]
    console.print(f"the corpus: {', '.join(shown)}")
    made = [stage for stage in MADE_FROM_THE_CORPUS if manifest_path(config.run_dir, stage).exists()]
    if made:
        console.print(
            f"made from the corpus as it was: {', '.join(made)}; "
            f"`srdist run {config.run_dir} --overwrite` makes them again"
        )


def _ids(remove: list[str]) -> list[str]:
    ids: list[str] = []
    for item in remove:
        if not item.startswith("@"):
            ids.append(item)
            continue
        try:
            ids += Path(item[1:]).read_text(encoding="utf-8-sig").split()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read the ids to remove: {error}", file=item[1:]) from None
    return ids
