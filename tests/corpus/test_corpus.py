"""The compatibility corpus, where it is at hand: Polyvisor means by domain documents what others mean by them."""

from __future__ import annotations

import gzip
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CORPUS = HERE.parents[1].parent / "shared" / "corpus"

pytestmark = pytest.mark.skipif(not (CORPUS / "score.py").exists(), reason="the compatibility corpus is not here")


def load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def score() -> Any:
    return load("corpus_score", CORPUS / "score.py")


@pytest.fixture(scope="module")
def adapter() -> Any:
    return load("corpus_adapter", HERE / "adapter.py")


@pytest.fixture(scope="module")
def cases(score: Any) -> tuple[Path, list[dict[str, Any]]]:
    root = score.unpack(CORPUS / "open.tar.gz")
    return root, [json.loads(line) for line in (root / "manifest.jsonl").read_text().splitlines()]


def test_domain_documents_are_judged_alike(score, adapter, cases):
    root, records = cases
    domains = [
        record
        for record in records
        if record["suite"] == "schema-validity" and record["params"].get("schema") == "domain.rng"
    ]
    total, right = score.validity(root, domains[::5], adapter, [])
    assert right / total >= 0.99


def test_changed_domain_documents_are_judged_alike(adapter):
    right = total = 0
    with gzip.open(CORPUS / "mutants_open.jsonl.gz", "rt") as lines:
        for number, line in enumerate(lines):
            mutant = json.loads(line)
            if number % 9 or mutant["schema"] != "domain":
                continue
            total += 1
            right += adapter.validate(mutant["xml"].encode(), "domain") == mutant["valid"]
    assert right / total >= 0.985


COMPLETED = (
    "genericxml2xml",
    "domainbackup",
    "domaincheckpoint",
    "domainsnapshot",
    "nodedevxml2xml",
    "storagepoolcaps",
    "storagepoolxml2xml",
    "storagevolxml2xml",
)
"""Suites of documents that are read, completed and written; all of their answers are ours."""

PRIVATE = {"backup-pull-internal-invalid"}
"""Documents in a format that libvirt keeps to itself, which its own schema refuses as ours does."""


@pytest.mark.parametrize("suite", COMPLETED)
def test_documents_are_completed_alike(score, adapter, cases, suite):
    root, records = cases
    wrong: list[Any] = []
    for record in records:
        if record["suite"] == suite and record["case"] not in PRIVATE:
            score.run_case(getattr(adapter, suite), score.Case(record, root, {}), record, wrong)
    assert wrong == []
