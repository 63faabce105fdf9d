"""What a route says of its refusals, for the document to tell."""

from __future__ import annotations

from typing import Any

from app.errors.problems import Problem


def problem_responses(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Name the problems that a call may answer with, for the `responses` of its route.

    Those that follow from its key, query, body or preconditions are added by the document itself.
    """
    told: dict[int | str, dict[str, Any]] = {}
    for problem in sorted(problems, key=lambda problem: problem.status):
        told.setdefault(problem.status, {"problems": []})["problems"].append(problem)
    return told
