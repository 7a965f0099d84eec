"""The shapes of what is answered: offices, charters, days, complaints, figures."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from grs.domain.attachments import MediaType
from grs.domain.calendar import DayKind
from grs.domain.disposal import Outcome
from grs.domain.lodging import Category, Ground, Kind
from grs.domain.tiers import LimitUnit, OfficeLevel, Tier
from grs.domain.workflow import Stage, StepKind
from grs.web.api.room import Shape


def word_of(vocabulary: Any, **more: Any) -> Any:
    """One word of a fixed vocabulary."""
    return fields.Enum(vocabulary, by_value=True, **{"required": True} | more)


class OfficeShape(Shape):
    """A public body. ``slug`` is its name in addresses."""

    slug = fields.String(required=True)
    name_bn = fields.String(required=True)
    name_en = fields.String(required=True)
    level = word_of(OfficeLevel)
    district = fields.String(attribute="district_en", required=True, allow_none=True)
    upazila = fields.String(attribute="upazila_en", required=True, allow_none=True)
    website = fields.String(required=True, allow_none=True)


class ShortOffice(Shape):
    """An office by its name."""

    slug = fields.String(required=True)
    name_bn = fields.String(required=True)
    name_en = fields.String(required=True)


class ShortPost(Shape):
    """A post by its title and office."""

    title_bn = fields.String(required=True)
    title_en = fields.String(required=True)
    office = fields.Nested(ShortOffice, required=True)


class LimitShape(Shape):
    """How long somebody may take."""

    amount = fields.Integer(required=True)
    unit = word_of(LimitUnit)


class ServiceShape(Shape):
    """One promise of a charter, as it is printed."""

    id = fields.Integer(required=True)
    category = word_of(Category)
    serial = fields.String(required=True, allow_none=True)
    name = fields.String(required=True)
    delivery_method = fields.String(required=True, allow_none=True)
    documents = fields.String(required=True, allow_none=True)
    fee = fields.String(required=True, allow_none=True)
    time_limit_text = fields.String(required=True, allow_none=True)
    is_immediate = fields.Boolean(required=True)
    working_days_min = fields.Integer(required=True, allow_none=True)
    working_days_max = fields.Integer(required=True, allow_none=True)
    officer = fields.Dict(required=True, allow_none=True)
    superior = fields.Dict(required=True, allow_none=True)


class FoundService(ServiceShape):
    """A promise with the office that made it."""

    office = fields.Nested(ShortOffice, required=True)


class DeskShape(Shape):
    """Who answers at a tier, and within which limit."""

    tier = word_of(Tier)
    post = fields.Nested(ShortPost, required=True)
    limit = fields.Nested(LimitShape, required=True)


class CharterVersion(Shape):
    """One version of an office's charter."""

    version = fields.Integer(required=True)
    in_force_from = fields.Date(required=True)
    dated = fields.Date(required=True, allow_none=True)
    source_name = fields.String(required=True)
    source_sha256 = fields.String(required=True)


class CharterShape(CharterVersion):
    """A version of a charter with its promises, and who answers today when one is broken."""

    office = fields.Nested(ShortOffice, required=True)
    services = fields.List(fields.Nested(ServiceShape), attribute="entries", required=True)
    chain = fields.List(fields.Nested(DeskShape), required=True)


class DayShape(Shape):
    """A day, and why it is open or closed."""

    day = fields.Date(required=True)
    is_open = fields.Boolean(required=True)
    kind = word_of(DayKind)
    name_bn = fields.String(required=True)
    name_en = fields.String(required=True)
    reference = fields.String(required=True, metadata={"description": "The gazette's word for it."})


class DueDateShape(Shape):
    """A limit counted out: day 0, every day not counted and why, the last day still in time."""

    received_on = fields.Date(required=True)
    limit = fields.Nested(LimitShape, required=True)
    due_on = fields.Date(required=True)
    is_provisional = fields.Boolean(required=True, metadata={"description": "A year on the way is not gazetted yet."})
    not_counted = fields.List(fields.Nested(DayShape), required=True)


class ExpectedShape(Shape):
    """By when a tier answers, if every tier below it takes its whole time."""

    tier = word_of(Tier)
    office = fields.String(required=True, allow_none=True)
    due_on = fields.Date(required=True)
    is_provisional = fields.Boolean(required=True)


class ReceiptShape(Shape):
    """What is promised on the day of filing, and the secret with which the complaint is followed."""

    tracking_number = fields.String(required=True)
    access_code = fields.String(required=True)
    page = fields.String(required=True, metadata={"description": "Where people follow it, with the code."})
    desk = fields.Nested(ShortPost, required=True)
    due_on = fields.Date(required=True)
    expected = fields.List(fields.Nested(ExpectedShape), required=True)
    not_counted = fields.List(fields.Nested(DayShape), required=True)


class FileShape(Shape):
    """A file that came with a step."""

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    media_type = word_of(MediaType)
    size = fields.Integer(required=True, metadata={"description": "Bytes."})
    sha256 = fields.String(required=True)


class StepShape(Shape):
    """One thing that happened."""

    kind = word_of(StepKind)
    label = fields.String(required=True, metadata={"description": "The same in people's words."})
    happened_at = fields.AwareDateTime(required=True)
    from_post = fields.Nested(ShortPost, required=True, allow_none=True)
    to_post = fields.Nested(ShortPost, required=True, allow_none=True)
    due_on = fields.Date(required=True, allow_none=True)
    texts = fields.List(fields.String(), required=True)
    files = fields.List(fields.Nested(FileShape), required=True)


class ComplaintShape(Shape):
    """A complaint: with whom it is, until when, what happened."""

    tracking_number = fields.String(required=True)
    kind = word_of(Kind)
    ground = word_of(Ground)
    office = fields.Nested(ShortOffice, required=True, metadata={"description": "The office complained about."})
    service = fields.Nested(ServiceShape, required=True, allow_none=True)
    subject = fields.String(required=True)
    description = fields.String(required=True)
    remedy = fields.String(required=True)
    filed_at = fields.AwareDateTime(required=True)
    stage = word_of(Stage)
    tier = word_of(Tier)
    desk = fields.Nested(ShortPost, required=True)
    received_on = fields.Date(required=True)
    limit = fields.Nested(LimitShape, required=True)
    due_on = fields.Date(required=True)
    is_provisional = fields.Boolean(required=True)
    not_counted = fields.List(fields.Nested(DayShape), required=True)
    outcome = word_of(Outcome, allow_none=True)
    disposed_on = fields.Date(required=True, allow_none=True)
    steps = fields.List(fields.Nested(StepShape), required=True)


class MonthShape(Shape):
    """The figures of a month; null is hidden, because so few could be known again."""

    month = fields.String(required=True)
    received = fields.Integer(required=True, allow_none=True)
    disposed = fields.Integer(required=True, allow_none=True)
    disposed_in_time = fields.Integer(required=True, allow_none=True)


class CountsShape(Shape):
    """What came and what was disposed of; null is hidden."""

    received = fields.Integer(required=True, allow_none=True)
    disposed = fields.Integer(required=True, allow_none=True)
    disposed_in_time = fields.Integer(required=True, allow_none=True)


class OfficeCountsShape(CountsShape):
    office = fields.String(required=True, metadata={"description": "An office's slug."})


class WholeMonthShape(Shape):
    """One month of all offices and of each."""

    month = fields.String(required=True)
    all = fields.Nested(CountsShape, required=True)
    offices = fields.List(fields.Nested(OfficeCountsShape), required=True)


class FiguresShape(Shape):
    """The figures of an office, or of all, over twelve months; null is hidden."""

    office = fields.String(required=True, allow_none=True)
    name_bn = fields.String(required=True, allow_none=True)
    name_en = fields.String(required=True, allow_none=True)
    received = fields.Integer(required=True, allow_none=True)
    disposed = fields.Integer(required=True, allow_none=True)
    disposed_in_time = fields.Integer(required=True, allow_none=True)
    overdue = fields.Integer(required=True, allow_none=True)
    in_time_rate = fields.Integer(required=True, allow_none=True)
    median_days = fields.Float(required=True, allow_none=True)
    months = fields.List(fields.Nested(MonthShape), required=True)
    root_causes = fields.Dict(keys=fields.String(), values=fields.Integer(allow_none=True), required=True)
