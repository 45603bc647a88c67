"""Two languages in one process: bound for a block, and never further."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from guardian import i18n
from guardian.i18n import _

MESSAGE = "interrupted"
WORDS = {"zh": "已中断", "en": "interrupted"}


@pytest.fixture(autouse=True)
def english() -> None:
    i18n.use("en")


def test_a_block_speaks_its_language_and_leaves_nothing_behind() -> None:
    with i18n.speaking("zh"):
        assert (i18n.language(), _(MESSAGE)) == ("zh", WORDS["zh"])
        with i18n.speaking("en"):
            assert (i18n.language(), _(MESSAGE)) == ("en", WORDS["en"])
        assert _(MESSAGE) == WORDS["zh"]
    assert (i18n.language(), _(MESSAGE)) == ("en", WORDS["en"])


def test_an_error_in_the_block_leaves_nothing_behind() -> None:
    with pytest.raises(ValueError, match="broken"), i18n.speaking("zh"):
        raise ValueError("broken")
    assert _(MESSAGE) == WORDS["en"]


def test_threads_speak_side_by_side() -> None:
    together = Barrier(2, timeout=10)

    def say(language: str) -> str:
        with i18n.speaking(language):
            together.wait()
            return _(MESSAGE)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(say, ["zh", "en"])) == [WORDS["zh"], WORDS["en"]]


def test_an_unknown_language_is_english() -> None:
    with i18n.speaking("kl"):
        assert (i18n.language(), _(MESSAGE)) == ("en", WORDS["en"])
