"""Signatures of OAuth 1.0: the example of RFC 5849, and whether what a client library signs is understood."""

from __future__ import annotations

import pytest
from oauthlib import oauth1

from common.errors import Unauthorized
from identity.oauth1_signatures import parse

# RFC 5849, section 1.2.
SECRETS = ('kd94hf93k423kf44', 'pfkkdhi9sl3r4s00')
EXAMPLE = (
    'OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", oauth_signature_method="HMAC-SHA1", '
    'oauth_timestamp="137131202", oauth_nonce="chapoH", oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"'
)


def photos(header=EXAMPLE, url='http://photos.example.net/photos', query='file=vacation.jpg&size=original', method='GET'):
    return parse(method, url, query, header)


def test_the_example_of_the_rfc():
    signed = photos()
    assert signed.is_signed_with(*SECRETS)
    assert (signed.consumer_key, signed.token, signed.timestamp) == ('dpf43f3p2l4k3l03', 'nnch734d00sl2jdk', 137131202)
    assert photos(url='HTTP://Photos.Example.NET:80/photos').is_signed_with(*SECRETS)
    assert not signed.is_signed_with(SECRETS[0], 'other') and not signed.is_signed_with('other', SECRETS[1])


@pytest.mark.parametrize(
    'changed',
    [
        {'method': 'POST'},
        {'url': 'https://photos.example.net/photos'},
        {'url': 'http://photos.example.net:8080/photos'},
        {'url': 'http://photos.example.net/Photos'},
        {'query': 'file=vacation.jpg'},
        {'query': 'file=vacation.jpg&size=original&more='},
        {'header': EXAMPLE.replace('chapoH', 'chapoI')},
        {'header': EXAMPLE.replace('137131202', '137131203')},
        {'header': EXAMPLE.replace('SHA1', 'SHA256')},
        {'header': f'{EXAMPLE}, oauth_verifier="x"'},
    ],
)
def test_what_was_changed_does_not_fit(changed):
    assert not photos(**changed).is_signed_with(*SECRETS)


@pytest.mark.parametrize(
    'header',
    [None, '', 'Basic abc', 'OAuth', 'OAuth x', f'{EXAMPLE}, realm="again"', f'{EXAMPLE} junk', EXAMPLE.replace('137131202', 'soon'),
     EXAMPLE.replace('HMAC-SHA1', 'PLAINTEXT'), EXAMPLE.replace('oauth_nonce', 'nonce'), EXAMPLE.replace('dpf43f3p2l4k3l03', '%00'),
     EXAMPLE.replace('dpf43f3p2l4k3l03', 'd' * 65), EXAMPLE.replace('"chapoH"', 'chapoH'), f'{EXAMPLE}, oauth_version="2.0"', EXAMPLE + ' ' * 9000],
)  # fmt: skip
def test_what_is_no_signature(header):
    with pytest.raises(Unauthorized):
        photos(header=header) if header is not None else parse('GET', 'http://photos.example.net/photos', '', None)


@pytest.mark.parametrize('method', [oauth1.SIGNATURE_HMAC_SHA1, oauth1.SIGNATURE_HMAC_SHA256])
@pytest.mark.parametrize('url', ['http://h:5000/v3/auth/tokens', 'https://[fd00::1]:443/v3', 'http://h/v3/a?b=c%20d&e=%C3%A9&b=a+b&f'])
def test_what_a_client_library_signs(method, url):
    client = oauth1.Client(
        'key', 'secret/+', resource_owner_key='token', resource_owner_secret='t&', verifier='v =1', signature_method=method
    )
    header = client.sign(url, http_method='POST')[1]['Authorization']
    path, _, query = url.partition('?')
    signed = parse('POST', path, query, header)
    assert signed.is_signed_with('secret/+', 't&') and signed.verifier == 'v =1'
    assert len({signed.digest, photos().digest}) == 2


def test_what_is_added_after_signing():
    header = oauth1.Client('key', 'secret').sign('http://h/v3/auth/tokens', http_method='POST')[1]['Authorization']
    assert parse('POST', 'http://h/v3/auth/tokens', 'nocatalog', header).is_signed_with('secret')
    assert not parse('POST', 'http://h/v3/auth/tokens', 'catalog', header).is_signed_with('secret')
