"""What in the templates would fail, mislead or cost more than it should?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunning.channel import Channel
from dunning.finding import Code, Finding
from dunning.lint_words import wanted
from messages.folders import SUFFIXES, TemplateFolders
from messages.lint_forms import Form, forms
from messages.lint_sources import SHARED, sources
from messages.render import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dunning.policy import Policy

_PUBLIC_URL = "https://billing.example.com"
# What a link id, a dot and a signature come to.
_TOKEN = "x" * 35
_SPOILING = (Code.TEMPLATE_SYNTAX, Code.UNKNOWN_VARIABLE, Code.TEMPLATE_FAILS)


def lint(
    policy: Policy, directory: Path | None, *, public_url: str = _PUBLIC_URL
) -> tuple[Finding, ...]:
    """Everything found in the merchant's own templates, and in those that the policy names.

    A text is measured with a link below `public_url`.
    """
    own = tuple(sources(directory)) if directory is not None else ()
    folders = TemplateFolders(directory)
    spoilt = {finding.path.rpartition(":")[0] for finding in own if finding.code in _SPOILING}
    found = [
        *own,
        *_missing_languages(policy, folders, directory),
        *_forms(policy, folders, directory, f"{public_url}/p/{_TOKEN}", spoilt),
    ]
    # What all templates share, such as the frame, would be told once for each of them.
    return tuple({(finding.code, finding.path): finding for finding in found}.values())


def _forms(
    policy: Policy, folders: TemplateFolders, directory: Path | None, link: str, spoilt: set[str]
) -> Iterator[Finding]:
    """What is found by rendering; not those of which it is known that they cannot be."""
    if any(path.endswith(SHARED) for path in spoilt):
        return
    renderer = Renderer(directory, default_locale=policy.account.locale)
    for form in _chosen(policy, folders, directory):
        file = _file(folders, form)
        if file not in spoilt:
            yield from forms(form, renderer, policy.brand, link=link, file=file)


def _chosen(policy: Policy, folders: TemplateFolders, directory: Path | None) -> Iterator[Form]:
    """Whatever the merchant wrote, and what the policy asks for in every language.

    An email that ships is as its tests leave it, unless a part of the merchant's goes into it.
    """
    asked = {(one.channel, one.name) for one in wanted(policy)}
    shared = directory is not None and any(
        path.name in SHARED for path in directory.rglob("*") if path.is_file()
    )
    for channel, homes in folders.templates().items():
        sound = channel is not Channel.SMS and not shared
        for locale, names in homes.items():
            for name in sorted(names):
                filename = f"{name}{SUFFIXES[channel]}"
                own = directory is not None and (directory / locale / filename).is_file()
                if own or ((channel, name) in asked and not sound):
                    yield Form(channel=channel, template=name, locale=locale)


def _file(folders: TemplateFolders, form: Form) -> str:
    """The file as the merchant knows it."""
    filename = f"{form.template}{SUFFIXES[form.channel]}"
    chain = (form.locale.replace("_", "-").lower(),)
    places = (folder / filename for folder in folders.search_path(chain))
    found = next((path for path in places if path.is_file()), None)
    return folders.display(found) if found else f"{form.locale}/{filename}"


def _missing_languages(
    policy: Policy, folders: TemplateFolders, directory: Path | None
) -> Iterator[Finding]:
    """Templates that some languages lack: those of the policy, and of the merchant's folder."""
    there = folders.templates()
    for channel, name in dict.fromkeys((one.channel, one.name) for one in wanted(policy)):
        homes = {home for home, names in there[channel].items() if name in names}
        lacking = [tag for tag in _spoken(policy, directory) if not _speaks(homes, tag)]
        if homes and lacking:
            yield Finding(
                code=Code.MISSING_LANGUAGE,
                path=f"{lacking[0]}/{name}{SUFFIXES[channel]}",
                problem=f"the template {name} for {channel} is missing in {', '.join(lacking)}, "
                f"so these customers get it in {policy.account.locale}",
                fix=f"Write it, as {name}{SUFFIXES[channel]} in the folder of each language.",
                note=True,
            )


def _spoken(policy: Policy, directory: Path | None) -> list[str]:
    tags = [tag for campaign in policy.campaigns for tag in campaign.when.locale or ()]
    folders = directory.iterdir() if directory is not None else ()
    tags += sorted(folder.name for folder in folders if _has_templates(folder))
    return list(dict.fromkeys(tag for tag in tags if not _same(tag, policy.account.locale)))


def _has_templates(folder: Path) -> bool:
    return any(next(folder.glob(f"*{suffix}"), None) for suffix in SUFFIXES.values())


def _speaks(homes: Iterable[str], tag: str) -> bool:
    return any(_same(home, tag) for home in homes)


def _same(one: str, other: str) -> bool:
    """Whether they are of one language: who reads pt-BR can read pt."""
    short, long = (tag.replace("_", "-").lower().partition("-")[0] for tag in (one, other))
    return short == long
