"""The jobs: each calls a use case and says what it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from grs.bootstrap import House
from grs.logs import begin_cause
from grs.usecases.annexes import freeze_months
from grs.usecases.answers import end_lapsed_tasks
from grs.usecases.delivery import deliver_messages
from grs.usecases.digests import send_digests
from grs.usecases.drafts import forget_drafts
from grs.usecases.escalation import escalate_overdue
from grs.usecases.job_runs import record_run
from grs.usecases.kept_overviews import keep_overviews
from grs.usecases.mail_in import take_in_mail
from grs.usecases.recalculation import apply_calendar_changes
from grs.usecases.reminders import remind_people
from grs.usecases.retention import anonymise_closed
from grs.usecases.seals import make_seal
from grs.usecases.shelving import shelve_files
from grs.usecases.watch import watch as watch_over
from grs.usecases.webhooks import call_programs

Counts = Mapping[str, int]


def escalate(house: House, *, dry_run: bool = False) -> Counts:
    """Move what is overdue to the next tier."""
    return escalate_overdue(
        house.writers, shelf=house.shelf, now=house.clock(), dry_run=dry_run, after_batch=house.between_batches
    )


def deliver(house: House, *, dry_run: bool = False) -> Counts:
    """Send what waits in the outbox."""
    return deliver_messages(
        house.writers,
        mail=house.mail,
        sms=house.sms,
        settings=house.settings,
        shelf=house.shelf,
        clock=house.clock,
        dry_run=dry_run,
        is_stopping=house.stopping.is_set,
    )


def call(house: House, *, dry_run: bool = False) -> Counts:
    """Tell programs what happened at their desks."""
    return call_programs(
        house.writers,
        caller=house.programs,
        secret_key=house.settings.checked_secret,
        clock=house.clock,
        dry_run=dry_run,
        is_stopping=house.stopping.is_set,
    )


def receive(house: House, *, dry_run: bool = False) -> Counts:
    """Take in what people answered to letters."""
    if house.mailbox is None:
        return {}
    return take_in_mail(
        house.writers,
        mailbox=house.mailbox,
        settings=house.settings,
        clock=house.clock,
        dry_run=dry_run,
        is_stopping=house.stopping.is_set,
    )


def remind(house: House, *, dry_run: bool = False) -> Counts:
    """Remind officers of due dates, complainants of the end of the appeal window."""
    return remind_people(house.writers, shelf=house.shelf, now=house.clock(), dry_run=dry_run)


def lapse(house: House, *, dry_run: bool = False) -> Counts:
    """End what officers asked of others and got no answer to."""
    return end_lapsed_tasks(house.writers, now=house.clock(), dry_run=dry_run)


def recalculate(house: House, *, dry_run: bool = False) -> Counts:
    """Count due dates again after a calendar change that is not applied yet."""
    if dry_run:
        return {}
    return apply_calendar_changes(
        house.writers,
        shelf=house.shelf,
        now=house.clock(),
        cutoff=house.settings.cutoff,
        after_batch=house.between_batches,
    )


def digest(house: House, *, dry_run: bool = False) -> Counts:
    """Write the supervisors' morning letters."""
    return send_digests(house.writers, shelf=house.shelf, now=house.clock(), dry_run=dry_run)


def watch(house: House, *, dry_run: bool = False) -> Counts:
    """Check that the other jobs did theirs."""
    return watch_over(
        house.writers,
        shelf=house.shelf,
        now=house.clock(),
        operator_email=house.settings.operator_email,
        dry_run=dry_run,
    )


def forget(house: House, *, dry_run: bool = False) -> Counts:
    """Delete unfinished forms that nobody goes on with."""
    return forget_drafts(house.writers, now=house.clock(), dry_run=dry_run)


def shelve(house: House, *, dry_run: bool = False) -> Counts:
    """Move complaints' files into the store beside the database."""
    if house.files is None:
        return {}
    return shelve_files(
        house.readers,
        house.writers,
        store=house.files,
        now=house.clock(),
        dry_run=dry_run,
        after_batch=house.between_batches,
    )


def seal(house: House, *, dry_run: bool = False) -> Counts:
    """Seal the ends of all histories."""
    return make_seal(house.writers, now=house.clock(), dry_run=dry_run)


def anonymise(house: House, *, dry_run: bool = False) -> Counts:
    """Take personal data out of what was closed long ago."""
    return anonymise_closed(house.writers, now=house.clock(), dry_run=dry_run)


def freeze(house: House, *, dry_run: bool = False) -> Counts:
    """Freeze the annex of each month that has ended."""
    return freeze_months(house.writers, now=house.clock(), dry_run=dry_run)


def count(house: House, *, dry_run: bool = False) -> Counts:
    """Count the figures of those who supervise very many cases."""
    return keep_overviews(house.reports, house.writers, shelf=house.shelf, now=house.clock(), dry_run=dry_run)


Job = Callable[..., Counts]
JOBS: dict[str, Job] = {
    "escalate": escalate,
    "deliver": deliver,
    "call": call,
    "receive": receive,
    "remind": remind,
    "lapse": lapse,
    "recalculate": recalculate,
    "digest": digest,
    "watch": watch,
    "forget": forget,
    "shelve": shelve,
    "freeze": freeze,
    "count": count,
    "seal": seal,
    "anonymise": anonymise,
}


def run(house: House, name: str, *, dry_run: bool = False) -> Counts:
    """Run one job and record it; a dry run writes nothing and leaves no record."""
    job = JOBS[name]
    if dry_run:
        return job(house, dry_run=True)
    begin_cause(name)
    return record_run(house.writers, name, lambda: job(house), clock=house.clock)
