"""YAML that is broken, hostile, or merely unusual."""

import pytest

from infra.config.document import DEPTH_MAX
from tests.infra.config.files import SMALL, faults, manifest


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"", 0, "the file is empty"),
        (b"# only a comment\n", 0, "the file is empty"),
        (b"a: 1\nb: [1, 2\nc: 3\n", 3, "not YAML"),
        (b"a: 1\n b: 2\n", 2, "not YAML"),
        (b"a:\n\tb: 1\n", 2, "a tab: YAML indents with spaces"),
        (b'a: "x\n', 2, "not YAML"),
        (b"a: 1\nb: caf\xe9\n", 2, "byte 0xe9 is not UTF-8"),
        ("a: 1".encode("utf-16"), 1, "not UTF-8"),
        (b"a: 1\nb: x\x00y\n", 2, "U+0000 is not allowed"),
        (b"a: 1\n--- \nb: 2\n", 2, "a second document"),
        (b"a: !!python/object/apply:os.system [id]\n", 1, "the tag"),
        (b"a: 1\nb: !secret x\n", 2, 'the tag "!secret" is not used here'),
        (b"a: 1\n? [x, y]\n: 2\n", 2, "a list as a key"),
        (b"a: *nowhere\n", 1, "*nowhere refers to nothing above it"),
        (b"a: &a\n  b: *a\n", 2, "*a refers to nothing above it"),
        (b"a: 1\n<<: 5\n", 2, "<< takes a mapping"),
        (b"x: [GET /x/{id}]\n", 1, "stands in quotes"),
        (b"x: " + b"[" * 50_000, 1, f"nested more than {DEPTH_MAX} deep"),
        (b"x: 1\n" * 100_000, 0, "more than 300,000 bytes"),
        (b"x: [" + b"1," * 60_000 + b"]", 1, "more than 50,000 values"),
    ],
)
def test_broken_yaml_is_one_fault_with_its_line(data: bytes, line: int, words: str) -> None:
    (fault,) = faults(data)
    assert fault.line == line, fault
    assert words in fault.message
    assert fault.where == ""


def test_a_billion_laughs_are_a_fault_and_not_a_full_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    (fault,) = faults("\n".join(lines))
    assert fault.line == 5
    assert "aliases counted as often as they are used" in fault.message


def test_merges_cannot_laugh_either() -> None:
    lines = ["a0: &a0 {k: [x, x, x, x, x, x, x, x, x, x]}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    assert "more than 50,000 values" in faults("\n".join(lines))[0].message


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert manifest("\ufeff" + SMALL.replace("\n", "\r\n")) == manifest(SMALL)


def test_a_merge_brings_keys_under_those_written_there() -> None:
    text = SMALL.replace(
        "models:", '  a: &a {adapter: vllm, url: "http://a", slots: 9}\n  b: {<<: *a, url: "http://b"}\nmodels:'
    )
    found = manifest(text).backends["b"]
    assert (found.adapter, found.url, found.slots) == ("vllm", "http://b", 9)


def test_plain_words_are_read_as_yaml_1_2_does() -> None:
    """In YAML 1.1 `on` is true, 010 is eight and 1:30 is ninety."""
    text = SMALL.replace('url: "http://127.0.0.1:9000"', 'url: "http://h", slots: 010').replace("  m:", "  on:")
    found = manifest(text)
    assert list(found.models) == ["on"]
    assert found.backends["box"].slots == 10


def test_a_fault_inside_an_alias_names_the_line_where_it_was_written() -> None:
    text = SMALL.replace("url:", "queue: &q {wait: 60}, url:").replace(
        "models:", '  b: {adapter: vllm, url: "http://b", queue: *q}\nmodels:'
    )
    assert [(each.line, each.where) for each in faults(text)] == [
        (2, "backends.box.queue.wait"),
        (2, "backends.b.queue.wait"),
    ]
