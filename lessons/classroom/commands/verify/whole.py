"""The command verify: proves the course, lesson by lesson, several at once, and counts what it proved."""

import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from unittest import mock

from tqdm import tqdm

from minivit.training.parallel import cores

from ...screen import row, say, table
from . import texts
from .proof import COUNTS, Proof, prove

BAR = {"unit": " lessons", "leave": False, "disable": None}


def verify(lessons, seeds, write=False):
    """Proves these lessons; returns the exit code. write: makes expected.png and README.md anew first."""
    started = time.perf_counter()
    proofs = [Proof(lesson, seeds) for lesson in lessons]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as empty, _working_in(empty):
        for proof, found in zip(proofs, tqdm(_proved(proofs, write), total=len(proofs), **BAR), strict=True):
            proof.counts, proof.failures, proof.unnamed = found
        texts.readme(proofs[-1], write)
    _report(proofs, time.perf_counter() - started)
    return 1 if any(proof.failures for proof in proofs) else 0


def _proved(proofs, write):
    """What each proof found, in order; of many lessons several at once, each in a process."""
    jobs = [(proof.lesson.number, proof.seeds, write) for proof in proofs]
    workers = min(cores(), len(proofs) // 4)
    if workers < 2:
        yield from map(prove, jobs)
        return
    with ProcessPoolExecutor(workers) as pool:  # the longest first, as far as their checks tell, so that all end together
        size = {proof.lesson.number: (proof.lesson.folder / "check.py").stat().st_size for proof in proofs}
        begun = {job[0]: pool.submit(prove, job) for job in sorted(jobs, key=lambda job: -size[job[0]])}
        yield from (begun[number].result() for number, *_ in jobs)


def _working_in(folder):
    """No learner's files: `mine` is the course's own, and the checks are the same on every machine."""
    return mock.patch.dict(os.environ, {"MINIVIT_WORK": folder})


def _report(proofs, seconds):
    table([("lesson", *COUNTS, ""), *((p.lesson.name, *p.counts.values(), "") for p in proofs)])
    total = {name: sum(p.counts[name] for p in proofs) for name in COUNTS}
    print()
    say(
        f"{total['solutions']} solutions, {total['stubs']} stubs, {total['correct']} correct answers written another way over "
        f"{proofs[0].counts['seeds']} seeds, {total['mistakes']} mistakes rejected, {total['named']} of them named, "
        f"{total['pairs']} pairs of mistakes, "
        f"{total['poisoned']} poisoned functions, {total['notebooks']} notebooks, {total['pictures']} pictures, "
        f"{total['demos']} demos; {seconds:.0f} s"
    )
    for proof in proofs:
        for text in proof.unnamed:
            say(f"not named by its sentence: lesson {proof.lesson.number}, {text}", "dim", hanging=4)
    for proof in proofs:
        for text in proof.failures:
            row("NO", text)
