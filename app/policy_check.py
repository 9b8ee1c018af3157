"""Would a policy do what its author meant, with the templates that there are?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from babel.core import get_global

from app.policy_file import read_policy
from app.template_names import template_names
from dunning.channel import Channel
from dunning.errors import DunningError, PolicyError
from dunning.finding import Code, Finding
from dunning.lint import lint
from dunning.surroundings import Surroundings
from messages.lint import lint as lint_templates

if TYPE_CHECKING:
    from app.settings import Settings
    from dunning.policy import Policy

_log = structlog.get_logger(__name__)


def findings(
    policy: Policy, templates: Path | None, settings: Settings | None = None
) -> tuple[Finding, ...]:
    """Everything to mend in a policy that can be read; `templates` is the merchant's own folder.

    With settings, also what this installation cannot do.
    """
    around = _surroundings(policy, settings)
    public_url = {"public_url": settings.public_url} if settings and around.live else {}
    return (
        *lint(policy, template_names(templates, policy), around),
        *lint_templates(policy, templates, **public_url),
    )


def check(text: str, templates: Path | None) -> tuple[Finding, ...]:
    """Everything to mend in a policy's text; of one that cannot be read, only why."""
    try:
        policy, _ = read_policy(text)
    except PolicyError as fault:
        return tuple(
            Finding(code=Code.INVALID, path="", problem=problem, fix="")
            for problem in fault.problems
        )
    return findings(policy, templates)


def warn(policy: Policy, settings: Settings) -> None:
    """Say in the log what is to be mended. A policy that worked yesterday stops no start."""
    try:
        found = findings(policy, settings.templates, settings)
    except (DunningError, OSError) as fault:
        _log.warning("policy_not_checked", reason=str(fault))
        return
    for finding in found:
        _log.warning(
            "policy_finding",
            code=finding.code.value,
            path=finding.path,
            problem=finding.problem,
            fix=finding.fix,
        )


def templates_beside(file: Path) -> Path | None:
    """The folder `templates` beside a policy file, if there is one."""
    folder = file.parent / "templates"
    return folder if folder.is_dir() else None


def _surroundings(policy: Policy, settings: Settings | None) -> Surroundings:
    regions = _regions(policy)
    if settings is None:
        return Surroundings(regions=regions)
    vendors = {
        Channel.SMS: settings.twilio_account_sid,
        Channel.PUSH: settings.fcm_service_account_file,
    }
    host = urlsplit(settings.public_url).hostname or ""
    return Surroundings(
        channels=frozenset(c for c in Channel if c not in vendors or vendors[c] is not None),
        regions=regions,
        live=host not in ("localhost", "::1") and not host.startswith("127."),
    )


def _regions(policy: Policy) -> tuple[str, ...]:
    """The countries that the account's zone and language speak for."""
    locale = policy.account.locale.replace("-", "_")
    widened = get_global("likely_subtags").get(locale, locale)
    of_locale = next((part for part in widened.split("_")[1:] if len(part) == len("US")), None)
    of_zone = get_global("zone_territories").get(policy.account.timezone)
    found = (place for place in (of_zone, of_locale) if place is not None and place != "ZZ")
    return tuple(dict.fromkeys(place for place in found if place.isalpha()))
