// A configuration with a mistake ends the command with a message that names file, key and rule; nothing is guessed.
// Covers src/publisher/later-keys.ts
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { HostError } from '../../src/errors.ts';
import { defaultStateDir, readPublisherConfig, type PublisherConfig } from '../../src/publisher/config.ts';

function read(text: string | Uint8Array): PublisherConfig {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-config-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(path.join(dir, 'publish.toml'), text);
  return readPublisherConfig(path.join(dir, 'publish.toml'));
}

const TOP = 'name = "example-org"\noutput = "/srv/out"\nkeys = ["/etc/a.key"]\n';
const SOURCE = '[[source]]\ntype = "file"\npath = "/etc/list"\n';
const SERVE = '[serve]\ncert = "/c"\nkey = "/k"\n';

function message(text: string | Uint8Array): string {
  try {
    read(text);
  } catch (error) {
    if (error instanceof HostError) {
      expect(error.message).toContain('publish.toml');
      return `${error.code} ${error.message.replaceAll(/\S*publish\.toml/g, 'FILE')}`;
    }
    throw error;
  }
  return 'accepted';
}

test('a configuration that is not there: what to begin with', () => {
  expect(() => readPublisherConfig('/nonexistent/x.toml')).toThrow(
    /^there is no configuration \/nonexistent\/x\.toml\. To begin with: cp \S+ \/nonexistent\/x\.toml$/,
  );
});

test('what is not said has the values of docs/commands.md', () => {
  const config = read(TOP + SOURCE + SERVE);
  expect(config).toMatchObject({
    state_dir: '/var/lib/relaymap-publish',
    valid_for: 7 * 86_400_000,
    keep_deltas: 8,
    policy: { wildcards: [], postmaster: true, max_shrink_percent: 10, skip_invalid: false },
    serve: { listen: '0.0.0.0:8443', public: false },
    watch: { interval: 5000, debounce: 500 },
  });
});

describe('an unknown key is named, with the nearest known one', () => {
  test.each([
    ['outptu = "/x"\n' + TOP + SOURCE, 'unknown key outptu; did you mean output?'],
    ['keep_delta = 3\n' + TOP + SOURCE, 'unknown key keep_delta; did you mean keep_deltas?'],
    [TOP + SOURCE + 'pth = "/x"\n', 'unknown key source.0.pth; did you mean source.0.path?'],
    [TOP + SOURCE + '[policy]\nwildcard = []\n', 'unknown key policy.wildcard; did you mean policy.wildcards?'],
    [
      TOP + SOURCE + '[policy]\nskip-invalid = true\n',
      'unknown key policy.skip-invalid; did you mean policy.skip_invalid?',
    ],
    [TOP + SOURCE + SERVE + 'token-file = "/t"\n', 'unknown key serve.token-file; did you mean serve.token_file?'],
    [TOP + SOURCE + '[watch]\nintervall = "5s"\n', 'unknown key watch.intervall; did you mean watch.interval?'],
    [TOP + '[[sources]]\ntype = "file"\n', 'unknown key sources; did you mean source?'],
  ])('%#', (text, words) => {
    const found = message(text);
    // A required key may be missing for the same slip; the slip itself must be named.
    expect(found).toMatch(/^CONFIG FILE: /);
    expect(found).toContain(words);
  });

  test('one that is like none is only named', () => {
    expect(message('colour = "red"\n' + TOP + SOURCE)).toBe('CONFIG FILE: unknown key colour');
  });
});

describe('a source whose keys do not fit its type', () => {
  test.each([
    ['sql', 'preset = "mailcow"', 'source.0: url or url_file is missing'],
    ['sql', 'url = "postgres:///mail"', 'source.0: preset or query is missing'],
    ['sql', 'url = "postgres:///mail"\npreset = "mailcow"\nquery = "SELECT 1"', 'preset and query exclude each other'],
    ['ldap', 'url = "ldaps://dc1.example.org"\nfilter = "(mail=*)"', 'source.0: base_dn is missing'],
    [
      'ldap',
      'url = "ldaps://x"\nbase_dn = "dc=x"\nfilter = "(mail=*)"\nargv = ["x"]',
      'argv means nothing for type "ldap"',
    ],
    ['http', 'format = "csv"', 'source.0: url is missing'],
    ['file', 'path = "/x"\nformat = "xml"', 'source.0.format must be one of text, csv, json'],
    ['file', 'path = "/x"\nencoding = "cp850"', 'source.0.encoding must be one of utf-8, utf-16'],
    ['file', 'path = "/x"\nseparator = "::"', 'source.0.separator must be one character'],
    ['file', 'path = "/x"\nformat = "json"\nseparator = ";"', 'separator means nothing for format "json"'],
    ['file', 'path = "/x"\nformat = "json"\ncolumns = [2]', 'columns of json are names, not numbers'],
    ['file', 'path = "/x"\nformat = "aliases"\ncolumns = ["mail"]', 'columns means nothing for format "aliases"'],
    ['command', 'argv = ["x"]\ncolumns = []', 'source.0.columns must name a column'],
    ['command', 'argv = ["x"]\ndomain = "example"', 'domain "example" has a domain of a single label'],
    ['file', 'path = "/x"\nbasic_file = "/y"', 'basic_file means nothing for type "file"'],
    ['http', 'url = "https://x"\ntoken_file = "/y"\nbasic_file = "/z"', 'token_file and basic_file exclude each other'],
    ['http', 'url = "https://x"\nheader_file = "y"', 'source.0.header_file must be an absolute path'],
    ['command', 'argv = []', 'source.0.argv must name a program'],
    ['postfix-map', 'format = "text"\npath = "/x"', 'format means nothing for type "postfix-map"'],
  ])('%s with %j', (type, lines, words) => {
    expect(message(`${TOP}[[source]]\ntype = "${type}"\n${lines}\n`)).toContain(words);
  });

  test('two of one name; two that have none are told apart by their number', () => {
    const sql = (lines: string) => `[[source]]\ntype = "sql"\nurl = "postgres://reader:secret@db/mail"\n${lines}\n`;
    expect(message(TOP + sql('query = "1"\nname = "a"') + sql('query = "2"\nname = "a"'))).toContain('named "a"');
    const names = read(TOP + sql('query = "1"') + sql('query = "2"')).source.map(({ name }) => name);
    expect(names).toEqual(['postgres://db/mail', 'postgres://db/mail (source 2)']);
  });

  test('a type that nobody knows, and a file with the settings of another type', () => {
    expect(message(`${TOP}[[source]]\ntype = "flie"\n`)).toMatch(/source\.0\.type must be one of file, /);
    expect(message(`${TOP}[[source]]\npath = "/x"\n`)).toMatch(/source\.0\.type/);
    expect(message(`${TOP}[[source]]\ntype = "file"\n`)).toMatch(/source\.0: path is missing/);
    expect(message(`${TOP}${SOURCE}bind_dn = "x"\n`)).toMatch(/source\.0: bind_dn/);
    expect(message(`${TOP}${SOURCE}[[source]]\ntype = "file"\npath = "relative"\n`)).toMatch(
      /source\.1\.path .*absolute/,
    );
  });
});

describe('durations', () => {
  const at = (value: string) => read(`valid_for = "${value}"\n${TOP}${SOURCE}`).valid_for;

  test('units', () => {
    expect(['30s', '1m', '24h', '7d', '90d'].map(at)).toEqual([30_000, 60_000, 86_400_000, 604_800_000, 7_776_000_000]);
    expect(read(`${TOP}${SOURCE}[watch]\ndebounce = "250ms"\ninterval = "1m"\n`).watch).toEqual({
      debounce: 250,
      interval: 60_000,
    });
    expect(read(`${TOP}${SOURCE}[watch]\ndebounce = "2s"\n`).watch.debounce).toBe(2000);
  });

  test.each([
    '"7"',
    '"7 days"',
    '"-1d"',
    '"1.5d"',
    '"1w"',
    '"d"',
    '""',
    '7',
    '"91d"',
    '"0d"',
    '"1e3s"',
    '"99999999999999d"',
  ])('valid_for = %s', (value) => {
    expect(message(`valid_for = ${value}\n${TOP}${SOURCE}`)).toMatch(/^CONFIG FILE: valid_for must be /);
  });

  test.each(['500', '"0.5s"', '"1234567ms"', '"ms"'])('debounce = %s', (value) => {
    expect(message(`${TOP}${SOURCE}[watch]\ndebounce = ${value}\n`)).toMatch(/^CONFIG FILE: watch\.debounce /);
  });
});

test.each([
  ['no name', TOP.replace(/name.*\n/, '') + SOURCE, 'name'],
  ['a name in upper case', TOP.replace('example-org', 'Example') + SOURCE, 'name must match'],
  ['no output', TOP.replace(/output.*\n/, '') + SOURCE, 'output'],
  ['a relative output', TOP.replace('/srv', 'srv') + SOURCE, 'output must be an absolute path'],
  ['an empty output', TOP.replace('/srv/out', '') + SOURCE, 'output must not be empty'],
  ['no key', TOP.replace(/\[.*\]/, '[]') + SOURCE, 'keys must name at least one key'],
  ['keys that are no list', TOP.replace(/\[.*\]/, '"/k"') + SOURCE, 'keys must be a list'],
  [
    'seventeen keys',
    TOP.replace(/\[.*\]/, JSON.stringify(Array.from({ length: 17 }, (_, i) => `/${i}`))) + SOURCE,
    'keys names more than 16',
  ],
  ['no source', TOP, 'source'],
  ['a source that is no list', `${TOP}[source]\ntype = "file"\n`, 'source'],
  ['65 deltas', `keep_deltas = 65\n${TOP}${SOURCE}`, 'keep_deltas must be a whole number from 0 to 64'],
  ['minus one delta', `keep_deltas = -1\n${TOP}${SOURCE}`, 'keep_deltas must be a whole number from 0 to 64'],
  ['101 per cent', `${TOP}${SOURCE}[policy]\nmax_shrink_percent = 101\n`, 'policy.max_shrink_percent must be'],
  ['text for a flag', `${TOP}${SOURCE}[policy]\npostmaster = "yes"\n`, 'policy.postmaster must be true or false'],
  ['serve without a certificate', `${TOP}${SOURCE}[serve]\nkey = "/k"\n`, 'serve.cert'],
  [
    'a wildcard that is no domain',
    `${TOP}${SOURCE}[policy]\nwildcards = ["ok.example", "example"]\n`,
    'policy.wildcards',
  ],
])('%s', (_, text, words) => {
  const found = message(text);
  expect(found).toMatch(/^CONFIG FILE: /);
  expect(found).toContain(words);
});

test('what is no TOML is told by its line, what is no UTF-8 in words, and a file that is not there by its name', () => {
  expect(message(`${TOP}this is not toml\n`)).toMatch(/^CONFIG FILE, line 4: /);
  expect(message(Buffer.from([0x6e, 0xff, 0xfe]))).toMatch(/^CONFIG .*FILE: it is not UTF-8$/);
  expect(() => readPublisherConfig('/nowhere/publish.toml')).toThrow(/\/nowhere\/publish\.toml/);
});

describe('what this version does not have is refused by name, never passed over', () => {
  test.each([
    ['sealed = true\n' + TOP + SOURCE, /: sealed = true is not in this version/],
    [TOP + '[[source]]\ntype = "scim"\nurl = "https://x.example"\n', /: source\.0\.type "scim" is not in this version/],
    [TOP + SOURCE + '[[source]]\ntype = "graph"\n', /: source\.1\.type "graph" is not in this version/],
  ])('%#', (text, words) => {
    expect(message(text)).toMatch(words);
  });

  test('the values that this version keeps anyhow are taken', () => {
    expect(read('sealed = false\nthreshold = 1\n' + TOP + SOURCE)).toMatchObject({ sealed: false, threshold: 1 });
  });
});

describe('a bucket', () => {
  const BUCKET = TOP.replace('/srv/out', 's3://bucket/prefix');
  const ENDPOINT = '[s3]\nendpoint = "https://s3.example"\n';

  test('is taken', () => {
    expect(read(BUCKET + SOURCE + ENDPOINT)).toMatchObject({
      output: 's3://bucket/prefix',
      s3: { endpoint: 'https://s3.example', single_publisher: false, instance_metadata: false },
    });
    const cosigner = 'candidate = "https://c.example/candidate/"\n';
    expect(read(cosigner + BUCKET + ENDPOINT)).toMatchObject({ output: 's3://bucket/prefix', source: [] });
  });

  test.each([
    [BUCKET.replace('bucket/prefix', 'bucket/../x') + SOURCE, /: output must be an absolute path, or like "s3:/],
    [TOP + SOURCE + ENDPOINT, /: \[s3\] is of use with output = "s3:/],
    [BUCKET + SOURCE + '[s3]\nendpoint = "http://s3.example"\n', /: s3\.endpoint must be like "https:/],
    [BUCKET + SOURCE + '[s3]\nregion = "Nowhere!"\n', /: s3\.region must be like "eu-central-1"/],
    [BUCKET + SOURCE + '[s3]\nsecret = "x"\n', /s3\.secret/],
  ])('%#', (text, words) => {
    expect(message(text)).toMatch(words);
  });
});

describe('policy and sources', () => {
  test.each([
    ['policy.domains must name at least one domain', '[policy]\ndomains = []\n'],
    ['policy.domains.0 "a b.example" has a space in its domain', '[policy]\ndomains = ["a b.example"]\n'],
    ['policy.wildcards.0 "*.a.example" has the character "*" in its domain', '[policy]\nwildcards = ["*.a.example"]\n'],
    ['policy.remove_after must be at most 90d', '[policy]\nremove_after = "91d"\n'],
    ['policy.min_rows must be a whole number from 0 to 1000000000', '[policy]\nmin_rows = -1\n'],
    ['source.0.remove_after must be like "5m"', 'remove_after = "soon"\n'],
    ['source.0.skip_domains.0 "com" has a domain of a single label', 'skip_domains = ["com"]\n'],
  ])('%s', (words, lines) => {
    expect(message(TOP + SOURCE + lines)).toContain(words);
  });
});

test.each([
  ['/etc/relaymap-publish/relaymap-publish.toml', '/var/lib/relaymap-publish'],
  ['/etc/relaymap-publish/anvil.toml', '/var/lib/relaymap-publish/anvil'],
  ['/etc/relaymap-publish/../relaymap-publish/anvil.toml', '/var/lib/relaymap-publish/anvil'],
  ['/etc/relaymap-publish/old/anvil.toml', '/var/lib/relaymap-publish'],
  ['/home/me/anvil.toml', '/var/lib/relaymap-publish'],
])('two lists of one host do not share a state: %s', (file, state) => {
  expect(defaultStateDir(file)).toBe(state);
});

test.each(['tables', 'sources', 'waiting', 'transport', 'candidates', 'lock', 'state.json'])(
  'a list whose state would lie among the files of another one is refused: %s',
  (name) => {
    const state = defaultStateDir(`/etc/relaymap-publish/${name}.toml`);
    expect(state).toBe(`/var/lib/relaymap-publish/${name}`);
    const said = message(`state_dir = "${state}"\n${TOP}${SOURCE}`);
    expect(said).toContain(`CONFIG FILE: state_dir would be ${state}, and "${name}" is a name that`);
    expect(read(`state_dir = "/srv/state/${name}"\n${TOP}${SOURCE}`).state_dir).toBe(`/srv/state/${name}`);
  },
);
