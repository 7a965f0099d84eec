"""Who answers, what may happen when, how a complaint ends, and who may see it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grs.domain.access import Deed, Relation, may
from grs.domain.appeals import check_appeal, last_day_to_appeal, next_appeal_reminder
from grs.domain.bangla import normalise, skeleton, to_ascii_digits, to_bengali_digits
from grs.domain.disposal import Disposal, Outcome, RootCause, check_disposal, possible_outcomes
from grs.domain.errors import ActionNotAllowed, AppealNotPossible, AppealTooLate, InvalidInput
from grs.domain.escalation import decide_escalation, escalates_after
from grs.domain.history import GENESIS, StepFacts, canonical, first_broken, step_hash
from grs.domain.lodging import ComplaintForm, Ground, Kind, check_form, read_mobile, tidy
from grs.domain.tiers import About, ChainSource, ChainTier, DayLimit, Tier, TierChain, first_tier
from grs.domain.tracking import check_digit, grouped, is_tracking_number, new_access_code, new_tracking_number
from grs.domain.workflow import TRANSITIONS, Action, Actor, Stage, allowed_actions, next_stage
from tests.domain.test_calendar import GAZETTE

CHAIN = TierChain(
    tuple(
        ChainTier(tier=tier, post_id=int(tier), office_id=int(tier), limit=DayLimit(days))
        for tier, days in zip(Tier, (30, 20, 60), strict=True)
    ),
    ChainSource.GUIDELINE,
)


# -- who answers (G 7.1(ক), 7.4.1) -----------------------------------------------------------


@pytest.mark.parametrize(
    ("about", "tier"),
    [
        (About.NOBODY, Tier.GRIEVANCE_OFFICER),
        (About.GRIEVANCE_OFFICER, Tier.APPEAL_OFFICER),
        (About.HEAD_OF_OFFICE, Tier.APPEAL_OFFICER),
        (About.APPEAL_OFFICER, Tier.CELL_OFFICER),
    ],
)
def test_nobody_decides_a_complaint_about_himself(about: About, tier: Tier) -> None:
    assert first_tier(about) is tier


def test_a_limit_is_at_least_one_day() -> None:
    with pytest.raises(ValueError, match="at least one"):
        DayLimit(0)


# -- the workflow table --------------------------------------------------------------------------


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("tier", Tier)
def test_the_buttons_are_exactly_what_the_click_allows(stage: Stage, action: Action, tier: Tier) -> None:
    offered = {a for actor in Actor for a in allowed_actions(stage, tier=tier, actor=actor)}
    if action in offered:
        assert next_stage(stage, action, tier=tier) is TRANSITIONS[stage, action]
    else:
        with pytest.raises(ActionNotAllowed):
            next_stage(stage, action, tier=tier)


def test_a_disposed_complaint_can_be_reopened_and_noted_and_nothing_else() -> None:
    actions = allowed_actions(Stage.DISPOSED, tier=Tier.APPEAL_OFFICER, actor=Actor.OFFICER)
    assert actions == [Action.REOPEN, Action.NOTE]


def test_only_the_first_tier_forwards() -> None:
    assert Action.FORWARD in allowed_actions(Stage.RECEIVED, tier=Tier.GRIEVANCE_OFFICER, actor=Actor.OFFICER)
    assert Action.FORWARD not in allowed_actions(Stage.RECEIVED, tier=Tier.APPEAL_OFFICER, actor=Actor.OFFICER)


# -- escalation (G 5.2.2(গ)) --------------------------------------------------------------------


def test_in_time_until_the_end_of_the_due_date() -> None:
    due_on = date(2025, 5, 20)
    decide = lambda today: decide_escalation(GAZETTE, CHAIN, tier=Tier(1), due_on=due_on, today=today)  # noqa: E731
    assert decide(due_on) is None
    move = decide(date(2025, 5, 21))
    assert move is not None
    assert (move.desk.tier, move.due.due_on, move.late_by) == (Tier.APPEAL_OFFICER, date(2025, 6, 25), 0)


def test_after_an_outage_the_new_clock_starts_on_the_day_it_arrives() -> None:
    move = decide_escalation(GAZETTE, CHAIN, tier=Tier(1), due_on=date(2025, 5, 8), today=date(2025, 5, 16))
    assert move is not None
    assert move.late_by == 7, "the first moment was 9 May"
    assert move.due.received_on == date(2025, 5, 17), "Friday 16 May counts from the working Saturday"
    assert move.due.due_on > date(2025, 5, 16), "an officer is never overdue on arrival"


def test_there_is_nowhere_to_go_from_the_last_tier() -> None:
    assert decide_escalation(GAZETTE, CHAIN, tier=Tier(3), due_on=date(2025, 5, 8), today=date(2026, 1, 1)) is None
    assert escalates_after(CHAIN, Tier(3), Stage.RECEIVED, date(2025, 5, 8)) is None
    assert escalates_after(CHAIN, Tier(1), Stage.DISPOSED, date(2025, 5, 8)) is None
    assert escalates_after(CHAIN, Tier(1), Stage.ACCEPTED, date(2025, 5, 8)) == date(2025, 5, 8)


# -- appeal (G 6.2) ----------------------------------------------------------------------------------


def test_a_month_from_the_letter_or_the_limit_whichever_is_later() -> None:
    assert last_day_to_appeal(GAZETTE, told_on=date(2025, 4, 10), due_on=date(2025, 4, 8)) == date(2025, 5, 12)
    assert last_day_to_appeal(GAZETTE, told_on=date(2025, 4, 10), due_on=date(2025, 5, 20)) == date(2025, 6, 22)


@pytest.mark.parametrize(
    ("stage", "tier", "reason"), [(Stage.ACCEPTED, 1, "not_disposed"), (Stage.DISPOSED, 3, "last_tier")]
)
def test_what_cannot_be_appealed(stage: Stage, tier: int, reason: str) -> None:
    day = date(2025, 5, 1)
    with pytest.raises(AppealNotPossible) as refused:
        check_appeal(CHAIN, stage=stage, tier=Tier(tier), ended_by=Action.DISPOSE, last_day=day, today=day)
    assert refused.value.reason == reason


def test_who_withdrew_has_no_decision_to_contest() -> None:
    day = date(2025, 5, 1)
    with pytest.raises(AppealNotPossible) as refused:
        check_appeal(CHAIN, stage=Stage.DISPOSED, tier=Tier(1), ended_by=Action.WITHDRAW, last_day=day, today=day)
    assert refused.value.reason == "withdrawn"


def test_the_complainant_is_reminded_seven_and_one_days_before_the_window_closes() -> None:
    last = date(2025, 6, 22)
    assert next_appeal_reminder(last) == date(2025, 6, 15)
    assert next_appeal_reminder(last, after=date(2025, 6, 15)) == date(2025, 6, 21)
    assert next_appeal_reminder(last, after=date(2025, 6, 21)) is None


def test_the_last_day_still_counts() -> None:
    last = date(2025, 5, 12)
    facts = {"stage": Stage.DISPOSED, "tier": Tier(1), "ended_by": Action.DISPOSE, "last_day": last}
    check_appeal(CHAIN, today=last, **facts)  # type: ignore[arg-type]
    with pytest.raises(AppealTooLate):
        check_appeal(CHAIN, today=last + timedelta(days=1), **facts)  # type: ignore[arg-type]


# -- disposal (G annex গ-২) ------------------------------------------------------------------------------


def test_a_disposal_needs_reasons_and_advice() -> None:
    empty = Disposal(outcome=Outcome.SERVICE_GIVEN, reasons=" ", root_cause=RootCause.OTHER_OFFICE, advice="")
    with pytest.raises(InvalidInput) as refused:
        check_disposal(empty, Tier(1), started_at=Tier(1))
    assert set(refused.value.problems) == {"reasons", "advice"}


def test_outcomes_fit_the_tier() -> None:
    assert Outcome.UPHELD not in possible_outcomes(Tier(1), started_at=Tier(1))
    assert Outcome.UPHELD in possible_outcomes(Tier(2), started_at=Tier(1))
    assert Outcome.UPHELD not in possible_outcomes(Tier(2), started_at=Tier(2)), "nothing to uphold yet"


# -- access -----------------------------------------------------------------------------------------------


def test_only_who_has_it_decides_and_who_had_it_reads() -> None:
    assert may({Relation.ANSWERS}, Deed.ACT)
    assert not may({Relation.ANSWERED, Relation.SUPERVISES}, Deed.ACT)
    assert may({Relation.ANSWERED}, Deed.READ)
    assert may({Relation.SUPERVISES}, Deed.READ)
    assert not may(set(), Deed.READ)
    assert not may({Relation.ANSWERS, Relation.SUPERVISES, Relation.ACCUSED}, Deed.READ)


# -- the form (G annex ক-১) ---------------------------------------------------------------------------------

TODAY = date(2025, 4, 6)


def form(**typed: object) -> ComplaintForm:
    whole = {"subject": "ক", "description": "খ", "name": "গ", "mobile": "01700000001"} | typed
    return tidy(ComplaintForm(form_key="k", kind=Kind.PUBLIC, ground=Ground.OTHER, **whole))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "typed", "reason"),
    [
        ("subject", "", "required"),
        ("description", "   ", "required"),
        ("name", "", "required"),
        ("mobile", "", "required"),
        ("mobile", "12345", "not_a_mobile"),
        ("email", "nobody", "not_an_email"),
        ("email", "a@b.example\nBcc: c@d.example", "not_an_email"),
        ("subject", "ক" * 301, "too_long"),
        ("applied_on", date(2025, 4, 7), "in_the_future"),
    ],
)
def test_each_mistake_names_its_field(field: str, typed: object, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_form(form(**{field: typed}), today=TODAY)
    assert refused.value.problems == {field: reason}


def test_an_anonymous_complaint_needs_no_name_and_keeps_none() -> None:
    anonymous = form(is_anonymous=True, name="নমুনা")
    check_form(anonymous, today=TODAY)
    assert (anonymous.name, anonymous.mobile) == ("", "")


@pytest.mark.parametrize("typed", ["০১৭০০-০০০০০১", "+8801700000001", "88 01700 000001", "01700000001"])
def test_a_mobile_is_read_however_it_is_typed(typed: str) -> None:
    assert read_mobile(typed) == "01700000001"


# -- numbers and codes ----------------------------------------------------------------------------------------


@given(st.integers(0, 10**9 - 1), st.integers(0, 11), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(body: int, at: int, change: int) -> None:
    number = new_tracking_number(2026, lambda _: body)
    assert is_tracking_number(number)
    wrong = number[:at] + str((int(number[at]) + change) % 10) + number[at + 1 :]
    assert not is_tracking_number(wrong)


def test_numbers_are_read_in_both_digits_and_with_blanks() -> None:
    number = new_tracking_number(2026, lambda _: 483920517)
    assert is_tracking_number(to_bengali_digits(grouped(number)))
    assert len(new_access_code(lambda _: 5)) == 16
    assert check_digit(number[:-1]) == number[-1]


# -- Bangla ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("নিষ্পত্তি", "নিস্পত্তি"),
        ("\u09df", "\u09af\u09bc"),
        ("কার্য\u200cদিবস", "কার্যদিবস"),
        ("১২", "12"),
        ("প্রশিক্ষণ", "প্রশিক্ষন"),
    ],
)
def test_spelling_variants_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


def test_text_is_stored_in_one_spelling() -> None:
    assert normalise("\u09df  ক\n") == "\u09af\u09bc ক"
    assert to_ascii_digits(to_bengali_digits("0123456789")) == "0123456789"


# -- the hash chain -------------------------------------------------------------------------------------------------


def chain_of(count: int) -> list[tuple[StepFacts, str, str]]:
    steps, previous = [], GENESIS
    for sequence in range(1, count + 1):
        facts = StepFacts(
            tracking_number="264839205176",
            sequence=sequence,
            kind="accepted",
            happened_at=datetime(2025, 4, 6, tzinfo=UTC),
            actor="scheduler",
            details=canonical({"n": sequence}),
        )
        own = step_hash(previous, facts)
        steps.append((facts, previous, own))
        previous = own
    return steps


def test_a_whole_chain_holds() -> None:
    assert first_broken(chain_of(5)) is None
    assert first_broken([]) is None


@pytest.mark.parametrize("at", range(5))
def test_an_edited_a_missing_and_a_swapped_step_are_named(at: int) -> None:
    from dataclasses import replace

    steps = chain_of(5)
    facts, previous, own = steps[at]
    edited = [*steps[:at], (replace(facts, details='{"n":99}'), previous, own), *steps[at + 1 :]]
    assert first_broken(edited) == at + 1
    if at < 4:
        assert first_broken(steps[:at] + steps[at + 1 :]) == at + 1
        assert first_broken([*steps[:at], steps[at + 1], steps[at], *steps[at + 2 :]]) == at + 1
