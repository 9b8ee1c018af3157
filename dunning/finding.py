"""What is there to mend in a policy or a template, and under which name is it known?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Kinds of findings. Values never change: scripts go by them. docs/policy.md explains each."""

    INVALID = "invalid"
    BRAND_NAME = "brand_name"
    LOGO_NOT_HTTPS = "logo_not_https"
    PALE_COLOR = "pale_color"
    EXAMPLE_ADDRESS = "example_address"
    MISSING_PRICE = "missing_price"
    DUPLICATE_CAMPAIGN = "duplicate_campaign"
    NO_CAMPAIGN = "no_campaign"
    WATCH_WITHOUT_CAMPAIGN = "watch_without_campaign"
    UNREACHABLE = "unreachable"
    LONGER_THAN_PERIOD = "longer_than_period"
    ONLY_IF_NEVER = "only_if_never"
    NO_WINDOW = "no_window"
    NEVER_SENT = "never_sent"
    TOO_CLOSE = "too_close"
    LATE_ALERT = "late_alert"
    OVER_BUDGET = "over_budget"
    MERGE_BEYOND_SPACING = "merge_beyond_spacing"
    JITTER_BEYOND_WINDOW = "jitter_beyond_window"
    IDLE_PAYDAY = "idle_payday"
    LINK_SHORTER_THAN_CASE = "link_shorter_than_case"
    PUSH_ALONE = "push_alone"
    FALLBACK_WITHOUT_VENDOR = "fallback_without_vendor"
    DECLINE_REASON_TOLD = "decline_reason_told"
    MISSING_TEMPLATE = "missing_template"
    MISSING_LANGUAGE = "missing_language"
    TEMPLATE_SYNTAX = "template_syntax"
    UNKNOWN_VARIABLE = "unknown_variable"
    TEMPLATE_FAILS = "template_fails"
    BROKEN_LINK = "broken_link"
    SUBJECT_TOO_LONG = "subject_too_long"
    TEXT_NOT_GSM7 = "text_not_gsm7"
    TEXT_TOO_LONG = "text_too_long"
    TEXT_WITHOUT_BRAND = "text_without_brand"
    TEXT_WITHOUT_OPT_OUT = "text_without_opt_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend: a code that never changes, where it is, what is wrong, what to do.

    A `note` is worth knowing before real customers are written to, and nothing more.
    """

    code: Code
    path: str
    problem: str
    fix: str
    note: bool = False
