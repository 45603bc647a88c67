"""Rules in words: every form of check, both languages, and the pages made of them."""

import re

from guardian.baseline.policy import Library, library
from guardian.baseline.reference import pages
from guardian.baseline.wording import asked, bound, examples, value
from guardian.i18n import speaking


def test_every_form_of_check_has_words(rules: Library) -> None:
    said = {name: list(asked(rule.check)) for name, (rule, _family) in rules.rules.items() if rule.check}
    assert said["GD-EX-001"] == [
        "all of:",
        "  sshd/effective/permitrootlogin in $roots",
        "  sshd/effective/maxauthtries <= $max_tries",
    ]
    assert said["GD-EX-002"][0] == "any of:"
    assert said["GD-EX-002"][1].startswith("  CEL: hba.all(")
    assert said["GD-EX-002"][2] == "    hba = pg/hba"
    assert said["GD-EX-003"] == [
        "every item of users:", "  only those where:", "    uid >= 1000", "  max_days <= $days",
    ]  # fmt: skip
    assert "    sysctl/boot/net.ipv4.ip_forward == 1 (absent counts as 0)" in said["GD-EX-004"]
    assert "  some item of sysctl/run:" in said["GD-EX-004"]
    with speaking("zh"):
        rule = rules.rules["GD-EX-003"][0]
        assert next(asked(rule.check)) == "users 中的每一项：" if rule.check else False
        assert (value(rule.params["days"]), bound(rule.params["days"])) == ("90 days", "只可调低，不可调高")
        assert {verdict for verdict, _facts in examples(rule)} == {"通过", "不通过", "未知"}


def test_the_pages_name_every_rule_and_every_clause_in_both_languages() -> None:
    made = pages()
    assert sorted(made) == ["clauses.md", "clauses.zh-CN.md", "rules.md", "rules.zh-CN.md"]
    for rule, _family in library().rules.values():
        for lang, name in (("en", "rules.md"), ("zh", "rules.zh-CN.md")):
            with speaking(lang):
                assert f"### {rule.id} " in made[name]
        assert rule.id in made["clauses.md"]
    assert (
        made["clauses.zh-CN.md"].count("\n| 7.1") + made["clauses.zh-CN.md"].count("\n|  | 8.1") == 214
    )  # 211 of level 3, 3 of level 2 alone
    assert not re.search(r"[\u4e00-\u9fff]", made["rules.md"].replace("中文", ""))
