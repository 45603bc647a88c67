"""The identities of an account, read from its IAM service: each part a value, or why it could not be read."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from guardian.baseline.facts import iam
from guardian.baseline.facts.unread import is_unread, refused, unread
from guardian.objectstore.questions import Questions

MOST_USERS: Final = 10_000
_MOST_PAGES: Final = 1_000
_THREADS: Final = 16
_NONE: Final = {"NoSuchEntity": None}


def read_account(client: Any, heed: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """``users``, ``groups``, ``roles``, ``policies``, ``password_policy`` and ``root``. Never raises for a no.

    Of every user: ``keys``, ``mfa`` (how many devices), ``password`` (whether it can sign in with one).
    """
    ask = _Asker(client, Questions())
    details = ask(
        "iam:GetAccountAuthorizationDetails",
        lambda: _pages(
            client, "get_account_authorization_details", Filter=["User", "Group", "Role", "LocalManagedPolicy"]
        ),
        iam.identities,
    )
    parts = ("users", "groups", "roles", "policies")
    account = dict.fromkeys(parts, details) if is_unread(details) else dict(details)
    account["password_policy"] = ask(
        "iam:GetAccountPasswordPolicy", client.get_account_password_policy, iam.password_policy, _NONE
    )
    account["root"] = ask("iam:GetAccountSummary", client.get_account_summary, iam.root)
    account["users"] = _users(account["users"], ask, heed)
    return account


def _users(users: Any, ask: "_Asker", heed: Callable[[], None]) -> Any:
    """``users`` with what only questions about each of them tell."""
    if is_unread(users):
        return users
    if len(users) > MOST_USERS:
        return unread(f"too many: {len(users)} users")
    heed()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="identities") as pool:
        return list(pool.map(lambda user: user | _user(ask, user["name"]), users))


def _user(ask: "_Asker", name: str) -> dict[str, Any]:
    client = ask.client
    keys = ask("iam:ListAccessKeys", lambda: _pages(client, "list_access_keys", UserName=name), iam.keys)
    return {
        "keys": keys,
        "active_keys": keys if is_unread(keys) else sum(key["active"] for key in keys),
        "mfa": ask(
            "iam:ListMFADevices",
            lambda: _pages(client, "list_mfa_devices", UserName=name),
            lambda pages: sum(len(page["MFADevices"]) for page in pages),
        ),
        "password": ask(
            "iam:GetLoginProfile",
            lambda: client.get_login_profile(UserName=name),
            lambda answer: "LoginProfile" in answer,
            {"NoSuchEntity": False},
        ),
    }


class _Asker:
    """Questions whose answers are facts of a view."""

    def __init__(self, client: Any, questions: Questions) -> None:
        self.client, self._questions = client, questions

    def __call__(
        self,
        right: str,
        request: Callable[[], Any],
        meaning: Callable[[Any], Any],
        absent: dict[str, Any] | None = None,
    ) -> Any:
        fact = self._questions(meaning, request, absent)
        return fact.value if fact.known else refused(fact.error or "unknown", right)


def _pages(client: Any, operation: str, **named: Any) -> list[Any]:
    """All pages of an answer. Raises ValueError when there are too many."""
    pages: list[Any] = []
    for page in client.get_paginator(operation).paginate(**named):
        pages.append(page)
        if len(pages) > _MOST_PAGES:
            raise ValueError("too many pages")
    return pages
