"""No text at all stays that."""

import pytest

from guardian import i18n


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_empty_text_is_not_the_catalogue_s_header(language: str) -> None:
    i18n.use(language)
    assert i18n._("") == ""
