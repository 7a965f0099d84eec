"""Findings about the ways out."""

from __future__ import annotations

import dataclasses
import gc
import warnings

import pytest

from grs.bootstrap import House
from grs.notify.transports import SmtpTransport
from tests.conftest import MailSink
from tests.security.test_readers import a_mail


def test_a_server_that_offers_no_encryption_leaves_no_connection_open(mailing_house: House, sink: MailSink) -> None:
    transport = SmtpTransport(dataclasses.replace(mailing_house.settings, smtp_security="starttls"))
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always", ResourceWarning)
        with pytest.raises(Exception, match="STARTTLS"):
            transport.send(a_mail())
        gc.collect()
    assert [one for one in leaked if "socket" in str(one.message)] == []
    assert sink.letters == [], "and nothing goes out in clear"
