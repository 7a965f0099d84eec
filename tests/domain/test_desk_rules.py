"""The rules of the officers' desk: who may what, tasks, investigators, screening, marks, letters in office hours."""

from __future__ import annotations

from datetime import date, datetime, time
from itertools import product

import pytest

from grs.domain.access import LEFT_TO_THE_ACCUSED, MAY, RELATIONS_OF_ROLE, Deed, PostRole, Relation, deeds, may
from grs.domain.calendar import DHAKA, WorkingCalendar
from grs.domain.deadlines import clock_goes_on, due_date, paper_due_date
from grs.domain.errors import ActionNotAllowed, InvalidInput
from grs.domain.habitual import MarkState, check_term, is_in_force
from grs.domain.lodging import Ground
from grs.domain.office_hours import Coming, OfficeHours, how_letters_come
from grs.domain.screening import Question, proposed_screening, read_screening
from grs.domain.tasks import Investigator, check_committee, has_lapsed, report_due
from grs.domain.tiers import DayLimit, LimitUnit, Tier
from grs.domain.typed import read_clock
from grs.domain.workflow import ACTORS, INTERNAL_STEPS, Action, Actor, Stage, StepKind, allowed_actions, next_stage
from grs.usecases.calendars import shipped_rows

GAZETTE = WorkingCalendar(shipped_rows())


# -- who may what --------------------------------------------------------------------------------


def test_every_relation_and_role_stands_in_the_matrix() -> None:
    assert set(MAY) == set(Relation)
    assert set(RELATIONS_OF_ROLE) == set(PostRole)


@pytest.mark.parametrize(("relation", "deed"), list(product(Relation, Deed)))
def test_being_accused_takes_everything_but_the_answer(relation: Relation, deed: Deed) -> None:
    assert may({relation, Relation.ACCUSED}, deed) == (deed in LEFT_TO_THE_ACCUSED and may({relation}, deed))


def test_only_the_desk_that_has_it_acts() -> None:
    assert [relation for relation in Relation if Deed.ACT in MAY[relation]] == [Relation.ANSWERS]


def test_who_was_asked_sees_just_that() -> None:
    assert deeds({Relation.ASKED}) == {Deed.ANSWER}
    assert Deed.OPEN_IDENTITY not in deeds({Relation.ANSWERED}), "who answered before reads only"


def test_nobody_acts_for_somebody_else() -> None:
    assert set(ACTORS) == set(Action)
    for stage, tier in product(Stage, Tier):
        buttons = allowed_actions(stage, tier=tier, actor=Actor.OFFICER)
        assert all(ACTORS[action] is Actor.OFFICER for action in buttons)


def test_only_the_cell_recommends_and_only_the_first_tier_proposes_a_mark() -> None:
    assert next_stage(Stage.ACCEPTED, Action.RECOMMEND, tier=Tier.CELL_OFFICER) is Stage.ACCEPTED
    for tier in (Tier.GRIEVANCE_OFFICER, Tier.APPEAL_OFFICER):
        with pytest.raises(ActionNotAllowed):
            next_stage(Stage.ACCEPTED, Action.RECOMMEND, tier=tier)
    with pytest.raises(ActionNotAllowed):
        next_stage(Stage.DISPOSED, Action.PROPOSE_MARK, tier=Tier.APPEAL_OFFICER)


def test_the_complainant_sees_every_step_that_concerns_him() -> None:
    assert StepKind.SERVICE_ORDERED not in INTERNAL_STEPS
    assert StepKind.MARK_SET not in INTERNAL_STEPS
    assert StepKind.NOTED in INTERNAL_STEPS


# -- tasks -----------------------------------------------------------------------------------------


def people(*grades: int | None) -> list[Investigator]:
    return [Investigator(person_id=n, grade=grade) for n, grade in enumerate(grades, start=1)]


@pytest.mark.parametrize(
    ("members", "accused_grade", "problem"),
    [
        (people(6), 9, None),
        (people(9), 9, None),  # the same grade is not junior
        (people(6, 9, 5), 9, None),
        (people(), 9, "choose_investigators"),
        (people(6, 6, 6, 6), 9, "at_most_three"),
        ([*people(6), *people(6)], 9, "at_most_three"),
        (people(10), 9, "junior"),
        (people(6, 10), 9, "junior"),
        (people(None), 9, "grade_unknown"),
        (people(6), None, "grade_unknown"),
    ],
)
def test_who_may_investigate(members: list[Investigator], accused_grade: int | None, problem: str | None) -> None:
    if problem is None:
        check_committee(members, accused={99}, accused_grade=accused_grade)
        return
    with pytest.raises(InvalidInput) as refused:
        check_committee(members, accused={99}, accused_grade=accused_grade)
    assert refused.value.problems == {"investigators": problem}


def test_the_accused_does_not_investigate_himself() -> None:
    with pytest.raises(InvalidInput, match="is_accused"):
        check_committee(people(3), accused={1}, accused_grade=9)


@pytest.mark.parametrize(
    ("tier_due_on", "expected"),
    [
        (date(2025, 6, 30), date(2025, 5, 6)),  # 20 working days from Sunday 6 April; 14 April and 1 May are holidays
        (date(2025, 4, 20), date(2025, 4, 20)),  # never after the tier's own due date
    ],
)
def test_the_report_is_due_in_twenty_working_days_and_in_time_for_the_tier(tier_due_on: date, expected: date) -> None:
    assert report_due(GAZETTE, date(2025, 4, 6), tier_due_on=tier_due_on, days=20) == expected


def test_an_answer_is_in_time_until_the_end_of_its_day() -> None:
    assert not has_lapsed(date(2025, 4, 10), date(2025, 4, 10))
    assert has_lapsed(date(2025, 4, 10), date(2025, 4, 11))


@pytest.mark.parametrize("limit", [DayLimit(30), DayLimit(45, LimitUnit.CALENDAR_DAYS), DayLimit(2, LimitUnit.MONTHS)])
def test_an_investigation_adds_ten_working_days_to_any_limit(limit: DayLimit) -> None:
    plain = due_date(GAZETTE, date(2025, 4, 6), limit)
    longer = due_date(GAZETTE, date(2025, 4, 6), limit, extra=10)
    assert GAZETTE.count_working_days(plain.due_on, longer.due_on) == 10
    if limit.unit is LimitUnit.WORKING_DAYS:
        assert longer == due_date(GAZETTE, date(2025, 4, 6), DayLimit(40))


def test_whether_a_paper_form_came_in_time_is_judged_without_the_extra_days() -> None:
    late = date(2025, 5, 21)  # the 30 days from 6 April ended on 20 May
    counted = paper_due_date(GAZETTE, date(2025, 4, 6), DayLimit(30), keyed_on=late, extra=10)
    assert counted.received_on == late


@pytest.mark.parametrize(
    ("disposed_on", "left"), [(date(2025, 5, 18), 2), (date(2025, 5, 20), 1), (date(2025, 5, 25), 1)]
)
def test_a_reopened_clock_goes_on_with_what_was_left(disposed_on: date, left: int) -> None:
    assert clock_goes_on(GAZETTE, due_on=date(2025, 5, 20), stopped_on=disposed_on) == DayLimit(left)


# -- screening and marks -----------------------------------------------------------------------------


def test_the_nine_questions_are_answered_as_the_form_tells() -> None:
    proposed = proposed_screening(ground=Ground.LATE, has_contact=False, has_remedy=True, is_anonymous=False)
    assert list(proposed) == list(Question)
    assert len(proposed) == 9
    assert proposed[Question.DEPRIVED_OR_DELAYED]
    assert not proposed[Question.FULL_CONTACT]


def test_a_question_left_open_is_named() -> None:
    typed = {str(question): "yes" for question in Question} | {"irregularity": ""}
    with pytest.raises(InvalidInput) as refused:
        read_screening(typed)
    assert refused.value.problems == {"irregularity": "choose_one"}


@pytest.mark.parametrize(
    ("review_on", "ends_on", "wrong"),
    [
        (date(2025, 7, 1), date(2026, 4, 6), set()),
        (date(2025, 7, 1), date(2026, 4, 7), {"ends_on"}),
        (date(2025, 7, 1), date(2025, 4, 6), {"ends_on", "review_on"}),
        (date(2025, 4, 6), date(2025, 9, 1), {"review_on"}),
        (None, date(2025, 9, 1), {"review_on"}),
    ],
)
def test_a_mark_has_a_review_and_ends_within_a_year(review_on: date | None, ends_on: date, wrong: set[str]) -> None:
    if not wrong:
        assert check_term(today=date(2025, 4, 6), review_on=review_on, ends_on=ends_on) == (review_on, ends_on)
        return
    with pytest.raises(InvalidInput) as refused:
        check_term(today=date(2025, 4, 6), review_on=review_on, ends_on=ends_on)
    assert set(refused.value.problems) == wrong


def test_a_mark_counts_on_its_last_day() -> None:
    assert is_in_force(MarkState.IN_FORCE, date(2025, 4, 6), date(2025, 4, 6))
    assert not is_in_force(MarkState.IN_FORCE, date(2025, 4, 6), date(2025, 4, 7))
    assert not is_in_force(MarkState.PROPOSED, date(2025, 4, 6), date(2025, 4, 6))


# -- officers' letters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        (datetime(2025, 4, 6, 9, 0, tzinfo=DHAKA), True),
        (datetime(2025, 4, 6, 8, 59, 59, tzinfo=DHAKA), False),
        (datetime(2025, 4, 6, 17, 0, tzinfo=DHAKA), False),
        (datetime(2025, 4, 11, 11, 0, tzinfo=DHAKA), False),  # a Friday
        (datetime(2025, 4, 14, 11, 0, tzinfo=DHAKA), False),  # the Bangla new year
        (datetime(2025, 5, 17, 11, 0, tzinfo=DHAKA), True),  # a Saturday declared working
    ],
)
def test_office_hours(at: datetime, holds: bool) -> None:
    assert OfficeHours(time(9), time(17)).holds(GAZETTE, at) is holds


@pytest.mark.parametrize(
    ("already", "waiting", "had_one", "is_last_hour", "expected"),
    [
        (0, 5, False, False, Coming.SINGLY),
        (0, 6, False, False, Coming.AS_ONE),
        (4, 1, False, False, Coming.SINGLY),
        (5, 1, False, False, Coming.LATER),
        (5, 2, False, False, Coming.AS_ONE),
        (6, 3, True, False, Coming.LATER),
        (6, 3, True, True, Coming.AS_ONE),
        (6, 1, True, True, Coming.SINGLY),
    ],
)
def test_more_than_five_letters_a_day_come_as_one(
    already: int, waiting: int, had_one: bool, is_last_hour: bool, expected: Coming
) -> None:
    assert (
        how_letters_come(already=already, waiting=waiting, has_come_as_one=had_one, is_last_hour=is_last_hour)
        is expected
    )


@pytest.mark.parametrize(
    ("text", "expected"), [("11:00", time(11)), ("১৪.৩০", time(14, 30)), ("9", time(9)), ("", None)]
)
def test_times_of_day_as_people_type_them(text: str, expected: time | None) -> None:
    assert read_clock({"at": text}, "at", {}) == expected


@pytest.mark.parametrize("text", ["25:00", "সকাল", "11:00:00:00", "-1"])
def test_what_is_no_time_is_named(text: str) -> None:
    problems: dict[str, str] = {}
    assert read_clock({"at": text}, "at", problems) is None
    assert problems == {"at": "not_a_time"}
