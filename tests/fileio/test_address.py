"""Addresses in messages and files contain no credentials."""

import pytest

from mixmae.fileio.address import (
    public_address,
    public_addresses,
    without_secrets,
    without_user,
)


@pytest.mark.parametrize(
    ('address', 'shown'),
    [
        ('https://host/a/x-01234567.pth', None),
        ('https://host:8080/x.pth?download=1&version=2', None),
        ('https://host/model@v1.pth', None),
        ('https://host/x.pth#sha256=0123', None),
        ('https://u:p@host/x.pth', 'https://***@host/x.pth'),
        ('https://token@host/x.pth', 'https://***@host/x.pth'),
        ('HTTPS://u:p@host:80/x', 'HTTPS://***@host:80/x'),
        ('https://u:p/a@ss@host/x.pth', 'https://***@host/x.pth'),
        ('https:/u:p@host/x.pth', 'https:/***@host/x.pth'),
        ('s3://key:secret@bucket/x.pth', 's3://***@bucket/x.pth'),
        ('https://host/x?token=abc', 'https://host/x?token=***'),
        (
            'https://host/x?id=3&X-Amz-Signature=a%2Fb&abc;k=v',
            'https://host/x?id=3&X-Amz-Signature=***&***;k=***',
        ),
        ('https://host/x?abc#t', 'https://host/x?***#***'),
        ('C:/data/a@b?c=d', None),
        ('mmcls://vgg11', None),
        ('user@host.org and a/b?c=d', None),
    ],
)
def test_shown_addresses(address, shown):
    shown = shown or address
    for text in ('{}', "load_from = '{}'", 'see {} \n{}', '"{}"'):
        whole = text.replace('{}', address)
        assert public_addresses(whole) == text.replace('{}', shown)
    assert public_addresses(shown) == shown
    assert public_address(address) == public_address(shown) == shown


def test_an_address_with_a_space():
    assert (
        public_address('https://u:a b@h/x y?t=a b')
        == 'https://***@h/x y?t=***'
    )


def test_the_user_is_sent_in_a_header():
    address, header = without_user('https://u:p%40s@host:80/x.pth?a=b#c')
    assert address == 'https://host:80/x.pth?a=b'
    assert header == 'Basic dTpwQHM='
    assert without_user('https://host/x.pth') == ('https://host/x.pth', None)


def test_errors_that_quote_a_part():
    address = 'https://u:p@host/x y.pth?token=abc&id=3'
    for quoted in ("bad path '/x y.pth?token=abc&id=3'", 'abc', address):
        assert 'abc' not in without_secrets(quoted, address)
    assert without_secrets('no abc', 'https://host/x') == 'no abc'
