"""Through what is the team told? The settings choose among their own URLs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app import clock
from app.settings import Settings, SettingsError
from dunning.alert import NotificationChannel
from webhook.alerting import Alerting

if TYPE_CHECKING:
    from app.wiring import Stores
    from providers.apprise_alerts.target import AppriseTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """The targets in use, those left out by the chosen channels, and channels without any."""

    used: tuple[AppriseTarget, ...] = ()
    left_out: tuple[AppriseTarget, ...] = ()
    empty: tuple[NotificationChannel, ...] = ()


def targets(settings: Settings) -> Targets:
    """All configured targets; SettingsError names the place of a URL that cannot be read."""
    if settings.alert_urls is None:
        return Targets()
    found = _read(settings.alert_urls.get_secret_value())
    wanted = settings.notification_channels or tuple(NotificationChannel)
    served = {target.channel for target in found}
    return Targets(
        used=tuple(target for target in found if target.channel in wanted),
        left_out=tuple(target for target in found if target.channel not in wanted),
        empty=tuple(c for c in settings.notification_channels if c not in served),
    )


def alerting(
    settings: Settings, stores: Stores, *, now: Callable[[], datetime] = clock.now
) -> Alerting:
    """The task that tells the team."""
    used = targets(settings).used
    return Alerting(alerts=stores.alerts, pauses=stores.pauses, targets=used, now=now)


def _read(value: str) -> tuple[AppriseTarget, ...]:
    # The library takes half a second to load, which whoever has no targets need not spend.
    from providers.apprise_alerts import schemes
    from providers.apprise_alerts.target import AppriseTarget, UnreadableUrlError

    urls = schemes.split(value)
    made: list[AppriseTarget] = []
    for place, url in enumerate(urls, start=1):
        try:
            made.append(AppriseTarget(url, place=place))
        except UnreadableUrlError as fault:
            raise SettingsError(
                f"DUNNING_ALERT_URLS: URL {place} of {len(urls)} cannot be read: {fault}. Correct"
                " it; each is an Apprise URL, such as json://host/path or mailto://user:key@host."
            ) from None
    return tuple(made)
