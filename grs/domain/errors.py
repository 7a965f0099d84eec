"""What can go wrong, as facts; the words people read live in templates and in the CLI."""

from __future__ import annotations

from datetime import date


class GrievanceError(Exception):
    """Base of every refusal that a person can be told about."""

    code = "refused"


class InvalidInput(GrievanceError):
    """One or more fields cannot be accepted; ``problems`` maps a field to a reason code."""

    code = "invalid_input"

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        told = "; ".join(f"{field}: {reason}" for field, reason in problems.items())
        super().__init__(told)


class InvalidFile(GrievanceError):
    """A calendar or charter file cannot be taken; ``line`` is 1-based, or None for the whole file.

    ``why`` is a code for people's words where there are some; the reason itself is for the command line.
    """

    code = "invalid_file"

    def __init__(self, reason: str, *, line: int | None = None, why: str = "") -> None:
        self.reason, self.line, self.why = reason, line, why
        super().__init__(f"line {line}: {reason}" if line else reason)


class FileRefused(GrievanceError):
    """An attachment cannot be taken; ``reason`` is a code such as ``too_large``."""

    code = "file_refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"file refused: {reason}")


class DateOutOfRange(GrievanceError):
    """A due date would lie outside the years 1 to 9999."""

    code = "date_out_of_range"

    def __init__(self, start: date, days: int) -> None:
        self.start, self.days = start, days
        super().__init__(f"{days} working days after {start} is past the last date there is")


class ActionNotAllowed(GrievanceError):
    """Raised by ``next_stage`` when the workflow has no such move."""

    code = "action_not_allowed"

    def __init__(self, action: str, stage: str) -> None:
        self.action, self.stage = action, stage
        super().__init__(f"cannot {action} a complaint that is {stage}")


class AppealNotPossible(GrievanceError):
    """There is nothing to appeal, or nobody above to appeal to."""

    code = "appeal_not_possible"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no appeal: {reason}")


class AppealTooLate(GrievanceError):
    """The calendar month for an appeal is over."""

    code = "appeal_too_late"

    def __init__(self, last_day: date) -> None:
        self.last_day = last_day
        super().__init__(f"the last day to appeal was {last_day}")


class TooEarly(GrievanceError):
    """Lateness cannot be complained about before the charter's time has run out (G 6.1(ঙ))."""

    code = "too_early"

    def __init__(self, first_day: date) -> None:
        self.first_day = first_day
        super().__init__(f"this complaint can be filed from {first_day}")


class NotYours(GrievanceError):
    """The person may not see or do this."""

    code = "not_yours"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"not allowed: {what}")


class NotFound(GrievanceError):
    """Nothing of that name or number is here."""

    code = "not_found"

    def __init__(self, what: str, name: object) -> None:
        self.what, self.name = what, name
        super().__init__(f"no {what} {name}")


class ChangedMeanwhile(GrievanceError):
    """Someone else acted on the complaint since the page was opened; the caller keeps the text."""

    code = "changed_meanwhile"

    def __init__(self, tracking_number: str) -> None:
        self.tracking_number = tracking_number
        super().__init__(f"{tracking_number} has changed since you opened it")
