// The publisher's sources: a list as lines or a map of Postfix's, and the rows that become of it.
import { TableChecker } from '../../../src/bundle/table/table.ts';
import type { PublisherConfig } from '../../../src/publisher/config.ts';
import { gather } from '../../../src/publisher/gather/gather.ts';
import { linesOf } from '../../../src/publisher/sources/text/lines.ts';
import { blocks } from '../../bundle/blocks.ts';
import { written } from '../../map/cdb-records.ts';
import { laid } from '../room.ts';
import { attempt, coming, expanded, gathered, hashOf, must, pieces, same, type Target } from '../target.ts';

/** What `publish` makes of a file. */
async function listed(type: 'file' | 'postfix-map', name: string, content: Uint8Array, map = ''): Promise<string> {
  const file = laid(name, content);
  const config = {
    source: [{ type, name: 'list', path: map + file.replace(/\.cdb$/, '') }],
    policy: { wildcards: ['x.org'], postmaster: false, max_shrink_percent: 10, skip_invalid: false },
  } as unknown as PublisherConfig;
  const skipping = { ...config, policy: { ...config.policy, skip_invalid: true } };
  const some = await attempt(() => gather(skipping, new Date(0)));
  const made = hashOf(content) % 4 === 0 ? await attempt(() => gather(config, new Date(0))) : some;
  if ('value' in made) {
    must('value' in some, 'what is good is refused once invalid entries are skipped');
    must(some.value.table.sha256 === made.value.table.sha256, 'skipping makes another list');
    must(made === some || made.value.skipped.length === 0, 'skipped without leave');
  }
  if ('refused' in some) return 'refused' in made ? made.refused : 'taken';
  const checker = new TableChecker();
  for (const block of some.value.table.blocks()) checker.push(block);
  same(checker.fault, null, 'a table that no gateway would take');
  same(checker.rows, some.value.table.rows, 'the number of rows');
  return `${'refused' in made ? made.refused : 'taken'}, ${Math.min(3, checker.rows)} rows, ${Math.min(2, some.value.skipped.length)} skipped`;
}

/** The text, its last line with an LF; a byte order mark is a line of its own if nothing follows it. */
const decoded = (bytes: Uint8Array): string =>
  new TextDecoder('utf-8', { ignoreBOM: true })
    .decode(bytes)
    .replace(/(?<=[^\n])$/, '\n')
    .replace(/^\ufeff/, '');

export const WORDS = [
  '"',
  '""',
  '\\',
  '\\"',
  '@',
  '@x.org',
  'a@b.example',
  '#',
  ' ',
  '\t',
  '\r\n',
  '\n',
  ',',
  ';',
  '\u00a0',
  '\ufeff',
  'bücher.example',
  'xn--bcher-kva.example',
  'ß.example',
  '\u3002',
  '٠.example',
  '~66000*a~',
  '~40000*"",~',
  '~9000*\n "~',
  '~300*a.~',
];

export const lines: Target = {
  name: 'lines',
  form: 'text',
  longest: 2048,
  words: WORDS,
  seeds: () => [
    'a@b.example\nc@d.example OK\n# no\n\n"a b"@c.example x\n',
    'email\na@b.example',
    '@x.org\n@y.org\n',
    '\ufeffa@bücher.example\nb@XN--BCHER-KVA.example\n',
    'a,b@c.example\n<a@b.example>\na@b@c.example\n',
    '"\\"\\\\"@c.example\n""@c.example\n"a"b@c.example\n',
    'a@b.example\r\nc@d.example\r\n',
    'a@b.example\rc@d.example\n',
    '~70000*a~@b.example\n',
    'a@ß.example\nß@b.example\nſ@K.example\n',
  ],
  run: async (input) => {
    const bytes = expanded(input);
    const whole = await attempt(async () => (await gathered(linesOf('list', coming([bytes])))).flat());
    const cut = await attempt(async () => (await gathered(linesOf('list', coming(pieces(bytes))))).flat());
    if ('value' in whole) {
      same(whole.value.map((line) => `${line}\n`).join('').length, decoded(bytes).length, 'the length of the lines');
      same('value' in cut ? cut.value : cut.refused, whole.value, 'in other pieces');
    } else must('refused' in cut, 'in other pieces it is taken');
    return listed('file', 'list', bytes);
  },
};

export const postfixMap: Target = {
  name: 'postfix-map',
  form: 'text',
  longest: 2048,
  words: [...WORDS, ' OK', '\n  ', '\nx@x.org y'],
  seeds: () => [
    'a@b.example OK\nx.org OK\n@x.org y\n',
    '"a b"@c.example\tOK\n# c\n  more\n\nlocal x\n',
    'a@b.example\n  OK\nb@c.example\n\n',
    'a"b@c.example x\n"odd@c.example y\na@b.example ok\n',
    'a\\ b@c.example OK\na@b.example z\n',
    'a@b.example ~9000*\n x~\n',
  ],
  run: (input) => listed('postfix-map', 'map', expanded(input)),
};

export const compiledMap: Target = {
  name: 'compiled-map',
  form: 'bytes',
  longest: 4096,
  words: ['\0\x08\0\0', 'a@x.org', '@x.org', '\0', '"', '\\', ' '],
  seeds: () => [
    written(blocks(['a b@x.org', 'a@x.org', '"@x.org', 'x.org', '@x.org']), 'OK'),
    written(blocks(['a@x.org', 'ä@x.org']), 'OK\0'),
    written(blocks([]), 'OK'),
  ],
  run: (input) => listed('postfix-map', 'map.cdb', input, 'cdb:'),
};
