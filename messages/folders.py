"""Where does a template file come from: the merchant's directory or the package?"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from dunning.channel import Channel
from dunning.errors import PolicyError

SUFFIXES = {
    Channel.EMAIL: ".email.jinja",
    Channel.SMS: ".sms.jinja",
    Channel.PUSH: ".push.jinja",
}
# The frame of HTML emails; a directory may have its own in either form.
FRAMES = ("layout.mjml", "layout.html")


class TemplateFolders:
    """A folder per locale, in the merchant's directory first and in the package after it."""

    def __init__(self, directory: Path | None) -> None:
        if directory is not None and not directory.is_dir():
            raise PolicyError(
                (f"{directory}: no such template directory; create it or unset the setting",)
            )
        package = Path(str(files("campaigns"))) / "templates"
        self._roots = (package,) if directory is None else (directory, package)

    def templates(self) -> dict[Channel, dict[str, frozenset[str]]]:
        """Names of the templates there are, by channel and by folder of a locale."""
        locales = sorted({folder.name for root in self._roots for folder in _subfolders(root)})
        return {
            channel: {locale: self._names(locale, suffix) for locale in locales}
            for channel, suffix in SUFFIXES.items()
        }

    def home(self, filename: str, chain: tuple[str, ...]) -> str | None:
        """The first locale of the chain that has the file."""
        return next(
            (tag for tag in chain if any((f / filename).is_file() for f in self._of(tag))), None
        )

    def search_path(self, chain: tuple[str, ...]) -> tuple[Path, ...]:
        """Every folder to look in, in order; what no locale has is looked for in the roots."""
        return (*(folder for tag in chain for folder in self._of(tag)), *self._roots)

    def frame(self, search_path: tuple[Path, ...]) -> str:
        """The name of the first frame of HTML emails on the way."""
        found = (name for folder in search_path for name in FRAMES if (folder / name).is_file())
        return next(found, FRAMES[0])

    def display(self, path: Path) -> str:
        """The path as its owner knows it: below the package or in the merchant's directory."""
        package = self._roots[-1]
        if path.is_relative_to(package):
            return f"campaigns/templates/{path.relative_to(package).as_posix()}"
        return str(path)

    def owns(self, path: Path) -> bool:
        """Whether the file lies in one of the folders."""
        return any(path.is_relative_to(root) for root in self._roots)

    def _names(self, locale: str, suffix: str) -> frozenset[str]:
        found = (path for root in self._roots for path in (root / locale).glob(f"*{suffix}"))
        return frozenset(path.name.removesuffix(suffix) for path in found)

    def _of(self, tag: str) -> tuple[Path, ...]:
        """The folders of the tag; a language without a folder has that of its only region (pt)."""
        folders = [(_tag(f), f) for root in self._roots for f in _subfolders(root)]
        exact = tuple(folder for name, folder in folders if name == tag)
        regional = {name for name, _ in folders if name.startswith(f"{tag}-")}
        if exact or len(regional) != 1:
            return exact
        return tuple(folder for name, folder in folders if name in regional)


def _subfolders(root: Path) -> tuple[Path, ...]:
    return tuple(sorted(path for path in root.iterdir() if path.is_dir()))


def _tag(folder: Path) -> str:
    return folder.name.replace("_", "-").lower()
