"""How does each part of the customers' page look in HTML?"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape

from sandbox import page_reports as reports
from sandbox.inbox import Channel, Message, Reply

_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s<>\"']+")
_OUTSIDE = '<base target="_blank">'
_NOTABLE_GAP = timedelta(minutes=30)
_UNITS = (
    ("day", timedelta(hours=23, minutes=30)),
    ("hour", timedelta(minutes=59, seconds=30)),
    ("minute", timedelta(minutes=1)),
)
_MAIL_ICON = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><rect x="3" y="5.5" width="18" height="13" '
    'rx="2.5"/><path d="m4 7.5 8 6 8-6"/></svg>'
)
_KINDS = {Channel.EMAIL: "Inbox", Channel.SMS: "Phone", Channel.PUSH: "Device"}
_PHONE_ICON = (
    '<svg viewBox="0 0 24 24" aria-hidden="true"><rect x="7" y="2.5" width="10" height="19" '
    'rx="2.5"/><path d="M11 18.5h2"/></svg>'
)


def document(title: str, body: str, *, refresh: bool = False) -> str:
    reload = '<meta http-equiv="refresh" content="5">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'{reload}<title>{escape(title)}</title><link rel="stylesheet" href="/page.css"></head>'
        f"<body><main>{body}</main></body></html>"
    )


def overview(rows: str, now: datetime) -> str:
    empty = '<p class="empty">No message has arrived yet. This page looks again by itself.</p>'
    body = (
        "<header><h1>Phones and inboxes</h1>"
        "<p>What the customers received. Nothing here left this machine.</p>"
        f'<p class="clock">It is {moment(now)}</p></header>'
        + (f'<ul class="people">{rows}</ul>' if rows else empty)
    )
    return document("Phones and inboxes", body, refresh=True)


def recipient_row(
    *, link: str, who: tuple[str, str], channel: Channel, count: int, latest: Message | Reply
) -> str:
    """`who` is a name, if there is one, and an address."""
    name, address = who
    below = f'<span class="address">{escape(address)}</span>' if name else ""
    return (
        f'<li><a href="{link}"><span class="icon {channel}">'
        f"{_MAIL_ICON if channel is Channel.EMAIL else _PHONE_ICON}</span>"
        f'<span class="who"><strong>{escape(name or address)}</strong>{below}</span>'
        f'<span class="preview">{_preview(latest)}</span>'
        f'<span class="when">{moment(latest.arrived_at)}</span>'
        f'<span class="count" title="{_counted(count)}">{count}</span></a></li>'
    )


def _preview(latest: Message | Reply) -> str:
    """The last words; what went wrong comes before them."""
    if isinstance(latest, Reply):
        return f"Answered: {escape(latest.text)}"
    words = latest.text if latest.channel is Channel.SMS else latest.subject
    return reports.trouble(latest.reports) + escape(words)


def timeline(
    channel: Channel, who: tuple[str, str], messages: Sequence[Message], parts: str
) -> str:
    """`who` is a name, if there is one, and an address."""
    kind, (name, address) = _KINDS[channel], who
    source = f"from {messages[-1].sender}" if channel is Channel.SMS and messages else ""
    told = (address if name else "", _counted(len(messages)), source)
    facts = escape(" · ".join(fact for fact in told if fact))
    body = (
        '<nav><a href="/">All customers</a></nav>'
        f'<header class="person"><p class="kind">{kind}</p><h1>{escape(name or address)}</h1>'
        f"<p>{facts}</p></header>"
        f'<div class="timeline {channel}">{parts}</div>'
    )
    return document(f"{kind} of {name or address}", body)


def answer(reply: Reply) -> str:
    """What the customer wrote, on their own side."""
    came = f" · {escape(reply.answer)}" if reply.answer else ""
    return (
        f'<article class="text own"><p class="bubble">{escape(reply.text)}</p>'
        f'<p class="meta">{moment(reply.arrived_at)}{came}</p></article>'
    )


def reply_form(address: str) -> str:
    """Where a person can answer as the customer; `address` is fit for a path."""
    return (
        f'<form id="end" method="post" action="/to/{address}/reply">'
        '<input name="body" aria-label="Answer" placeholder="Answer as this customer" required '
        'maxlength="1600" autocomplete="off"><button>Send</button></form>'
    )


def _counted(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def email(message: Message) -> str:
    sender = (
        f"{escape(message.sender_name)} <span>&lt;{escape(message.sender)}&gt;</span>"
        if message.sender_name
        else escape(message.sender)
    )
    links = f'<a href="/messages/{message.number}/text">Plain text</a>' if message.text else ""
    if message.html:
        links = f'<a href="/messages/{message.number}/html">Open alone</a>{links}'
    return (
        f'<article class="mail"><header><h2>{escape(message.subject)}</h2>'
        f'<p class="from">{sender}</p><p class="when">{moment(message.arrived_at)}'
        f"{reports.shown(message.reports)}</p></header>"
        f"{_mail_content(message)}<footer>{links}</footer></article>"
    )


def bubble(message: Message) -> str:
    segments = "1 segment" if message.segments == 1 else f"{message.segments} segments"
    return (
        f'<article class="text"><p class="bubble">{_with_links(message.text)}</p>'
        f'<p class="meta">{moment(message.arrived_at)} · {segments}'
        f"{reports.shown(message.reports)}</p></article>"
    )


def banner(message: Message) -> str:
    """A notification, with where a tap on it leads."""
    link = escape(message.custom_args.get("link", ""))
    tap = f' · <a href="{link}" target="_blank" rel="noopener">tap</a>' if link else ""
    return (
        f'<article class="push"><div class="banner"><strong>{escape(message.subject)}</strong>'
        f"<p>{escape(message.text)}</p></div>"
        f'<p class="meta">{moment(message.arrived_at)}{tap}</p></article>'
    )


def gap(passed: timedelta) -> str:
    """A line between two messages that lie notably apart."""
    if passed < _NOTABLE_GAP:
        return ""
    return f'<p class="gap"><span>{_duration(passed)} later</span></p>'


def moment(at: datetime) -> str:
    utc = at.astimezone(UTC)
    words = f"{utc:%a} {utc.day} {utc:%b %Y, %H:%M} UTC"
    return f'<time datetime="{utc.isoformat(timespec="seconds")}">{words}</time>'


def opening_links_outside(page: str) -> str:
    """Let the links of a mail open beside the page and not within its frame."""
    if found := _HEAD.search(page):
        return page[: found.end()] + _OUTSIDE + page[found.end() :]
    return _OUTSIDE + page


def _mail_content(message: Message) -> str:
    if not message.html:
        return f'<pre class="plain">{_with_links(message.text)}</pre>'
    return (
        f'<iframe title="{escape(message.subject)}" loading="lazy" '
        'sandbox="allow-popups allow-popups-to-escape-sandbox" '
        f'srcdoc="{escape(opening_links_outside(message.html))}"></iframe>'
    )


def _with_links(text: str) -> str:
    pieces: list[str] = []
    end = 0
    for found in _LINK.finditer(text):
        target = escape(found.group())
        pieces.append(escape(text[end : found.start()]))
        pieces.append(f'<a href="{target}" target="_blank" rel="noopener">{target}</a>')
        end = found.end()
    return "".join(pieces) + escape(text[end:])


def _duration(passed: timedelta) -> str:
    for unit, size in _UNITS:
        if passed >= size:
            count = round(passed / size)
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "moments"
