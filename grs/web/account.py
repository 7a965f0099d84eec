"""One's own account: log in with password and second factor, sessions, password, links by e-mail."""

from __future__ import annotations

import logging
from datetime import timedelta
from urllib.parse import urlsplit

import pyotp
import segno
from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue as Page
from flask_login import current_user, login_user, logout_user
from markupsafe import Markup
from sqlalchemy.orm import Session

from grs.db.administration import SecurityKind
from grs.domain.errors import InvalidInput, NotFound
from grs.domain.machines import scopes_of
from grs.usecases import account_links, accounts
from grs.usecases import second_factor as second_factors
from grs.usecases.secrets import token_hash
from grs.usecases.security_log import log_event
from grs.web import limits
from grs.web.doors import house
from grs.web.people import LoggedIn, me
from grs.web.protection import anyone, logged_in

log = logging.getLogger(__name__)
blueprint = Blueprint("account", __name__)


# -- in and out ---------------------------------------------------------------------------------------


@blueprint.get("/login")
@anyone
def login() -> Page:
    """The log-in page."""
    done = request.args.get("done", "")
    return render_template("account/login.html", email="", problems={}, next=request.args.get("next", ""), done=done)


@blueprint.post("/login")
@limits.limiter.limit(limits.LOG_IN, deduct_when=limits.was_refused)
@limits.limiter.limit(limits.LOG_IN, key_func=limits.by_account)
@limits.limiter.limit(limits.LOG_IN_ANYWHERE, key_func=limits.by_account_anywhere, deduct_when=limits.was_refused)
@anyone
def enter() -> Page:
    """Start a session of our own table when address and password are right."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    wanted = request.form.get("next", "")
    browser, address = request.user_agent.string, request.remote_addr or ""
    with house().writers.begin() as db:
        entry = accounts.log_in(db, email, password, now=house().clock(), browser=browser, address=address)
        tried = accounts.person_by_email(db, email)
        kind = SecurityKind.LOG_IN_FAILED if entry is None else SecurityKind.LOGGED_IN
        if entry is None or not entry.awaits_code:
            _note(db, kind, tried.id if tried else None)
    if entry is None:
        log.warning("log-in refused from %s", address)
        problems = {"password": "wrong_login"}
        page = render_template("account/login.html", email=email, problems=problems, next=wanted, done="")
        return page, 401
    return enter_with(entry, wanted)


def enter_with(entry: accounts.Entry, wanted: str) -> Page:
    """On with a session that has begun: to the second factor where it is asked for, else inside."""
    _carry(entry)
    if entry.awaits_code:
        return redirect(url_for("account.code", next=own_address(wanted)), 303)
    return _inside(wanted)


@blueprint.get("/login/code")
@anyone
def code() -> Page:
    """Ask for the second factor, of somebody whose password was right."""
    if not _awaits_code():
        return redirect(url_for("account.login"))
    return render_template("account/code.html", problems={}, next=request.args.get("next", ""))


@blueprint.post("/login/code")
@limits.limiter.limit(limits.SECOND_FACTOR, key_func=limits.by_waiting)
@anyone
def enter_code() -> Page:
    """A whole session in place of the waiting one when the code is right."""
    wanted = request.form.get("next", "")
    if not _awaits_code():
        return redirect(url_for("account.login", next=wanted), 303)
    typed, secret_key = request.form.get("code", ""), house().settings.checked_secret
    with house().writers.begin() as db:
        entry = second_factors.pass_second_factor(
            db, current_user.token, typed, secret_key=secret_key, now=house().clock()
        )
        if entry is None:
            _note(db, SecurityKind.CODE_FAILED, current_user.person_id)
        else:
            kind = SecurityKind.RECOVERY_CODE_USED if entry.by_recovery_code else SecurityKind.LOGGED_IN
            _note(db, kind, current_user.person_id)
    if entry is None:
        log.warning("second factor refused for person %s from %s", current_user.person_id, request.remote_addr)
        problems = {"code": "wrong_second_factor"}
        return render_template("account/code.html", problems=problems, next=wanted), 401
    _carry(entry)
    return _inside(wanted)


def _note(db: Session, kind: SecurityKind, person_id: int | None) -> None:
    """A line of the security log, with where it came from."""
    log_event(db, kind, now=house().clock(), person_id=person_id, address=request.remote_addr or "")


def _awaits_code() -> bool:
    return isinstance(current_user._get_current_object(), LoggedIn) and current_user.awaits_code


def _carry(entry: accounts.Entry) -> None:
    """Put the new session into the cookie; whatever the browser carried before has ended."""
    before = current_user._get_current_object()
    if isinstance(before, LoggedIn) and before.token != entry.token:
        with house().writers.begin() as db:
            accounts.log_out(db, before.token, now=house().clock())
    session.clear()
    session.permanent = True
    login_user(LoggedIn(entry.token, awaits_code=entry.awaits_code), force=True)


def _inside(wanted: str) -> Page:
    return redirect(own_address(wanted) or url_for("officer.desk"), 303)


def own_address(wanted: str) -> str | None:
    """Where to go after the log-in, if it lies on this site however it is spelt."""
    try:
        parts = urlsplit(wanted.replace("\\", "/"))
    except ValueError:
        return None
    is_own = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc
    return wanted if is_own and wanted.isprintable() else None


@blueprint.post("/logout")
@logged_in
def leave() -> Page:
    """End the session: a copied cookie is dead from now on."""
    with house().writers.begin() as db:
        accounts.log_out(db, me().token, now=house().clock())
        _note(db, SecurityKind.LOGGED_OUT, me().person_id)
    logout_user()
    session.clear()
    return redirect(url_for("account.login"), 303)


# -- links by e-mail ----------------------------------------------------------------------------------


@blueprint.get("/login/forgot")
@anyone
def forgot() -> Page:
    """Ask for a link to set a new password."""
    return render_template("account/forgot.html", sent=False)


@blueprint.post("/login/forgot")
@limits.limiter.limit(limits.LINKS)
@anyone
def send_link() -> Page:
    """Send it; the answer is the same whether or not there is such an account."""
    with house().writers.begin() as db:
        account_links.ask_for_reset(db, request.form.get("email", ""), now=house().clock())
        asked = accounts.person_by_email(db, request.form.get("email", ""))
        if asked is not None:
            _note(db, SecurityKind.RESET_ASKED, asked.id)
    return render_template("account/forgot.html", sent=True)


@blueprint.get("/account/links/<token>")
@anyone
def link(token: str) -> Page:
    """The page behind an invitation or reset link; opening it uses nothing up."""
    return _link_page(token, {})


@blueprint.post("/account/links/<token>")
@limits.limiter.limit(limits.CHANGES)
@anyone
def use_link(token: str) -> Page:
    """Set the password; the link is used up, the second factor stays."""
    password, again = request.form.get("password", ""), request.form.get("again", "")
    try:
        _check_again(password, again)
        with house().writers.begin() as db:
            person_id = account_links.set_password(
                db, token, password, secret_key=house().settings.checked_secret, now=house().clock()
            )
            _note(db, SecurityKind.PASSWORD_SET, person_id)
    except InvalidInput as error:
        return _link_page(token, error.problems), 422
    except NotFound:
        return _link_page(token, {})
    log.info("password set by link from %s", request.remote_addr)
    return redirect(url_for("account.login", done="password"), 303)


def _link_page(token: str, problems: dict[str, str]) -> str:
    try:
        with house().readers() as db:
            email = account_links.open_link(
                db, token, secret_key=house().settings.checked_secret, now=house().clock()
            ).person.email
    except NotFound:
        return render_template("account/link_over.html")
    return render_template("account/link.html", token=token, email=email, problems=problems)


def _check_again(password: str, again: str) -> None:
    if password != again:
        raise InvalidInput({"again": "not_the_same"})


# -- the account --------------------------------------------------------------------------------------


@blueprint.get("/account")
@logged_in
def account() -> Page:
    """Sessions, password, second factor."""
    return _account_page({})


@blueprint.post("/account/password")
@limits.limiter.limit(limits.LOG_IN, key_func=limits.by_person, deduct_when=limits.was_wrong)
@logged_in
def change_password() -> Page:
    """Set a new password; the old one is asked for, every other session ends."""
    typed = request.form
    try:
        _check_again(typed.get("password", ""), typed.get("again", ""))
        with house().writers.begin() as db:
            accounts.change_password(
                db,
                me().person_id,
                old=typed.get("old", ""),
                new=typed.get("password", ""),
                token=me().token,
                now=house().clock(),
            )
            _note(db, SecurityKind.PASSWORD_SET, me().person_id)
    except InvalidInput as error:
        return _account_page(error.problems), 422
    log.info("password changed by person %s", me().person_id)
    return redirect(url_for("account.account", done="password"), 303)


@blueprint.post("/account/sessions/<hashed>/end")
@logged_in
def end_session(hashed: str) -> Page:
    """End one of one's own sessions."""
    with house().writers.begin() as db:
        accounts.end_session(db, me().person_id, hashed, now=house().clock())
    return redirect(url_for("account.account"), 303)


@blueprint.post("/account/sessions/end")
@logged_in
def end_others() -> Page:
    """End every other session."""
    with house().writers.begin() as db:
        accounts.end_sessions(db, me().person_id, now=house().clock(), but=me().token)
        _note(db, SecurityKind.SESSIONS_ENDED, me().person_id)
    return redirect(url_for("account.account", done="sessions"), 303)


@blueprint.get("/account/second-factor")
@logged_in
def second_factor() -> Page:
    """The secret for an authenticator, as a picture and as text."""
    if me().has_second_factor:
        return redirect(url_for("account.account"))
    return _second_factor_page({})


@blueprint.post("/account/second-factor")
@limits.limiter.limit(limits.SECOND_FACTOR, key_func=limits.by_person, deduct_when=limits.was_wrong)
@logged_in
def keep_second_factor() -> Page:
    """The first code is right: from now on it is asked for. Shows the recovery codes, this once."""
    try:
        with house().writers.begin() as db:
            if not me().must_enrol:  # there the password was asked for at this very log-in
                accounts.confirmed_person(db, me().person_id, request.form.get("confirm", ""), field="confirm")
            codes = second_factors.confirm_second_factor(
                db,
                me().person_id,
                request.form.get("code", ""),
                secret_key=house().settings.checked_secret,
                token=me().token,
                now=house().clock(),
            )
            _note(db, SecurityKind.SECOND_FACTOR_SET, me().person_id)
    except InvalidInput as error:
        return _second_factor_page(error.problems), 422
    log.info("second factor begun by person %s", me().person_id)
    return render_template("account/recovery_codes.html", codes=codes)


@blueprint.post("/account/second-factor/renew")
@limits.limiter.limit(limits.LOG_IN, key_func=limits.by_person, deduct_when=limits.was_wrong)
@logged_in
def renew_second_factor() -> Page:
    """With the password again: end the second factor to begin a new one, or make new recovery codes."""
    wants_codes = request.form.get("what") == "codes"
    try:
        with house().writers.begin() as db:
            accounts.confirmed_person(db, me().person_id, request.form.get("confirm", ""), field="confirm")
            if wants_codes:
                codes = second_factors.new_recovery_codes(db, me().person_id)
                _note(db, SecurityKind.RECOVERY_CODES_MADE, me().person_id)
            else:
                second_factors.end_second_factor(db, me().person_id)
                _note(db, SecurityKind.SECOND_FACTOR_REMOVED, me().person_id)
    except InvalidInput as error:
        return _account_page(error.problems), 422
    log.info("second factor changed by person %s", me().person_id)
    if wants_codes:
        return render_template("account/recovery_codes.html", codes=codes)
    return redirect(url_for("account.second_factor"), 303)


def _account_page(problems: dict[str, str]) -> str:
    idle = timedelta(minutes=house().settings.session_idle_minutes)
    with house().readers() as db:
        sessions = accounts.sessions_of(db, me().person_id, now=house().clock(), idle=idle)
        codes_left = second_factors.recovery_codes_left(db, me().person_id)
    return render_template(
        "account/account.html",
        sessions=sessions,
        this_one=token_hash(me().token),
        codes_left=codes_left,
        problems=problems,
        done=request.args.get("done", ""),
        person=me(),
        is_required=house().settings.second_factor == "required",
        may_have_tokens=any(scopes_of(post.role) for post in me().own_posts),
    )


def _second_factor_page(problems: dict[str, str]) -> str:
    with house().readers() as db:
        secret = second_factors.proposed_second_factor(db, me().person_id, secret_key=house().settings.checked_secret)
    address = pyotp.TOTP(secret).provisioning_uri(name=me().email, issuer_name="GRS")
    picture = segno.make(address, error="m", micro=False).svg_inline(scale=4, border=2, omitsize=False)
    spaced = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    return render_template(
        "account/second_factor.html",
        picture=Markup(picture),  # noqa: S704 - made by segno, holds no text
        secret=spaced,
        problems=problems,
        is_required=me().must_enrol,
    )
