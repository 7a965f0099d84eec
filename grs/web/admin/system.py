"""What all offices share: the overview, numbers with their dates, settings, letters, jobs, the security log."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask import redirect, render_template, request, url_for

from grs.db.administration import SecurityKind
from grs.db.messages import Message, MessageState
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.rule_values import UNITS, RuleName
from grs.domain.tiers import LimitUnit
from grs.domain.typed import read_choice, read_day, read_number
from grs.notify.render import render_letter
from grs.settings import shown_settings
from grs.usecases import outbox
from grs.usecases.job_runs import LONGEST_BETWEEN, job_health, runs_of
from grs.usecases.letters import facts_of
from grs.usecases.machines import end_token, living_tokens
from grs.usecases.rule_values import history_of_values, rules_on, set_value
from grs.usecases.seals import latest_seal
from grs.usecases.security_log import PAGE, events
from grs.web.admin.room import Page, blueprint, me_as_administrator, system_only, today
from grs.web.doors import house
from grs.web.protection import logged_in


@blueprint.get("/")
@logged_in
def home() -> Page:
    """Where to begin, and what needs a hand."""
    with house().readers() as db:
        admin = me_as_administrator(db)
        jobs = job_health(db, LONGEST_BETWEEN, now=house().clock()) if admin.is_system else []
        return render_template(
            "admin/home.html",
            is_system=admin.is_system,
            late=[one for one in jobs if one.is_late or one.failures],
            outbox=outbox.outbox_counts(db) if admin.is_system else None,
            seal=latest_seal(db),
        )


# -- programs ------------------------------------------------------------------------------------------------------


@blueprint.get("/machines")
@system_only
def machines() -> Page:
    """Every program that works for somebody."""
    with house().readers() as db:
        found = living_tokens(db, now=house().clock())
    return render_template("admin/machines.html", tokens=found, done=request.args.get("done", ""))


@blueprint.post("/machines/<int(max=2147483647):token_id>/end")
@system_only
def end_machine(token_id: int) -> Page:
    """Take a program's token away."""
    with house().writers.begin() as db:
        admin = me_as_administrator(db)
        end_token(db, token_id, by=admin.person_id, now=house().clock(), anybodys=True)
    return redirect(url_for("admin.machines", done="ended"), 303)


# -- numbers and settings ------------------------------------------------------------------------------------------


@blueprint.get("/rules")
@system_only
def rules() -> Page:
    """The numbers in force, those to come, and the settings of the installation."""
    return _rules_page({}, {})


def _rules_page(typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    with house().readers() as db:
        return render_template(
            "admin/rules.html",
            book=rules_on(db, today()),
            history=history_of_values(db),
            names=list(RuleName),
            units=list(LimitUnit),
            units_of=UNITS,
            settings=shown_settings(house().settings),
            typed=typed,
            problems=problems,
            followed=read_number(request.args.get("followed")),
            today=today(),
        )


@blueprint.post("/rules")
@system_only
def set_rule() -> Page:
    """A number counts from a day on."""
    typed = request.form.to_dict()
    problems: dict[str, str] = {}
    name = read_choice(RuleName, typed, "name", problems)
    unit = read_choice(LimitUnit, typed, "unit", problems)
    day = read_day(typed, "in_force_from", problems)
    try:
        if problems or name is None or unit is None:
            raise InvalidInput(problems)
        with house().writers.begin() as db:
            admin = me_as_administrator(db)
            followed = set_value(
                db,
                name=name,
                amount=read_number(typed.get("amount")),
                unit=unit,
                in_force_from=day,
                source=typed.get("source", ""),
                person_id=admin.person_id,
                now=admin.now,
            )
    except InvalidInput as error:
        return _rules_page(typed, error.problems), 422
    return redirect(url_for("admin.rules", followed=followed), 303)


# -- letters -----------------------------------------------------------------------------------------------------------


@blueprint.get("/letters")
@system_only
def letters() -> Page:
    """The outbox: given up ones first."""
    wanted = request.args.get("state", "")
    state = MessageState(wanted) if wanted in outbox.SHOWN else MessageState.DEAD
    with house().readers() as db:
        found = outbox.letters_in(db, state, before=read_number(request.args.get("before")), limit=outbox.PAGE + 1)
        return render_template(
            "admin/letters.html",
            letters=found[: outbox.PAGE],
            next_before=found[outbox.PAGE - 1].id if len(found) > outbox.PAGE else None,
            state=state,
            states=outbox.SHOWN,
            counts=outbox.outbox_counts(db),
            masked=outbox.masked,
            done=request.args.get("done", ""),
        )


@blueprint.get("/letters/<int(max=9223372036854775807):message_id>")
@system_only
def letter(message_id: int) -> Page:
    """One letter: its fate, and its text where it is about no complaint. Complaints' letters stay closed."""
    with house().readers() as db:
        found = db.get(Message, message_id)
        if found is None:
            raise NotFound("letter", message_id)
        subject = body = ""
        if found.complaint_id is None and found.letter in OPEN_LETTERS:
            facts = facts_of(db, [found])[0] | {"base_url": house().settings.base_url}
            subject, body = render_letter(found.letter, found.language, facts)
        return render_template(
            "admin/letter.html", message=found, subject=subject, body=body, masked=outbox.masked, stuck=outbox.STUCK
        )


OPEN_LETTERS = ("digest", "alarm", "escalated_list", "officer_digest")
"""Letters without a complaint's text, a person's contact or a secret link."""


@blueprint.post("/letters/<int(max=9223372036854775807):message_id>")
@system_only
def do_to_letter(message_id: int) -> Page:
    """Send again, or give up."""
    act = outbox.give_up if request.form.get("do") == "give_up" else outbox.send_again
    with house().writers.begin() as db:
        act(db, me_as_administrator(db), message_id)
    return redirect(url_for("admin.letters", done="yes"), 303)


# -- jobs, log ---------------------------------------------------------------------------------------------------------


@blueprint.get("/jobs")
@system_only
def jobs() -> Page:
    """What the timetable does, and whether it keeps it."""
    chosen = request.args.get("what", "")
    with house().readers() as db:
        return render_template(
            "admin/jobs.html",
            jobs=job_health(db, LONGEST_BETWEEN, now=house().clock()),
            chosen=chosen if chosen in LONGEST_BETWEEN else "",
            runs=runs_of(db, chosen) if chosen in LONGEST_BETWEEN else [],
        )


VOCABULARY = {"role": "role", "tier": "tier", "rule": "rule", "unit": "limit_unit"}
"""In whose words a detail of the log is told."""


@blueprint.get("/log")
@system_only
def log() -> Page:
    """The security log, newest first."""
    wanted, who = request.args.get("kind", ""), read_number(request.args.get("post"))
    kind = SecurityKind(wanted) if wanted in set(SecurityKind) else None
    with house().readers() as db:
        found = events(db, kind=kind, person_id=who, before=read_number(request.args.get("before")), limit=PAGE + 1)
        return render_template(
            "admin/log.html",
            events=[(one, json.loads(one.details)) for one in found[:PAGE]],
            next_before=found[PAGE - 1].id if len(found) > PAGE else None,
            kinds=list(SecurityKind),
            kind=kind,
            vocabulary=VOCABULARY,
        )
