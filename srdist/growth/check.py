"""What must hold before a corpus is changed: the run is finished, the config is its own, the documents are right."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from srdist.config.schema import Config
from srdist.corpus.bad_records import BadRecords
from srdist.corpus.read import read_documents
from srdist.errors import UserError
from srdist.prepare.stage import prepare_settings, tokenizer_files
from srdist.storage.corpus import corpus_digests, present
from srdist.storage.files import sha256
from srdist.storage.manifest import manifest_path, read_manifest
from srdist.storage.tables import TRIE

SETTINGS = {
    "corpus": ("titles", "language", "passage_words", "split_passages"),
    "templates": ("title", "passage", "passage_separator", "verdict_separator"),
    "prepare": ("partitions", "chunk_documents"),
}
"""what the tables of `prepare` and the trie depend on, apart from the documents and the tokenizer"""


def check_run(config: Config) -> None:
    """Refuse a run whose index is not finished or whose tables were made with another config or tokenizer."""
    index = read_manifest(config.run_dir, "index")
    if manifest_path(config.run_dir, ".index.pending").exists():
        raise UserError(f"stage index has not finished in {config.run_dir}", cure="run `srdist index` first")
    prepare = read_manifest(config.run_dir, "prepare")
    if index.inputs != corpus_digests(prepare):
        raise UserError(
            "the trie was made from other tables", file=config.run_dir / TRIE, cure="run `srdist index --overwrite`"
        )
    before, now = prepare.settings, prepare_settings(config)
    for section, keys in SETTINGS.items():
        for key in keys:
            was, is_now = before.get(section, {}).get(key), now[section][key]
            if was != is_now:
                what = f"the corpus was prepared with {section}.{key} {was}, it is {is_now} now"
                raise UserError(what, file=config.run_dir, cure="give the run's folder instead of a config")
    for name, path in tokenizer_files(config).items():
        if prepare.inputs.get(name) != sha256(path):
            cure = "set model.base to the model that the run was prepared with"
            raise UserError("not the tokenizer that the corpus was prepared with", file=path, cure=cure)


def check_removed(run_dir: Path, documents: Collection[str]) -> None:
    """Refuse to remove documents that are not there."""
    if missing := sorted(set(documents) - present(run_dir, "document", documents)):
        what = f"{len(missing)} of the documents to remove are not in the corpus: {_some(missing)}"
        raise UserError(what, cure="check their ids; nothing was removed")


def check_added(config: Config, addition: Config, removed: Collection[str]) -> int:
    """Read the documents to add once, and refuse ids that the corpus has; return the number of documents."""
    bad = BadRecords(addition.corpus.on_bad_record)
    ids = [document.id for document in read_documents(addition.corpus, bad)]
    if known := sorted(present(config.run_dir, "document", ids) - set(removed)):
        what = f"{len(known)} of its documents are in the corpus already: {_some(known)}"
        cure = "to replace them, remove them in the same command: --remove ID or --remove @FILE"
        raise UserError(what, file=addition.corpus.documents[0].path, cure=cure)
    return len(ids)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
