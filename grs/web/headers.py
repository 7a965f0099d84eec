"""Security headers of every answer: a strict policy of our own."""

from __future__ import annotations

from flask import Response
from secure import (
    ContentSecurityPolicy,
    CustomHeader,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)


def _policy(*, scripts: bool) -> ContentSecurityPolicy:
    """Styles, fonts and pictures are our own. Citizens' pages have no script at all, officers' one of ours."""
    policy = (
        ContentSecurityPolicy()
        .default_src("'none'")
        .style_src("'self'")
        .img_src("'self'", "data:")
        .font_src("'self'")
        .form_action("'self'")
        .base_uri("'none'")
        .frame_ancestors("'none'")
        .object_src("'none'")
    )
    return policy.script_src("'self'") if scripts else policy


_HEADERS = {
    (is_secure, scripts): Secure(
        csp=_policy(scripts=scripts),
        referrer=ReferrerPolicy().same_origin(),
        permissions=PermissionsPolicy().geolocation().microphone().camera(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
        hsts=StrictTransportSecurity().max_age(31_536_000).include_subdomains() if is_secure else None,
        custom=[CustomHeader("Cross-Origin-Opener-Policy", "same-origin")],
    )
    for is_secure in (False, True)
    for scripts in (False, True)
}


def security_headers(response: Response, *, is_secure: bool, scripts: bool = False) -> None:
    """Put the headers on an answer; HTTPS answers ask browsers to stay with HTTPS.

    A stricter policy that a view has set stays.
    """
    for name, value in _HEADERS[is_secure, scripts].headers.items():
        response.headers.setdefault(name, value)
