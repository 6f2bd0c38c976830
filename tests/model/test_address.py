"""URLs without what nobody else should read."""

import pytest

from mlmake.model.address import without_secrets


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://example.org/a.csv", "https://example.org/a.csv"),
        ("https://me:pass@example.org/a@b?q=1", "https://example.org/a@b?q=1"),
        ("https://me:p@ss@example.org/", "https://example.org/"),
        ("https://h/x?day=1&token=abc&page=2#top", "https://h/x?day=1&token=…&page=2#top"),
        ("https://h/x?X-Amz-Signature=ab%2F&X-Amz-Credential=c&list=1", "https://h/x?X-Amz-Signature=…&X-Amz-Credential=…&list=1"),
        ("https://h/x?key=1&monkey=2&sig=3&api_key=4&se=5", "https://h/x?key=…&monkey=2&sig=…&api_key=…&se=5"),
        ("data/a@b", "data/a@b"),
    ],
)  # fmt: skip
def test_secrets_are_left_out(url, told):
    assert without_secrets(url) == told
