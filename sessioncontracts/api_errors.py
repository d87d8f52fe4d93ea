"""What a refusal is in HTTP: the registry code → status, and every error's one shape, RFC 9457 problem+json."""

import logging
import sys
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response

from common.errors import DomainError, Throttled, Unavailable
from ledger.durability import NO_ROOM, room

log = logging.getLogger("api")
CONTENT_TYPE = "application/problem+json"

# Every code that the project raises. A test looks for those that are not here.
STATUS: Mapping[str, int] = {
    # 400: it never became a command
    "invalid_input": 400,
    # 401, 403: who are you, and you may not
    "not_authenticated": 401,
    "invalid_credentials": 401,
    "authentication_failed": 401,
    "permission_denied": 403,
    "csrf_failed": 403,
    "missing_scope": 403,
    "not_organiser": 403,
    "not_superuser": 403,
    "not_feed_writer": 403,
    "not_joined": 403,
    "not_yours": 403,
    "approval_required": 403,
    "conflict_of_interest": 403,
    "not_holder": 403,
    "not_moderator": 403,
    "not_owner": 403,
    "not_trader": 403,
    "scope_not_allowed": 403,
    # 404: there is none, or it is not yours to see
    "not_found": 404,
    "deleted": 404,
    # 409: it contradicts what is
    "already_busted": 409,
    "already_joined": 409,
    "already_registered": 409,
    "book_not_empty": 409,
    "exchange_exists": 409,
    "feed_exists": 409,
    "feed_not_push": 409,
    "feed_running": 409,
    "feed_stopped": 409,
    "fixing_unavailable": 409,
    "handle_taken": 409,
    "house_exists": 409,
    "idempotency_conflict": 409,
    "imported": 409,
    "not_importable": 409,
    "market_challenged": 409,
    "market_closed": 409,
    "market_open": 409,
    "market_proposed": 409,
    "market_resolved": 409,
    "name_taken": 409,
    "not_waiting": 409,
    "nothing_to_correct": 409,
    "order_not_open": 409,
    "order_waits": 409,
    "too_early": 409,
    "participant_removed": 409,
    "quote_not_open": 409,
    "rfq_not_open": 409,
    "session_exists": 409,
    "session_created": 409,
    "session_active": 409,
    "session_halted": 409,
    "session_closed": 409,
    "session_settled": 409,
    "session_cancelled": 409,
    "t2_passed": 409,
    # 422: understood, and refused by the rules
    "already_expired": 422,
    "basket_open": 422,
    "cannot_bust": 422,
    "evidence_required": 422,
    "faucet_empty": 422,
    "code_not_allowed": 422,
    "feed_mismatch": 422,
    "insufficient_cash": 422,
    "insufficient_shares": 422,
    "insufficient_units": 422,
    "insufficient_funds": 422,
    "invalid_allocation": 422,
    "invalid_announcement": 422,
    "invalid_bulk": 422,
    "invalid_export": 422,
    "invalid_handle": 422,
    "invalid_code": 422,
    "invalid_command_id": 422,
    "invalid_key": 422,
    "invalid_user": 422,
    "invalid_comment": 422,
    "invalid_exchange": 422,
    "invalid_house": 422,
    "invalid_market": 422,
    "invalid_mode": 422,
    "invalid_order": 422,
    "invalid_price": 422,
    "invalid_quote": 422,
    "invalid_rfq": 422,
    "invalid_resolution": 422,
    "invalid_role": 422,
    "invalid_session": 422,
    "invalid_transfer": 422,
    "manual_settle_forbidden": 422,
    "no_faucet": 422,
    "no_owner": 422,
    "nobody_to_allocate": 422,
    "off_grid": 422,
    "own_rfq": 422,
    "post_only_would_trade": 422,
    "price_outside_band": 422,
    "quantity_filled": 422,
    "quantity_out_of_bounds": 422,
    "not_confirmed": 422,
    "reason_missing": 422,
    "reason_required": 422,
    "too_large": 422,
    "too_many_keys": 422,
    "too_many_open_orders": 422,
    "treasury_empty": 422,
    "treasury_short": 422,
    "unknown_feed": 422,
    "unknown_leg": 422,
    "unknown_participant": 422,
    "unknown_user": 422,
    # HTTP's own
    "method_not_allowed": 405,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "throttled": 429,
    "internal_error": 500,
    # 503, with Retry-After
    "busy": 503,
    "unavailable": 503,
    "outcome_unknown": 503,
}


def problem(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: whatever was raised → a problem. What nobody foresaw is logged, and a 500."""
    request = context.get("request")
    is_read = request is not None and request.method in SAFE_METHODS
    body, headers = _described(error, is_read=is_read)
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    """Any path under /api that there isn't."""
    body = _body("not_found", "There is nothing at this address.")
    return JsonResponse(body, status=404, content_type=CONTENT_TYPE)


@csrf_exempt
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """What no view was asked about, a wrong Host for one: a problem under /api, a page elsewhere."""
    if not _is_api(request):
        return defaults.bad_request(request, exception or SuspiciousOperation())
    body = _body("invalid_input", "The request cannot be read, or is for another host.")
    return JsonResponse(body, status=400, content_type=CONTENT_TYPE)


_UNSURE = "The database stopped answering. Look whether what you sent was done before you send it again."


@csrf_exempt
def server_error(request: HttpRequest) -> HttpResponse:
    """What failed on a page, or outside of any view. Django calls this while it handles the exception."""
    if _is_api(request):
        body = _body("internal_error", "Something went wrong here. Nothing was changed.")
        return JsonResponse(body, status=500, content_type=CONTENT_TYPE)
    error = sys.exception()
    if isinstance(error, OperationalError | InterfaceError):
        is_read = request.method in SAFE_METHODS
        body, headers = _away(error, is_read=is_read)
        told = _UNSURE if body["code"] == "outcome_unknown" else body["detail"]
        text = loader.render_to_string("503.html", {"told": told, "is_read": is_read})
        return HttpResponse(text, status=503, headers=headers)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def problems_page(request: HttpRequest) -> HttpResponse:
    """What `type` of a problem points to: every code with its status."""
    lines = "".join(f'<li id="{code}"><code>{code}</code> {status}</li>' for code, status in STATUS.items())
    return HttpResponse(
        f'<!doctype html><html lang="en"><title>Problems</title><h1>Problems</h1><ul>{lines}</ul></html>'
    )


def _described(error: Exception, *, is_read: bool) -> tuple[dict[str, Any], dict[str, str]]:
    if isinstance(error, DomainError):
        return _refusal(error), {"Retry-After": str(error.retry_after)} if isinstance(error, Throttled) else {}
    if isinstance(error, Unavailable):
        body = _body(error.code, error.detail)
        if error.command_id:
            body["command_id"] = error.command_id
        return body, {"Retry-After": str(error.retry_after)}
    if isinstance(error, APIException):
        return _by_framework(error)
    if isinstance(error, Http404):
        return _body("not_found", "There is nothing at this address."), {}
    if isinstance(error, PermissionDenied):
        return _body("permission_denied", "You may not do this."), {}
    if isinstance(error, RequestDataTooBig):
        return _body("body_too_large", "The body is too large."), {}
    if isinstance(error, SuspiciousOperation):
        return _body("invalid_input", "The request cannot be read."), {}
    if isinstance(error, OperationalError | InterfaceError):
        log.warning("the database did not answer: %s", error)
        return _away(error, is_read=is_read)
    log.error("unforeseen", exc_info=error)
    return _body("internal_error", "Something went wrong here."), {}


def _away(error: Exception, *, is_read: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The database went away in a view. A command may have been committed just before; the runtime says so itself
    where it knows that nothing was changed."""
    if room.refused(error):
        return _body("unavailable", NO_ROOM), {"Retry-After": "5"}
    if is_read:
        return _body("unavailable", "The database does not answer."), {"Retry-After": "1"}
    detail = "The database stopped answering. Repeat it under the same Idempotency-Key to learn whether it was done."
    return _body("outcome_unknown", detail), {"Retry-After": "1"}


def _refusal(error: DomainError) -> dict[str, Any]:
    """A refusal by the rules; a field's name becomes an entry of errors, a CSV's bad rows one each."""
    body = _body(error.code, error.detail)
    if error.field:
        details = getattr(error, "problems", None) or (error.detail,)
        body["errors"] = [{"field": error.field, "code": error.code, "detail": detail} for detail in details]
    return body


def _by_framework(error: APIException) -> tuple[dict[str, Any], dict[str, str]]:
    """DRF's own errors. `detail` may be a structure; its first code names it."""
    codes = error.get_codes()
    code = codes if isinstance(codes, str) and codes in STATUS else _BY_STATUS.get(error.status_code, "invalid_input")
    headers = {}
    if auth := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(auth)
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait) + 1)
    return _body(code, _SIGN_IN if isinstance(error, NotAuthenticated) else str(error.detail)), headers


_SIGN_IN = "Sign in, or send an API key: `Authorization: Bearer sm_...`."
_BY_STATUS = {401: "not_authenticated", 403: "permission_denied", 404: "not_found"}


def _body(code: str, detail: str) -> dict[str, Any]:
    return {
        "type": f"/docs/problems#{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": STATUS.get(code, 422),
        "detail": detail,
        "code": code,
        "errors": [],
    }
