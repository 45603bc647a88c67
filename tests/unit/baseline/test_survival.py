"""The survival query: small worlds against brute force, and hosts whose backups somebody could or could not destroy."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.baseline.fact import hidden
from guardian.baseline.facts.access_policy import parse
from guardian.baseline.survival.query import answer
from guardian.baseline.survival.rights import Identity, may
from guardian.baseline.survival.stated import Account, Bucket, Custody, Place, Stated
from guardian.baseline.survival.steps import Step, World, ask
from guardian.baseline.survival.world import world

ENDPOINT = "https://near.example.org"
FAR = "https://far.example.org"
CLOSED: dict[str, Any] = {
    "versioning": {"status": "enabled"}, "lock": {"enabled": True, "mode": "compliance", "days": 40},
    "policy": None, "encryption": None, "acl": {"public": []},
}  # fmt: skip


# the search


CAPABILITIES = "abcdefg"
STEPS = st.builds(
    Step,
    code=st.sampled_from(["x", "y"]),
    needs=st.frozensets(st.sampled_from(CAPABILITIES), min_size=1, max_size=2),
    gives=st.sampled_from(CAPABILITIES),
    days=st.integers(0, 3),
    unread=st.sampled_from([frozenset(), frozenset(), frozenset({"u"})]),
)
WORLDS = st.builds(
    World,
    principals=st.dictionaries(
        st.sampled_from(["p", "q", "r"]), st.frozensets(st.sampled_from("abc"), max_size=1), min_size=1
    ),
    steps=st.lists(STEPS, max_size=7).map(tuple),
    goals=st.frozensets(st.sampled_from("efg"), min_size=1, max_size=2),
)


def brute(world: World, steps: Sequence[Step], together: int) -> tuple[int, int] | None:
    """How many principals and how few steps: by trying every set of principals and every set of steps."""
    for size in range(1, together + 1):
        best: int | None = None
        for names in combinations(world.principals, size):
            for count in range(len(steps) + 1):
                if best is not None and count >= best:
                    break
                for chosen in combinations(steps, count):
                    held = set().union(*(world.principals[name] for name in names))
                    for _round in chosen:
                        held |= {step.gives for step in chosen if step.needs <= held}
                    if world.goals <= held:
                        best = count
                        break
        if best is not None:
            return size, best
    return None


@settings(max_examples=400, deadline=None)
@given(world=WORLDS, days=st.integers(0, 3))
def test_the_answer_is_that_of_trying_everything(world: World, days: int) -> None:
    timely = [step for step in world.steps if step.days <= days]
    sure = brute(world, [step for step in timely if not step.unread], 2)
    perhaps = brute(world, timely, 2)
    verdict = ask(world, days)
    assert verdict.answer == ("found" if sure else "unknown" if perhaps else "none")
    if verdict.attack is not None:
        assert (len(verdict.attack.principals), len(verdict.attack.steps)) == (sure or perhaps)
        held = set().union(*(world.principals[name] for name in verdict.attack.principals))
        for step in verdict.attack.steps:
            assert step.needs <= held
            held.add(step.gives)
        assert world.goals <= held
        assert verdict.attack.days <= days


def test_nothing_to_lose_is_not_nothing_found() -> None:
    assert ask(World({"p": frozenset("a")}, (), frozenset()), 30).answer == "unknown"


def test_a_world_too_wide_to_search_is_still_answered() -> None:
    """Twenty steps in any order are a million ways."""
    steps = tuple(Step("x", frozenset({"a"}), f"g{number}") for number in range(20))
    verdict = ask(World({"p": frozenset({"a"})}, steps, frozenset(step.gives for step in steps)), 0)
    assert verdict.attack is not None
    assert len(verdict.attack.steps) == 20


# rights


def identity(name: str, *statements: dict[str, Any], unread: frozenset[str] = frozenset()) -> Identity:
    return Identity(
        name, f"arn:aws:iam::123456789012:user/{name}", tuple(parse({"Statement": list(statements)})), unread
    )


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


OBJECT = "arn:aws:s3:::b/x"
DELETE = "s3:deleteobject"


@pytest.mark.parametrize(
    ("one", "policy", "right"),
    [
        (identity("li"), None, None),
        (identity("li", allow("s3:*")), None, set()),
        (identity("li", allow("s3:Delete*", "arn:aws:s3:::b/*")), None, set()),
        (identity("li", allow("s3:*", "arn:aws:s3:::c/*")), None, None),
        (identity("li", allow("s3:*"), {**allow("s3:DeleteObject"), "Effect": "Deny"}), None, None),
        (identity("li", allow("s3:*", Condition={"Bool": {"a": "true"}})), None, {"conditions 0"}),
        (identity("li", {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), None, set()),
        (identity("li", unread=frozenset({"p"})), None, {"p"}),
        (identity("li", allow("s3:*"), unread=frozenset({"p"})), None, {"p"}),
        (identity("li"), {"$err": "denied"}, {"bucket-policy b"}),
        (identity("li"), [{**allow("s3:*"), "Principal": {"AWS": "arn:aws:iam::123456789012:user/li"}}], set()),
        (identity("li"), [{**allow("s3:*"), "Principal": "*"}], set()),
        (identity("li"), [{**allow("s3:*"), "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}], None),
        (identity("li", allow("s3:*")), [{**allow("s3:*"), "Effect": "Deny", "Principal": "*"}], None),
        (identity("li", allow("s3:*")), [{**allow("*"), "Effect": "Deny", "Principal": {"AWS": "123456789012"}}], None),
    ],
)  # fmt: skip
def test_what_an_identity_may_do(one: Identity, policy: Any, right: set[str] | None) -> None:
    bucket = {"statements": parse({"Statement": policy})} if isinstance(policy, list) else policy
    found = may(one, bucket, DELETE, OBJECT)
    assert found == (None if right is None else frozenset(right))


# hosts


def bucket(name: str = "near", endpoint: str = ENDPOINT, **facts: Any) -> Bucket:
    return Bucket(name, endpoint, {**CLOSED, **facts})


def stated(**more: Any) -> Stated:
    """A host with a locked bucket near, another one far, and shares held by three people of whom two are enough."""
    near = Place("main", "s3", bucket(), "app", ("backup",), held=True, locked_days=40)
    far = Place("offsite", "s3", bucket("far", FAR), "app", ("keys of offsite",), held=True, locked_days=40)
    backup = identity("backup", allow(["s3:PutObject", "s3:GetObject"]))
    accounts = (
        Account(ENDPOINT, (backup, identity("auditor")), {}, ("backup", "auditor")),
        Account(FAR, (identity("keys of offsite"),), {}, ("keys of offsite",)),
    )  # fmt: skip
    custody = {"main": Custody(3, 2), "offsite": Custody(3, 2)}
    return replace(Stated("app", "host-1", (near, far), custody, accounts), **more)


def near(good: Stated, **facts: Any) -> Stated:
    """``good``, with another set-up of the bucket near."""
    place = replace(good.places[0], bucket=bucket(**facts), locked_days=None if "lock" in facts else 40)
    return replace(good, places=(place, good.places[1]))


def codes(said: Stated, days: int = 30, together: int = 2) -> tuple[str, tuple[str, ...], list[str]]:
    verdict = answer(said, days, together).verdict
    attack = verdict.attack
    return verdict.answer, attack.principals if attack else (), [step.code for step in attack.steps] if attack else []


def test_two_places_run_by_two_people_survive_anybody_alone_and_fall_to_both() -> None:
    assert codes(stated(), together=1) == ("none", (), [])
    said = codes(stated())
    assert said == (
        "found",
        (f"operator of {FAR}", f"operator of {ENDPOINT}"),
        ["destroys-storage", "destroys-storage"],
    )


def test_one_place_falls_to_whoever_runs_it() -> None:
    alone = replace(stated(), places=stated().places[:1])
    assert codes(alone) == ("found", (f"operator of {ENDPOINT}",), ["destroys-storage"])


def test_without_shares_the_host_takes_every_place_along() -> None:
    said = codes(stated(custody={"main": Custody(), "offsite": Custody()}))
    assert said == ("found", ("host host-1",), ["loses-only-password", "loses-only-password"])
    elsewhere = {"main": Custody(elsewhere=True), "offsite": Custody(elsewhere=True)}
    assert codes(stated(custody=elsewhere), together=1)[0] == "none"


def test_shares_that_are_all_needed_fall_to_the_host_and_one_holder() -> None:
    said = codes(stated(custody={"main": Custody(3, 3), "offsite": Custody(3, 3)}))
    assert said == ("found", ("holder 1", "host host-1"), ["loses-password-and-shares", "loses-password-and-shares"])


def by(said: Stated, person: str, days: int = 30) -> list[str] | None:
    """The steps of one person alone; None when that one finds no way."""
    whole = world(said)
    verdict = ask(replace(whole, principals={person: whole.principals[person]}), days, 1)
    assert verdict.answer in ("found", "none")
    return [step.code for step in verdict.attack.steps] if verdict.attack else None


def one_place(*people: Identity, trusts: dict[str, Any] | None = None, **facts: Any) -> Stated:
    """One bucket, and these identities of its account."""
    place = Place("main", "s3", bucket(**facts), "app", ("backup",), held=True, locked_days=None)
    account = Account(ENDPOINT, people, trusts or {}, tuple(one.name for one in people))
    return replace(stated(), places=(place,), accounts=(account,))


UNLOCKED = {"enabled": False, "mode": None, "days": None}


def test_locks_that_end_before_the_time_are_none() -> None:
    short = replace(stated().places[0], locked_days=10, held=False, identities=("x",))
    said = replace(stated(), places=(short,))
    assert by(said, "host host-1", 9) is None
    assert by(said, "host host-1", 10) == ["takes-keys-of-host", "may-delete", "waits-for-locks"]
    held = replace(said, places=(replace(short, held=True),))
    assert by(held, "host host-1", 10) is None


def test_governance_falls_to_who_may_go_around_it_and_compliance_does_not() -> None:
    person = f"{ENDPOINT} admin"
    for mode, steps in (("governance", ["may-delete", "may-bypass", "bypasses-locks"]), ("compliance", None)):
        lock = {"enabled": True, "mode": mode, "days": 40}
        said = one_place(identity("admin", allow(["s3:DeleteObject*", "s3:Bypass*"])), lock=lock)
        said = replace(said, places=(replace(said.places[0], locked_days=40),))
        assert by(said, person, 39) == steps
        assert by(said, person, 40) is not None
        without = one_place(identity("admin", allow("s3:DeleteObjectVersion")), lock=lock)
        without = replace(without, places=(replace(without.places[0], locked_days=40),))
        assert by(without, person, 39) is None
        assert by(said, f"owner of {ENDPOINT}", 39) == (
            ["admin-takes-bucket", "admin-takes-bucket", "bypasses-locks"] if steps else None
        )
        assert by(said, f"owner of {ENDPOINT}", 90) is not None


def test_an_open_bucket_falls_to_anybody() -> None:
    everybody = {"statements": parse({"Statement": [{**allow("s3:*"), "Principal": "*"}]}), "principals": ["*"]}
    assert by(one_place(policy=everybody, lock=UNLOCKED), "anybody", 0) == ["may-delete", "deletes-objects"]
    assert by(one_place(lock=UNLOCKED), "anybody") is None
    written = {"public": ["all-users:write"]}
    assert by(one_place(acl=written, lock=UNLOCKED, versioning={"status": "off"}), "anybody") is not None
    assert by(one_place(acl=written, lock=UNLOCKED), "anybody") is None  # older versions stay


def test_a_lifecycle_takes_two_days_and_no_right_helps_it_around_a_lock() -> None:
    tidy, person = (
        identity("tidy", allow(["s3:PutLifecycleConfiguration", "s3:BypassGovernanceRetention"])),
        f"{ENDPOINT} tidy",
    )
    said = one_place(tidy, lock=UNLOCKED)
    assert by(said, person, 1) is None
    assert by(said, person, 2) == ["expires-by-lifecycle", "deletes-objects"]
    locked = one_place(tidy, lock={"enabled": True, "mode": "governance", "days": 40})
    assert by(replace(locked, places=(replace(locked.places[0], locked_days=40),)), person, 39) is None
    # Nobody looked how long the locks last: whether it waits long enough is not known.
    people = {person: world(locked).principals[person]}
    assert ask(replace(world(locked), principals=people), 30, 1).answer == "unknown"


def test_a_right_to_write_policies_is_every_right_and_roles_are_followed() -> None:
    helpdesk = identity("helpdesk", allow("iam:CreateAccessKey"))
    role = Identity("janitor", "arn:aws:iam::123456789012:role/janitor", tuple(parse({"Statement": [allow("s3:*")]})))
    guest, caller = identity("guest"), identity("caller", allow("sts:AssumeRole"))
    for trusts, guests, callers in (
        ([guest.arn], ["assumes-role", "may-delete", "deletes-objects"], None),
        (["arn:aws:iam::123456789012:root"], None, ["assumes-role", "may-delete", "deletes-objects"]),
    ):
        said = one_place(helpdesk, role, guest, caller, trusts={"janitor": trusts}, lock=UNLOCKED)
        assert by(said, f"{ENDPOINT} guest", 0) == guests
        assert by(said, f"{ENDPOINT} caller", 0) == callers
        assert by(said, f"{ENDPOINT} helpdesk", 0) == ["makes-itself-admin", "admin-takes-bucket", "deletes-objects"]


def test_the_key_of_a_storage_goes_around_its_locks() -> None:
    person = identity("keys", allow("kms:ScheduleKeyDeletion"))
    said = one_place(person, encryption={"algorithm": "aws:kms", "customer_key": True})
    assert by(said, f"{ENDPOINT} keys", 6) is None
    assert by(said, f"{ENDPOINT} keys", 7) == ["deletes-key-of-storage"]


FACTS = [("versioning",), ("lock",), ("policy",), ("acl",), ("encryption",)]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_hiding_a_fact_never_changes_an_answer_but_to_unknown(data: st.DataObject) -> None:
    """The same promise as for rules: of a hidden fact nothing follows."""
    good = stated()
    lock = data.draw(st.sampled_from([None, "governance", "compliance"]))
    facts: dict[str, Any] = {
        "lock": {"enabled": lock is not None, "mode": lock, "days": 20 if lock else None},
        "versioning": {"status": data.draw(st.sampled_from(["enabled", "off"]))},
        "acl": {"public": data.draw(st.sampled_from([[], ["all-users:write"]]))},
    }
    said = near(good, **facts)
    if data.draw(st.booleans()):
        said = replace(said, places=said.places[:1])
    days, together = data.draw(st.integers(0, 60)), data.draw(st.integers(1, 2))
    before = answer(said, days, together).verdict.answer
    place = said.places[0]
    assert place.bucket is not None
    what = data.draw(st.sampled_from([*FACTS, "custody", "held", "account"]))
    if what == "custody":
        blind = replace(said, custody={**said.custody, "main": replace(said.custody["main"], shares={"$err": "x"})})
    elif what == "held":
        blind = replace(said, places=(replace(place, held=None), *said.places[1:]))
    elif what == "account":
        blind = replace(said, accounts=(Account(ENDPOINT, unread="denied"), *said.accounts[1:]))
    else:
        covered = replace(place.bucket, facts=hidden(dict(place.bucket.facts), what))
        blind = replace(said, places=(replace(place, bucket=covered), *said.places[1:]))
    assert answer(blind, days, together).verdict.answer in (before, "unknown")
