"""Language codes in the names of translation files."""

from __future__ import annotations

import pytest

from provision_py.drupal.languages import language_of, profile_languages


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("translations/drupal-7.0.de.po", "de"),
        ("/p/translations/fr.po", "fr"),
        ("translations/drupal-10.2.0.pt-br.po", "pt-br"),
        ("translations/x.zh-hans.po", "zh-hans"),
        ("translations/x.fil.po", "fil"),
        ("translations/general.po", None),
        ("translations/drupal-7.0.po", None),
        ("translations/de.pot", None),
        ("translations/de.po.txt", None),
        ("translations/x.de-toolongforthecolumn.po", None),
        (".po", None),
        ("", None),
    ],
)
def test_language_of(path: str, code: str | None) -> None:
    assert language_of(path) == code


def test_english_comes_first_and_each_once() -> None:
    assert profile_languages([]) == ("en",)
    assert profile_languages(["a.fr.po", "b/a.de.po", "c.fr.po", "en.po", "x.txt"]) == ("en", "de", "fr")
