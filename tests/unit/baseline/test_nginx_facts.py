"""nginx configurations: read as nginx reads them, below any root, and what holds in each server and location."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.baseline.facts import nginx
from guardian.baseline.facts.localroot import LocalRoot
from guardian.baseline.facts.nginx_servers import facts
from guardian.baseline.facts.nginx_syntax import SyntaxProblem, parse
from guardian.baseline.facts.reading import Host


def read(text: str, version: str | None = "1.24.0") -> Any:
    return facts(parse(text, "/n.conf"), version)


def server(text: str, around: str = "", version: str | None = "1.24.0") -> Any:
    return read(f"http {{ {around} server {{ {text} }} }}", version)["servers"][0]


def test_words_are_split_as_nginx_splits_them() -> None:
    text = """
    a "x y" 'z;{' b\\;c ${d}e; # a comment; with a { brace
    if ($x ~ "^/a{2}\\"$") { return 444; }
    location ~ \\.php$ { set $v 'it''s'; }
    """.replace("'it''s'", '"it\'s"')
    first, second, third = parse(text, "f")
    assert first.args == ("x y", "z;{", "b\\;c", "${d}e")
    assert (second.name, second.args, second.line) == ("if", ("($x", "~", '^/a{2}"$', ")"), 3)
    assert third.block is not None
    assert third.block[0].args == ("$v", "it's")
    lua = parse("location / { content_by_lua_block { s = '}\\'{{' -- }\n if x { y } t = [[}]] } root /w; }", "f")[
        0
    ].block
    assert lua is not None
    assert [each.name for each in lua] == ["content_by_lua_block", "root"]


@pytest.mark.parametrize("text", ["a {", "}", "a", "{ }", "a 'b;", ";", "a { b }", "x { " * 40 + "y;" + "}" * 40])
def test_what_is_no_configuration_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(SyntaxProblem, match="f line 1"):
        parse(text, "f")


@given(st.text(alphabet=st.sampled_from("ab {};\"'\\#$\n${}\x00\udcff"), max_size=80))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        facts(parse(f"http {{ server {{ {text} }} }}", "f"), None)
    except SyntaxProblem:
        pass


def test_what_is_not_written_holds_as_it_is_written_around() -> None:
    around = "server_tokens off; ssl_protocols TLSv1.2; client_max_body_size 5m; add_header A 1; access_log off;"
    found = server("listen 443 ssl; client_max_body_size 0; location / { add_header B 2; }", around)
    assert (found["version_shown"], found["protocols"], found["body_limit"]) == ("off", ["TLSv1.2"], 0)
    assert found["headers"] == {"a": {"value": "1", "always": False}}
    assert found["access_log"] is False
    inner = found["locations"][0]
    assert (inner["headers"], inner["drops_headers"]) == ({"b": {"value": "2", "always": False}}, True)


def test_defaults_are_those_of_the_version() -> None:
    assert server("listen 443 ssl;", version="1.22.1")["protocols"] == ["TLSv1", "TLSv1.1", "TLSv1.2"]
    assert server("listen 443 ssl;", version="1.24.0")["protocols"] == ["TLSv1.2", "TLSv1.3"]
    assert "$err" in server("listen 443 ssl;", version=None)["protocols"]


def test_listens_say_who_can_reach_them() -> None:
    found = server("listen [::1]:8080; listen unix:/run/x; listen 127.0.0.1:80;")
    assert (found["public"], found["plain"], found["tls"]) == (False, False, False)
    assert server("")["plain"] is True  # port 80, where nothing is written
    both = server("listen 80; listen 443 ssl default_server;")
    assert (both["plain"], both["tls"], both["default"]) == (True, True, True)
    assert server("listen 443; ssl on;")["plain"] is False


@pytest.mark.parametrize(
    ("text", "redirects", "refuses"),
    [
        ("return 301 https://$host$request_uri;", True, False),
        ("location / { return 308 https://x; }", True, False),
        ("return 302 http://x;", False, False),
        ("return 444;", False, True),
        ("rewrite ^ https://x permanent;", True, False),
        ("deny all;", False, True),
        ("allow 10.0.0.0/8; deny all;", False, False),
    ],
)
def test_servers_that_only_send_people_elsewhere(text: str, redirects: bool, refuses: bool) -> None:
    found = server(text)
    assert (found["redirects"], found["refuses"]) == (redirects, refuses)


def test_traps_in_locations() -> None:
    found = server(
        "location /img { alias /srv/img/; } location /ok/ { alias /srv/; } location = /e { alias /etc/; }"
        " location /root { root /; } location ~ /\\. { deny all; }"
        " location /st { stub_status; allow 10.0.0.1; deny all; }"
        " location /in { location /in/deep { autoindex on; } }"
    )
    by_path = {each["path"]: each for each in found["locations"]}
    assert [path for path, each in by_path.items() if each["alias_escapes"]] == ["/img"]
    assert [path for path, each in by_path.items() if each["wide_root"]] == ["/ok/", "/e", "/root"]
    assert by_path["/st"]["restricted"]
    assert by_path["/st"]["status_page"]
    assert by_path["/in/deep"]["autoindex"]
    assert found["hides_dotfiles"]


def test_where_requests_are_passed_on_to() -> None:
    text = """http {
      upstream near { server 127.0.0.1:1; server unix:/s; } upstream far { server 127.0.0.1:1; server 10.0.0.2; }
      server {
        location /a { proxy_pass http://near; } location /b { proxy_pass http://far/x; }
        location /c { proxy_pass https://x; } location /d { proxy_pass http://$up; } location /e { proxy_pass $all; }
        location /f { proxy_pass http://unix:/run/app.sock; }
        location /g { if ($x) { proxy_pass http://10.0.0.3; } }
        location /h { fastcgi_pass 10.0.0.4:9000; } location /i { fastcgi_pass unix:/run/php; }
        location /j { grpc_pass grpcs://10.0.0.5; }
      } }"""
    proxies = {each["path"]: each["proxy"] for each in read(text)["servers"][0]["locations"] if each["proxy"]}
    told = {path: (proxy["tls"], proxy["local"]) for path, proxy in proxies.items()}
    assert told["/a"] == (False, True)
    assert told["/b"] == (False, False)
    assert told["/c"] == (True, False)
    assert "$err" in told["/d"][1]
    assert "$err" in told["/e"][0]
    assert told["/f"] == (False, True)
    assert told["($x)"] == (False, False)
    assert (told["/h"], told["/i"], told["/j"]) == ((False, False), (False, True), (True, False))


def test_headers_that_are_merged_are_not_dropped() -> None:
    inner = "location / { add_header B 2; add_header_inherit merge; }"
    found = server(f"add_header A 1; {inner}")["locations"][0]
    assert (sorted(found["headers"]), found["drops_headers"]) == (["a", "b"], False)
    assert server("add_header A 1; location / { add_header A 2; }")["locations"][0]["drops_headers"] is False


@pytest.mark.parametrize("unit", ["${", "--[[\n", '"', "\\", "${a}", "'a' ", "a{", "location ~ \\${x ", "#\n"])
def test_no_text_takes_longer_than_its_length_allows(unit: str) -> None:
    text = unit * ((1 << 18) // len(unit))
    for whole in (text, f"content_by_lua_block {{ {text}"):
        with suppress(SyntaxProblem):
            parse(whole, "f")


def test_redirects_made_of_the_decoded_path_are_found_with_their_place() -> None:
    text = "http { server {\n return 301 https://$host$uri; location / { return 302 $request_uri; } } }"
    assert read(text)["redirects_by_path"] == [{"file": "/n.conf", "line": 2}]


def test_sizes_and_times_that_make_no_sense_are_unknown() -> None:
    found = server("client_max_body_size 1x; client_body_timeout 1m30s; send_timeout nonsense;")
    assert "$err" in found["body_limit"]
    assert found["body_timeout"] == 90
    assert "$err" in found["send_timeout"]


# files


def below(root: Path, **more: str) -> Any:
    return nginx.collect(nginx.Options(host=Host(LocalRoot(root)), **more))["nginx"]  # type: ignore[arg-type]


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / "etc/nginx" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_includes_are_followed_below_a_root_with_their_file_and_line(tmp_path: Path) -> None:
    write(tmp_path, {
        "nginx.conf": "user root;\nhttp {\n include sites/*.conf;\n include /etc/nginx/one;\n}",
        "sites/b.conf": "\nserver { server_name b; }", "sites/a.conf": "server { server_name a; }",
        "sites/.hidden.conf": "broken {", "sites/c.txt": "broken {", "one": "server { server_name one; }",
    })  # fmt: skip
    found = below(tmp_path)
    assert [each["name"] for each in found["servers"]] == [
        "a (/etc/nginx/sites/a.conf:1)", "b (/etc/nginx/sites/b.conf:2)", "one (/etc/nginx/one:1)",
    ]  # fmt: skip
    assert found["main"]["user"] == "root"
    assert found["test"] == {"$err": "not live: read from a tree"}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"nginx.conf": "include gone;"}, "no such file: /etc/nginx/gone"),
        ({"nginx.conf": "include nginx.conf;"}, "too large: includes without end"),
        ({"nginx.conf": "http {"}, "cannot be understood: /etc/nginx/nginx.conf line 1"),
        ({"nginx.conf": "#" * (2 << 20)}, "too large: /etc/nginx/nginx.conf"),
    ],
)
def test_what_cannot_be_read_hides_the_whole_configuration(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    write(tmp_path, files)
    assert below(tmp_path)["$err"].startswith(reason)


def test_no_nginx_is_known_to_be_absent(tmp_path: Path) -> None:
    assert below(tmp_path) is None


def test_a_link_out_of_the_root_stays_in_it(tmp_path: Path) -> None:
    outside = tmp_path / "outside.conf"
    outside.write_text("server { server_name secret; }")
    root = tmp_path / "root"
    write(root, {"nginx.conf": "http { include evil.conf; }"})
    (root / "etc/nginx/evil.conf").symlink_to(outside)
    assert "no such file" in below(root)["$err"]
