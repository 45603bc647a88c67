"""Whatever ends badly and can be mended says what to try, once."""

from guardian.cli.advice import ADVICE, advice
from guardian.cli.sentences import SENTENCES
from guardian.cli.verdict import reason_lines, reasons_document
from guardian.errors import StorageUnreachable
from guardian.model.reason import reason


def test_every_hint_is_for_a_reason_that_there_is_and_is_a_sentence() -> None:
    assert set(ADVICE) <= set(SENTENCES)
    for hint in ADVICE.values():
        assert hint[0].isupper()
        assert hint.endswith(".")


def test_a_hint_stands_once_below_the_last_reason_that_it_is_for() -> None:
    unreadable = [reason("file-unreadable-at-source", path=f"/srv/{n}") for n in range(3)]
    lines = reason_lines([*unreadable, reason("retries", "warning", count=1)])
    assert [line.strip().partition(" ")[0] for line in lines] == ["!", "!", "!", "hint:", "*"]
    assert "Run Guardian as a user who may read it" in lines[3]


def test_an_error_brings_its_own() -> None:
    error = StorageUnreachable("nothing answers", "Check the network.")
    lines = reason_lines([reason("clock-jumped", "warning", seconds=5), reason(error.code)], error)
    assert [line.strip().partition(" ")[0] for line in lines] == ["*", "hint:", "!", "hint:"]


def test_documents_have_it_too_and_good_news_need_none() -> None:
    missing, fine = reasons_document([reason("source-missing", path="/srv"), reason("retries", "info", count=1)])
    assert missing["hint"] == advice(reason("source-missing", path="/srv")) != ""
    assert "hint" not in fine
    assert advice(reason("snapshot-foreign", "info", snapshot="x")) == ""
