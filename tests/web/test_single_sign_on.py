"""Logging in with the office's own account, against a real OpenID provider on loopback."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pyotp
import pytest
import requests
from flask.testing import FlaskClient
from oidc_provider_mock import User, run_server_in_thread
from sqlalchemy import select
from werkzeug.test import TestResponse

from grs.bootstrap import House
from grs.db.administration import SecurityEvent
from grs.db.offices import Person
from grs.settings import SettingsError, read_settings
from grs.usecases.second_factor import confirm_second_factor, proposed_second_factor
from tests.conftest import Template, browser
from tests.postgres import free_port

EMAIL = "officer@rangpur.example"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def database(sqlite_only: Template) -> Template:
    return sqlite_only


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """A provider at which anybody has the account that he names."""
    people = [
        User(sub="plain", claims={"email": EMAIL, "email_verified": True}),
        User(sub="strong", claims={"email": EMAIL.upper(), "email_verified": True, "amr": ["pwd", "mfa"]}),
        User(sub="unverified", claims={"email": EMAIL, "email_verified": False}),
        User(sub="stranger", claims={"email": "nobody@elsewhere.example", "email_verified": True}),
    ]
    with run_server_in_thread(user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def joined(house: House, provider: str) -> House:
    """The product with that provider, and one officer known by his address."""
    with house.writers.begin() as session:
        session.scalars(select(Person).order_by(Person.id)).first().email = EMAIL  # type: ignore[union-attr]
    return with_provider(house, provider)


def with_provider(house: House, address: str, **changes: object) -> House:
    settings = replace(
        house.settings, oidc_issuer=address, oidc_client_id="grs", oidc_client_secret="s", oidc_name="ই-অফিস", **changes
    )  # type: ignore[arg-type]
    return replace(house, settings=settings)


def go(client: FlaskClient, who: str, *, wanted: str = "/officer/") -> TestResponse:
    """Over to the provider, agree there as somebody, and back."""
    over = client.get("/login/provider", query_string={"next": wanted})
    assert over.status_code == 302
    agreed = requests.post(over.headers["Location"], data={"sub": who}, allow_redirects=False, timeout=10)
    back = urlsplit(agreed.headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def test_an_officer_comes_in_with_the_offices_account(joined: House) -> None:
    client = browser(joined)
    assert "ই-অফিস" in client.get("/login").text
    inside = go(client, "plain", wanted="/account")
    assert (inside.status_code, inside.headers["Location"]) == (303, "/account")
    assert client.get("/account").status_code == 200
    with joined.readers() as session:
        assert "logged_in" in session.scalars(select(SecurityEvent.kind)).all()


@pytest.mark.parametrize("who", ["unverified", "stranger"])
def test_who_is_not_known_here_by_a_verified_address_stays_out(joined: House, who: str) -> None:
    client = browser(joined)
    refused = go(client, who)
    assert refused.status_code == 403
    assert "এখানে কেউ নেই" in refused.text
    assert client.get("/officer/").status_code == 302


def test_who_is_shut_out_here_stays_out(joined: House) -> None:
    with joined.writers.begin() as session:
        session.scalars(select(Person).where(Person.email == EMAIL)).one().is_active = False
    assert go(browser(joined), "plain").status_code == 403


@pytest.mark.parametrize(("who", "lands"), [("plain", "/login/code"), ("strong", "/officer/")])
def test_our_second_factor_is_asked_for_unless_the_provider_asserts_one(joined: House, who: str, lands: str) -> None:
    key = joined.settings.secret_key
    with joined.writers.begin() as session:
        person = session.scalars(select(Person).where(Person.email == EMAIL)).one()
        secret = proposed_second_factor(session, person.id, secret_key=key)
        confirm_second_factor(
            session, person.id, pyotp.TOTP(secret).at(joined.clock()), secret_key=key, token="", now=joined.clock()
        )
    client = browser(joined)
    assert urlsplit(go(client, who).headers["Location"]).path == lands
    assert (client.get("/officer/").status_code == 200) == (who == "strong")


@pytest.mark.parametrize(("who", "status"), [("plain", 302), ("strong", 200)])
def test_where_a_second_factor_is_required_the_providers_is_one(
    joined: House, provider: str, who: str, status: int
) -> None:
    strict = with_provider(joined, provider, second_factor="required")
    client = browser(strict)
    go(client, who)
    assert client.get("/account").status_code == status, "else one of ours has to be set up first"


def test_an_answer_that_nobody_asked_for_is_not_taken(joined: House) -> None:
    first, second = browser(joined), browser(joined)
    over = first.get("/login/provider")
    agreed = requests.post(over.headers["Location"], data={"sub": "plain"}, allow_redirects=False, timeout=10)
    back = urlsplit(agreed.headers["Location"])
    stolen = second.get(f"{back.path}?{back.query}")
    assert stolen.status_code == 401, "the state belongs to another browser"
    assert first.get(f"{back.path}?{back.query}").status_code == 303
    assert first.get(f"{back.path}?{back.query}").status_code == 401, "and is good once"
    assert first.get("/login/provider/back?error=access_denied").status_code == 401


def test_where_to_go_afterwards_is_a_page_of_ours(joined: House) -> None:
    inside = go(browser(joined), "plain", wanted="https://elsewhere.example/")
    assert inside.headers["Location"] == "/officer/"


def test_a_provider_that_is_away_is_told(house: House) -> None:
    client = browser(with_provider(house, f"http://localhost:{free_port()}"))
    away = client.get("/login/provider")
    assert away.status_code == 503
    assert "উত্তর দিচ্ছে না" in away.text
    assert re.search(r'name="password"', away.text), "the password still lets in"


def test_without_a_provider_there_is_no_such_page(house: House) -> None:
    assert browser(house).get("/login/provider").status_code == 404
    assert "provider" not in browser(house).get("/login").text
    with pytest.raises(SettingsError, match="oidc_client_id"):
        read_settings({"GRS_OIDC_ISSUER": "https://id.example"})
