// The publisher's record after a bad disk or a hand's slip: damaged is damaged. Taken as it is, a time that is none
// would take the table of a day ago from the guard's sight, and a hash that is none would become a path.
import { expect, test } from 'vitest';
import { PublishError } from '../../src/publisher/errors.ts';
import { parseState } from '../../src/publisher/repository/state.ts';

const sha256 = 'ab'.repeat(32);
const at = '2026-11-24T07:00:00.000Z';
const whole = {
  format: 1,
  name: 'example-org',
  highest: 42,
  digest: sha256,
  sent: null,
  seen: null,
  tables: [{ sha256, at }],
  history: [{ rows: 10, at }],
  sources: { 'the list': [{ rows: 10, at }] },
  approval: { until: at, rows: 10, domains: 1 },
  unnamed: { [`${sha256}.gz`]: at },
  transport: { tables: [], history: [], unnamed: {} },
  keyring: 0,
  readings: [],
  candidates: [],
};

test('a whole one is taken, as is one from before there was a history', () => {
  expect(parseState('state.json', JSON.stringify(whole))).toEqual(whole);
  const { history: _, digest: __, approval: ___, sources: ____, ...more } = whole;
  const { keyring: _____, candidates: ______, ...older } = more;
  expect(parseState('state.json', JSON.stringify(older))).toEqual({
    ...whole,
    history: [],
    digest: null,
    approval: null,
    sources: {},
  });
});

test.each<[string, object]>([
  ['a version below none', { highest: -1 }],
  ['half a version', { highest: 41.5 }],
  ['a digest that is none', { digest: 'ab' }],
  ['a table that climbs', { tables: [{ sha256: '../../../etc/passwd', at }] }],
  ['a table since never', { tables: [{ sha256, at: '' }] }],
  ['a table since a time cut short', { tables: [{ sha256, at: '2026-1:00Z' }] }],
  ['half a row of a source', { sources: { list: [{ rows: 1.5, at }] } }],
  ['an approval until never', { approval: { until: 'never', rows: 10, domains: 1 } }],
  ['fewer rows than none a day ago', { history: [{ rows: -1, at }] }],
  ['rows of a time that is none', { history: [{ rows: 10, at: '2026-13-01' }] }],
  ['a blob that is unnamed since never', { unnamed: { [`${sha256}.gz`]: 'x' } }],
])('%s', (_, change) => {
  const read = () => parseState('state.json', JSON.stringify({ ...whole, ...change }));
  expect(read).toThrow(PublishError);
  expect(read).toThrow(/^state\.json is damaged .* --next-version/);
});
