"""Which version of the product this is."""

from importlib.metadata import PackageNotFoundError, version


def app_version() -> str:
    """The version of the installed product."""
    try:
        return version("ask-the-articles")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"
