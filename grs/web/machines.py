"""The tokens of one's own programs: made with the password, shown once, ended at any time."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue as Page

from grs.domain.errors import InvalidInput
from grs.domain.machines import scopes_of
from grs.domain.typed import read_number
from grs.notify.render import number_text
from grs.usecases import accounts, machines
from grs.usecases.security_log import ADDRESS
from grs.web import limits
from grs.web.doors import house
from grs.web.people import me
from grs.web.protection import logged_in

blueprint = Blueprint("machines", __name__, url_prefix="/account/machines")
PROPOSED_DAYS = 90


@blueprint.get("")
@logged_in
def tokens() -> Page:
    """Which programs work for this person, and the form for another."""
    return _page({}, {})


@blueprint.post("")
@limits.limiter.limit(limits.LOG_IN, key_func=limits.by_person, deduct_when=limits.was_wrong)
@logged_in
def make() -> Page:
    """A new token; the password is asked for, and the token shown this once."""
    typed = request.form
    try:
        with house().writers.begin() as db:
            db.info[ADDRESS] = request.remote_addr or ""
            accounts.confirmed_person(db, me().person_id, typed.get("confirm", ""), field="confirm")
            token = machines.make_token(
                db,
                me().person_id,
                post_id=read_number(typed.get("post")),
                name=typed.get("name", ""),
                scopes=typed.getlist("scopes"),
                days=read_number(typed.get("days")),
                now=house().clock(),
            )
    except InvalidInput as error:
        return _page(typed, error.problems), 422
    return render_template("account/machine_token.html", token=token, name=typed.get("name", ""))


@blueprint.post("/<int(max=2147483647):token_id>/end")
@logged_in
def end(token_id: int) -> Page:
    """End one of one's own tokens: the program is out at once."""
    with house().writers.begin() as db:
        db.info[ADDRESS] = request.remote_addr or ""
        machines.end_token(db, token_id, by=me().person_id, now=house().clock())
    return redirect(url_for("machines.tokens", done="ended"), 303)


def _page(typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    with house().readers() as db:
        found = machines.living_tokens(db, me().person_id, now=house().clock())
    return render_template(
        "account/machines.html",
        tokens=found,
        posts=[(post, list(scopes_of(post.role))) for post in me().own_posts if scopes_of(post.role)],
        scopes=list(dict.fromkeys(scope for post in me().own_posts for scope in scopes_of(post.role))),
        chosen=request.form.getlist("scopes"),
        typed={"days": number_text(PROPOSED_DAYS, g.language)} | dict(typed),
        problems=problems,
        done=request.args.get("done", ""),
    )
