// What an object store says is XML of its own make: a listing that is cut short is no listing, and an error is told in
// one line.
import { describe, expect, test } from 'vitest';
import { errorCode, errorWords, parseListing } from '../../src/publisher/repository/s3/answers.ts';
import { accessOf, isS3, parseLocation, S3Config, urlOf } from '../../src/publisher/repository/s3/location.ts';
import { ifMatch } from '../../src/publisher/repository/s3/conditions.ts';
import * as z from 'zod/mini';

const listing = (inside: string) =>
  `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside}</ListBucketResult>`;
const object = (key: string) =>
  `<Contents><Key>${key}</Key><LastModified>2026-11-24T07:00:00.000Z</LastModified><Size>1</Size></Contents>`;

test('a listing', () => {
  const found = parseListing(
    listing(`<IsTruncated>false</IsTruncated>${object('a/1.gz')}${object('a/x&amp;y&#x41;')}`),
  );
  expect(found?.next).toBeNull();
  expect(found?.objects.map(({ key }) => key)).toEqual(['a/1.gz', 'a/x&yA']);
});

test('keys that are encoded as in a URL', () => {
  const text = `<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${object('a%2F1+%2B.gz')}`;
  expect(parseListing(listing(text))?.objects.map(({ key }) => key)).toEqual(['a/1 +.gz']);
  expect(parseListing(listing(`<EncodingType>url</EncodingType>${object('100%')}`))).toBeNull();
});

test('one that goes on says where', () => {
  const text = `<IsTruncated>true</IsTruncated><NextContinuationToken>1/x==</NextContinuationToken>${object('a')}`;
  expect(parseListing(listing(text))?.next).toBe('1/x==');
});

test.each([
  ['one that goes on, and does not say where', listing(`<IsTruncated>true</IsTruncated>${object('a')}`)],
  ['one that is cut short', listing(object('a')).slice(0, -10)],
  ['an object without a time', listing('<Contents><Key>a</Key></Contents>')],
  ['an error', '<Error><Code>AccessDenied</Code></Error>'],
  ['a page', '<html></html>'],
])('%s is no listing', (_, text) => {
  expect(parseListing(text)).toBeNull();
});

test('an error is its code and message, bounded', () => {
  const body = `<Error><Code>SlowDown</Code><Message>${'x'.repeat(1000)}</Message></Error>`;
  expect(errorCode(body)).toBe('SlowDown');
  expect(errorWords(body)).toMatch(/^SlowDown: x{220}$/);
  expect(errorWords('<html>502</html>')).toBeNull();
});

test.each([
  ['s3://bucket/lists/a', { bucket: 'bucket', prefix: 'lists/a' }],
  ['s3://bucket', { bucket: 'bucket', prefix: '' }],
  ['s3://bucket/a/', { bucket: 'bucket', prefix: 'a' }],
  ['s3://bucket/../x', null],
  ['s3://bucket/a//b', null],
  ['s3://b', null],
  ['s3://bucket/a b', null],
  ['s3://user@bucket/a', null],
])('%s', (place, location) => {
  expect(isS3(place)).toBe(true);
  expect(parseLocation(place)).toEqual(location);
});

test.each([
  ['https://s3.example.net', true],
  ['https://s3.example.net:8443/path', true],
  ['http://127.0.0.1:7480', true],
  ['http://localhost:9000', true],
  ['http://[::1]:9000', true],
  ['http://s3.example.net', false],
  ['http://127.example.net', false],
  ['https://key:secret@s3.example.net', false],
  ['s3.example.net', false],
])('an endpoint %s: %s', (endpoint, isGood) => {
  expect(z.safeParse(S3Config, { endpoint }).success).toBe(isGood);
});

test('without an endpoint the bucket is in a region of Amazon, which must be named', () => {
  expect(accessOf({}, { AWS_REGION: 'eu-north-1' }).endpoint.href).toBe('https://s3.eu-north-1.amazonaws.com/');
  expect(accessOf({ region: 'cn-north-1' }, {}).endpoint.href).toBe('https://s3.cn-north-1.amazonaws.com.cn/');
  expect(accessOf({ endpoint: 'https://s3.example.net/' }, {})).toMatchObject({ region: 'us-east-1' });
  expect(() => accessOf({}, {})).toThrow(/neither the region .* \[s3\].* --endpoint/);
});

describe('where an object is asked for', () => {
  const at = (endpoint: string, style: 'path' | 'virtual', bucket: string, key: string) =>
    urlOf(accessOf({ endpoint, addressing_style: style }, {}), { bucket, prefix: '' }, key).href;

  test('in the path, or before the host name', () => {
    expect(at('https://s3.example.net', 'path', 'lists', 'a/b')).toBe('https://s3.example.net/lists/a/b');
    expect(at('https://s3.example.net/x', 'path', 'lists', '')).toBe('https://s3.example.net/x/lists');
    expect(at('https://s3.example.net:8443', 'virtual', 'lists', 'a/b')).toBe('https://lists.s3.example.net:8443/a/b');
    expect(at('https://s3.example.net', 'virtual', 'lists', '')).toBe('https://lists.s3.example.net/');
  });

  test.each([
    ['https://s3.example.net', 'with.dot'],
    ['https://s3.example.net', 'Upper'],
    ['https://192.0.2.1', 'lists'],
    ['https://[2001:db8::1]', 'lists'],
  ])('no host name can have it: %s %s', (endpoint, bucket) => {
    expect(() => at(endpoint, 'virtual', bucket, 'a')).toThrow(/addressing_style = "virtual" cannot name the bucket/);
  });
});

test('an ETag goes back as the store wants it', () => {
  expect(ifMatch('"abc"', 'quoted')).toEqual({ 'if-match': '"abc"' });
  expect(ifMatch('abc', 'quoted')).toEqual({ 'if-match': '"abc"' });
  expect(ifMatch('"abc"', 'bare')).toEqual({ 'if-match': 'abc' });
  expect(ifMatch('"abc"', 'ignored')).toEqual({});
});
