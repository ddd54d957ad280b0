// A list in pages, from a real HTTPS server on loopback: all pages make the list, or it is refused. The credentials
// go to one origin.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { authority, Endpoint } from '../support/endpoint.ts';
import { entriesOf } from './entries.ts';
import { folder, refusalFrom, rowsFrom } from './sourced.ts';

let endpoint: Endpoint;
let other: Endpoint;
beforeAll(async () => {
  [endpoint, other] = await Promise.all([Endpoint.start(new Map()), Endpoint.start(new Map())]);
});
afterAll(async () => {
  await Promise.all([endpoint?.stop(), other?.stop()]);
});
beforeEach(() => {
  for (const each of [endpoint, other]) each.asked.length = 0;
  endpoint.misbehaviour = null;
});

interface Answer {
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
type Answers = (query: URLSearchParams, url: string) => Answer;

/** The keys of a source at an interface that gives these answers. */
function api(answers: Answers, name = 'users', keys: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  endpoint.misbehaviour = ({ path: asked, response }) => {
    const { body, headers = {} } = answers(new URL(asked, endpoint.url).searchParams, endpoint.url);
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(200, { 'content-length': Buffer.byteLength(text), ...headers }).end(text);
  };
  const ca = path.join(folder(), 'ca.pem');
  writeFileSync(ca, authority().cert);
  return { type: 'http', url: `${endpoint.url}${name}`, ca_file: ca, ...keys };
}
const person = (i: number): string => `user${String(i).padStart(3, '0')}@example.org`;
const people = (from: number, to: number): { email: string }[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ email: person(from + i) }));
const ALL = people(0, 45).map(({ email }) => email);
const pageOf = (query: URLSearchParams): number => Number(query.get('page') ?? '1');

describe('followed to the end', () => {
  const link = (page: number, url: string): Record<string, string> =>
    page < 3 ? { link: `<${url}users?page=1>; rel="first", <${url}users?page=${page + 1}>; rel="next last"` } : {};
  const CASES: [string, Answers, string?][] = [
    [
      'a Link header, as GitLab has it',
      (query, url) => ({
        body: people((pageOf(query) - 1) * 20, Math.min(45, pageOf(query) * 20)),
        headers: link(pageOf(query), url),
      }),
    ],
    [
      'x-next-page',
      (query) => ({
        body: people((pageOf(query) - 1) * 20, Math.min(45, pageOf(query) * 20)),
        headers: { 'x-next-page': pageOf(query) < 3 ? String(pageOf(query) + 1) : '', 'x-total': '45' },
      }),
    ],
    [
      '@odata.nextLink of Graph',
      (query, url) => {
        const from = Number(query.get('$skiptoken') ?? '0');
        const next = from + 20 < 45 ? { '@odata.nextLink': `${url}users?$skiptoken=${from + 20}` } : {};
        return {
          body: { value: people(from, Math.min(45, from + 20)).map(({ email }) => ({ mail: email })), ...next },
        };
      },
    ],
    [
      'nextPageToken of Google',
      (query) => {
        const from = Number(query.get('pageToken') ?? '0');
        const next = from + 20 < 45 ? { nextPageToken: String(from + 20) } : {};
        return {
          body: { users: people(from, Math.min(45, from + 20)).map(({ email }) => ({ primaryEmail: email })), ...next },
        };
      },
    ],
    [
      'startIndex of SCIM',
      (query) => {
        const start = Number(query.get('startIndex') ?? '1');
        const Resources = people(start - 1, Math.min(45, start + 19)).map(({ email }) => ({
          emails: [{ value: email }],
        }));
        return { body: { totalResults: 45, startIndex: start, itemsPerPage: Resources.length, Resources } };
      },
    ],
    [
      'next of Django',
      (query, url) => ({
        body: {
          count: 45,
          next: pageOf(query) < 3 ? `${url}users?page=${pageOf(query) + 1}` : null,
          results: people((pageOf(query) - 1) * 20, Math.min(45, pageOf(query) * 20)),
        },
      }),
    ],
    [
      'pagination.next of Authentik',
      (query) => ({
        body: {
          pagination: { next: pageOf(query) < 3 ? pageOf(query) + 1 : 0, count: 45 },
          results: people((pageOf(query) - 1) * 20, Math.min(45, pageOf(query) * 20)),
        },
      }),
    ],
    [
      'first and max of Keycloak, which says nothing',
      (query) => {
        const [first, max] = [Number(query.get('first') ?? '0'), Number(query.get('max') ?? '10')];
        return { body: people(first, Math.min(45, first + max)) };
      },
      'admin/realms/staff/users?max=15',
    ],
    [
      'CSV with a Link header',
      (query, url) => ({
        body: `email\n${people((pageOf(query) - 1) * 20, Math.min(45, pageOf(query) * 20))
          .map(({ email }) => `${email}\n`)
          .join('')}`,
        headers: link(pageOf(query), url),
      }),
    ],
  ];
  test.each(CASES)('%s', async (_, answers, name) => {
    const token = path.join(folder(), 'token');
    writeFileSync(token, 'a-token\n', { mode: 0o600 });
    expect(await rowsFrom(api(answers, name, { token_file: token }))).toEqual(ALL);
    expect(endpoint.asked.length).toBeGreaterThan(2);
    expect(new Set(endpoint.asked.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer a-token']));
  });
});

describe('refused', () => {
  const some = people(0, 20);
  test.each<[string, Answers, RegExp]>([
    [
      'a cursor that cannot be asked for',
      () => ({ body: { data: { users: { nodes: some, pageInfo: { hasNextPage: true, endCursor: 'x' } } } } }),
      /hasNextPage is true/,
    ],
    ['has_more', () => ({ body: { has_more: true, data: some } }), /has_more is true/],
    [
      'a total that is not reached',
      () => ({ body: { total: 45, users: some } }),
      /45 entries in all, and 20 have come/,
    ],
    [
      'x-total-count',
      () => ({ body: some, headers: { 'x-total-count': '45' } }),
      /45 entries in all, and 20 have come/,
    ],
    [
      'content-range',
      () => ({ body: some, headers: { 'content-range': 'items 0-19/45' } }),
      /content-range items 0-19\/45/,
    ],
    [
      'a page that leads to itself',
      (_, url) => ({ body: some, headers: { link: `<${url}users>; rel=next` } }),
      /asked for before/,
    ],
    [
      'two pages that lead to each other',
      (query, url) => ({ body: { value: some, '@odata.nextLink': `${url}users?page=${3 - pageOf(query)}` } }),
      /asked for before/,
    ],
    [
      'a next page in the clear',
      () => ({ body: { value: some, nextLink: 'http://localhost/users' } }),
      /another origin/,
    ],
  ])('%s', async (_, answers, words) => {
    expect(await refusalFrom(api(answers))).toMatch(words);
    expect(endpoint.asked.length).toBeLessThan(5);
  });

  test('a next page at another port: it is not asked, and never sees the token', async () => {
    const token = path.join(folder(), 'token');
    writeFileSync(token, 'a-token\n', { mode: 0o600 });
    const found = await refusalFrom(
      api(() => ({ body: { value: some, '@odata.nextLink': `${other.url}users` } }), 'users', { token_file: token }),
    );
    expect(found).toMatch(/^SOURCE list is a part of a list, not the whole: the next page is at another origin/);
    expect(other.asked).toEqual([]);
  });

  test('one page of several, in a file', async () => {
    for (const page of [
      { value: some, '@odata.nextLink': 'https://graph.example/users?x' },
      { users: some, nextPageToken: 'x' },
      { Resources: some, totalResults: 45, startIndex: 1 },
      { hits: { total: { value: 45, relation: 'eq' }, hits: some.map((each) => ({ _source: each })) } },
      { _scroll_id: 'x', hits: { total: 45, hits: some } },
      { page: 1, pages: 3, items: some },
      { data: some, meta: { current_page: 2, last_page: 3 } },
      { users: some, total_pages: 3 },
      { content: some, page: { number: 0, totalPages: 2 } },
    ]) {
      const file = path.join(folder(), 'page.json');
      writeFileSync(file, JSON.stringify(page));
      expect(await refusalFrom({ type: 'file', path: file })).toMatch(
        /^SOURCE list is a part of a list, not the whole: /,
      );
    }
  });
});

test('a whole answer is not mistaken for a page', async () => {
  for (const body of [
    { value: people(0, 3), '@odata.count': 3 },
    { users: people(0, 3), nextPageToken: '' },
    { count: 3, next: null, previous: null, results: people(0, 3) },
    { data: { users: { nodes: people(0, 3), pageInfo: { hasNextPage: false, endCursor: 'x' } } } },
    { total: 3, offset: 0, limit: 100, users: people(0, 3) },
    { hits: { total: { value: 3, relation: 'eq' }, hits: people(0, 3).map((each) => ({ _source: each })) } },
    { page: 1, pages: 1, items: people(0, 3) },
    { page: 0, pages: 1, items: people(0, 3) },
    { content: people(0, 3), page: { number: 1, totalPages: 2 } },
    { data: people(0, 3), meta: { current_page: 3, last_page: 3 } },
  ]) {
    expect(await rowsFrom(api(() => ({ body })))).toEqual(ALL.slice(0, 3));
  }
  expect(await entriesOf('{"email":"a@x.org","count":7}\n{"email":"b@x.org","total":9}\n')).toEqual([
    'a@x.org',
    'b@x.org',
  ]);
});

describe('credentials of other kinds than a token', () => {
  const secret = (text: string, mode = 0o600): string => {
    const file = path.join(folder(), 'secret');
    writeFileSync(file, text, { mode });
    return file;
  };
  const seen = (): (string | undefined)[] =>
    endpoint.asked.flatMap(({ headers }) => [headers.authorization, headers['x-api-key'] as string]);

  test('basic_file and header_file', async () => {
    const answers: Answers = () => ({ body: people(0, 1) });
    expect(await rowsFrom(api(answers, 'users', { basic_file: secret('reader:p:ss wörd\n') }))).toEqual([person(0)]);
    expect(seen()).toEqual([`Basic ${Buffer.from('reader:p:ss wörd').toString('base64')}`, undefined]);
    endpoint.asked.length = 0;
    expect(await rowsFrom(api(answers, 'users', { header_file: secret('X-API-Key: 0123-ABCD\n') }))).toEqual([
      person(0),
    ]);
    expect(seen()).toEqual([undefined, '0123-ABCD']);
    endpoint.asked.length = 0;
    await rowsFrom(api(answers, 'users', { header_file: secret('Authorization: Token 0123-ABCD') }));
    expect(seen()[0]).toBe('Token 0123-ABCD');
  });

  test.each([
    ['basic_file', 'reader\n', 'does not hold user:password'],
    ['basic_file', 'reader:\n', 'does not hold user:password'],
    ['header_file', '0123-ABCD\n', 'does not hold one header'],
    ['header_file', 'Host: elsewhere\n', 'the header Host is not to be set'],
    ['header_file', 'A: b\nC: d\n', 'more than one line'],
  ])('%s with %j', async (key, text, words) => {
    const found = await refusalFrom(api(() => ({ body: [] }), 'users', { [key]: secret(text) }));
    expect(found).toMatch(/^CONFIG /);
    expect(found).toContain(words);
    expect(found).not.toContain('0123');
    expect(await refusalFrom(api(() => ({ body: [] }), 'users', { [key]: secret(text, 0o644) }))).toContain(
      'chmod 0600',
    );
    expect(endpoint.asked).toEqual([]);
  });

  test('a server that sends them back', async () => {
    endpoint.misbehaviour = null;
    for (const [key, text] of [
      ['basic_file', 'reader:correct-horse'],
      ['header_file', 'Authorization: Token correct-horse'],
    ] as const) {
      const keys = api(() => ({ body: [] }), 'users', { [key]: secret(text) });
      endpoint.misbehaviour = ({ request, response }) => {
        const sent = request.headers.authorization ?? '';
        response.writeHead(302, { location: `/login?a=${sent}&b=correct-horse`, 'content-length': 0 }).end();
      };
      const found = await refusalFrom(keys);
      expect(found).toMatch(/^SOURCE list: redirected \(302\)/);
      expect(found).not.toContain('correct-horse');
      expect(found).not.toContain(Buffer.from('reader:correct-horse').toString('base64'));
    }
  });
});

test('a page whose last entry has no address is as long as it is, and the next one is asked for', async () => {
  const users = [...people(0, 14), { username: 'robot' }, ...people(14, 20)];
  const answers: Answers = (query) => {
    const [first, max] = [Number(query.get('first')), Number(query.get('max'))];
    return { body: users.slice(first, first + max) };
  };
  expect(await rowsFrom(api(answers, 'admin/realms/staff/users?max=15'))).toEqual(ALL.slice(0, 20));
});
