// The formats of text sources. For each an independent reader, as plain as can be, says which addresses stand in
// the text: what we take is what it takes, or we refuse the text.
import { TextSource } from '../../../src/publisher/sources/text/read-text.ts';
import type { TextOptions } from '../../../src/publisher/sources/text/text-options.ts';
import { textsOf } from '../../publisher/entries.ts';
import { attempt, coming, expanded, hashOf, must, pieces, same, type Target } from '../target.ts';
import { WORDS } from './sources.ts';

async function read(options: TextOptions, all: readonly Uint8Array[]): Promise<string[]> {
  const source = new TextSource('list', options);
  const found: string[] = [];
  for await (const batch of source.read(coming(all), { lines: 0 })) found.push(...textsOf(batch));
  for (const batch of source.end()) found.push(...textsOf(batch));
  return found;
}

/** An address that no format writes in another way. */
const PLAIN = /^[a-z0-9._+-]+@[a-z0-9.-]+$/i;
const sorted = (list: readonly string[]): string[] => [...new Set(list)].sort();

/**
 * @param plainly the addresses that plainly stand in a text where an address must stand: none of them may be lost.
 */
function target(
  name: string,
  options: TextOptions,
  words: readonly string[],
  seeds: readonly string[],
  plainly: (text: string) => readonly string[],
): Target {
  return {
    name,
    form: name === 'json' ? 'json' : 'text',
    longest: 2048,
    words: [...WORDS, ...words],
    seeds: () => seeds,
    run: async (input) => {
      const bytes = expanded(input);
      const whole = await attempt(async () => await read(options, [bytes]));
      const cut = await attempt(async () => await read(options, pieces(bytes)));
      if ('refused' in whole) {
        must('refused' in cut, 'in other pieces it is taken');
        must(!whole.error.message.includes('hunter2'), 'a message shows a secret');
        return whole.refused;
      }
      same('value' in cut ? cut.value : cut.refused, whole.value, 'in other pieces');
      const text = new TextDecoder().decode(bytes);
      const lost = plainly(text).filter((each) => !whole.value.includes(each));
      same(lost, [], 'lost without a word');
      const strange = whole.value.filter(
        (each) => PLAIN.test(each) && !text.includes(each) && options.domain === undefined,
      );
      // Escapes, folded lines and base64 write an address in another way.
      if (!/[\\"]|::|\n[ \t]|=/.test(text)) same(strange, [], 'what does not stand in the text');
      return `taken, ${Math.min(3, sorted(whole.value).length)}, ${hashOf(bytes) % 2 === 0 ? '' : ' '}`.trim();
    },
  };
}

const ROWS = /\r?\n/;

/** Rows of a table without quotes, under a header whose only column of addresses is `mail`. */
function csvPlainly(text: string): string[] {
  const [header = '', ...rows] = text.split(ROWS);
  if (text.includes('"') || !/^[a-z]+(?:,[a-z]+)*$/.test(header)) return [];
  const at = header.split(',').indexOf('mail');
  if (
    at < 0 ||
    header.split(',').some((each) => /^(?:active|enabled|state|type|deleted|disabled|status|closed)$/.test(each))
  )
    return [];
  return rows.flatMap((row) => {
    const cell = row.split(',')[at] ?? '';
    return PLAIN.test(cell) ? [cell] : [];
  });
}

export const csv = target(
  'csv',
  { format: 'csv' },
  [
    'email',
    'Primary SMTP Address',
    'mail;',
    '"a""b"',
    '",',
    'smtp:',
    'X500:/o=x/cn=y',
    'sep=;',
    '#TYPE x',
    'active',
    'password',
    ',hunter2',
  ],
  [
    'email,name\na@b.example,"x, y"\n"c@d.example",z\n',
    'name;E-Mail\n"a ""b""";a@b.example\n\n',
    'a@b.example\tx\nc@d.example\ty',
    'x,mail\n"multi\nline",1\na@b.example,2\n',
    '\ufeffmail,n\r\na@b.example,1\r\nc@d.example,2\r\n',
    'a,b\n"x"y,z\n',
    'a,mail\nonly\n',
    'mail\n"open',
    '~70000*a~,b@c.example\n',
    'mail\n"~30000*\n~"\n',
    'mail,proxyAddresses\n,SMTP:a@b.example;smtp:c@d.example;X500:/o=x/ou=y z/cn=w\n',
    'mail,note\na@b.example,c@d.example\n',
    'mail,active\na@b.example,0\nc@d.example,1\n',
    'password,mail\nhunter2,a@b.example\n',
    '#TYPE Selected\n"Name","EmailAddresses"\n"A","SMTP:a@b.example smtp:c@d.example SIP:a@b.example"\n',
  ],
  csvPlainly,
);

/** Texts and the values of the key `mail`, by JSON.parse alone, of an array of these two kinds. */
function jsonPlainly(text: string): string[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((each: unknown) => {
    const value =
      typeof each === 'object' && each !== null && Object.keys(each).join() === 'mail'
        ? (each as { mail: unknown }).mail
        : each;
    return typeof value === 'string' && PLAIN.test(value) ? [value] : [];
  });
}

export const json = target(
  'json',
  { format: 'json' },
  [
    '[',
    ']',
    '{',
    '}',
    ',',
    '\\"',
    '\\u0022',
    'null',
    'Email',
    '"mail":',
    '"emails":',
    '"value":',
    '"active":false',
    '"next":',
    '~66000*[~',
    '~30000* ~',
  ],
  [
    '["a@b.example", "c@d.example"]',
    '[{"mail": "a@b.example", "x": [1, {"y": "]"}]}, {"Address": null}, ""]',
    '{"value": [{"mail": "a@b.example", "proxyAddresses": ["SMTP:c@d.example"]}], "@odata.nextLink": null}',
    '{"Resources": [{"userName": "x", "emails": [{"value": "a@b.example"}], "active": true}], "totalResults": 1}',
    '{"email": "a@b.example"}\n{"email": "c@d.example"}\n',
    '[{"domain": "b.example", "users": [{"email": "a@b.example", "status": "active"}]}]',
    '[{"mail": "a@b.example", "other": "c@d.example"}]',
    '[{"username": "a@b.example"}]',
    ' [ ] ',
    '["a\\"]\\\\", "b"]',
    '["a",]',
    '["a" "b"]',
    '[1]',
    '["a"] x',
    '["a"',
    '[[~5000*[~]]',
  ],
  jsonPlainly,
);

export const ldif = target(
  'ldif',
  { format: 'ldif' },
  [
    'dn: cn=x',
    'mail: ',
    'mail:: ',
    'YUBiLmV4YW1wbGU=',
    'proxyAddresses: smtp:',
    '\n ',
    'version: 1',
    'changetype: delete',
    'result: 4',
    'mail:< file:///x',
    'userPassword: hunter2',
  ],
  [
    'version: 1\n\ndn: cn=a\nmail: a@b.example\nproxyAddresses: smtp:c@d.example\n\n# x\ndn: cn=b\nmail:: YUBiLmV4YW1wbGU=\n',
    'dn: cn=a\nmail: a@b.exa\n mple\nuserPassword:: aHVudGVyMg==\n\n# search result\nsearch: 2\nresult: 0 Success\n',
    'dn: cn=a\nmail: a@b.example\n\nresult: 4 Size limit exceeded\n',
    'dn: cn=a\ndescription: see c@d.example\nmail: a@b.example\n',
    'dn: cn=a\nchangetype: modify\nmail: a@b.example\n',
    'dn: cn=a\nmail: a@b.example\naccountStatus: disabled\n',
  ],
  // Attributes that are not folded, of entries without anything else.
  (text) =>
    `\n${text}`.split(/\n\n+/).flatMap((entry) => {
      const lines = entry.split('\n').filter((line) => line !== '');
      const isPlain = lines.every((line, i) => (i === 0 ? /^dn: [a-z=]+$/ : /^mail: /).test(line));
      return isPlain
        ? lines
            .slice(1)
            .map((line) => line.slice(6))
            .filter((each) => PLAIN.test(each))
        : [];
    }),
);

export const aliases = target(
  'aliases',
  { format: 'aliases', domain: 'b.example' },
  [': ', ':fail: x', '*: x', '*: :fail: no', '"a b": x', '|/bin/x', ':include:/x', '@c.example: @d.example'],
  [
    'root: a@b.example\ndev:\n  "|/x", y\n# c\n"a b": x\n*: :fail: no\n',
    'a@c.example: x\n*@c.example: y\n"a b"@c.example: z\n',
    'a: :blackhole:\n*: b\n',
    'old: error:nouser x\n@c.example: @d.example\n',
  ],
  (text) => {
    if (/^\s|^\*|@.*:.*[*]/m.test(text)) return [];
    return text.split('\n').flatMap((line) => {
      const key = /^([a-z]+): [a-z]+$/.exec(line)?.[1];
      return key === undefined ? [] : [`${key}@b.example`];
    });
  },
);

export const passwd = target(
  'passwd',
  { format: 'passwd', domain: 'b.example' },
  [':{PLAIN}hunter2', '|{SHA512-CRYPT}$6$x', ':x:0:0:', ':x:1000:1000:', ':/home/x:/bin/sh'],
  [
    'a@b.example:{PLAIN}hunter2:5000:5000::/x::\n# c\nc|{SSHA}x\n',
    'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/sh\n',
    'alice:$6$x$hunter2:1001:12::/home/alice:/bin/false\n',
    'hunter2\n',
  ],
  (text) =>
    text.split('\n').flatMap((line) => {
      const name = /^([a-z@.]+)[:|]\{/.exec(line)?.[1];
      return name === undefined
        ? []
        : name.includes('@')
          ? PLAIN.test(name)
            ? [name]
            : []
          : /^[a-z]+$/.test(name)
            ? [`${name}@b.example`]
            : [];
    }),
);

export const screen = target(
  'screen',
  {},
  ['PrimarySmtpAddress', '------------------', ' : ', 'EmailAddresses     : {', '...', 'Name'],
  [
    '\ufeff\r\nPrimarySmtpAddress  Name\r\n------------------  ----\r\na@b.example         A\r\nc@d.example         C\r\n\r\n',
    'Name               : A\nPrimarySmtpAddress : a@b.example\nEmailAddresses     : {SMTP:a@b.example, smtp:c@d.example}\n\n',
    'PrimarySmtpAddress\n------------------\na@b.examp...\n',
  ],
  () => [],
);
