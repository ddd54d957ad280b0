// A gateway is taken away by removing its token: with the next request it is nobody's, whatever else is wrong in the
// folder, and also where an editor has left a copy of it.
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digest } from '../../src/publisher/serve/token.ts';
import { gatewayNames, TokenFolder } from '../../src/publisher/serve/token-folder.ts';

let folder: string;

beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-tokens-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tokenOf = (name: string): string => `the-token-of-${name}-0123456789`;
const hex = (token: string): string => digest(token).toString('hex');

function put(name: string, token = tokenOf(name), mode = 0o600): void {
  writeFileSync(path.join(folder, name), `${token}\n`, { mode });
  chmodSync(path.join(folder, name), mode);
}

const opened = (): TokenFolder => new TokenFolder('serve.tokens', folder);
const whose = (tokens: TokenFolder, token: string): string | null => tokens.nameOf(hex(token));

test('each token is of the gateway that its file is named after', () => {
  for (const name of ['mx1', 'mx2.example.org', 'a_b-c', 'x'.repeat(64)]) put(name);
  const tokens = opened();
  for (const name of gatewayNames(folder)) expect(whose(tokens, tokenOf(name))).toBe(name);
  expect(gatewayNames(folder)).toHaveLength(4);
  expect(whose(tokens, '')).toBeNull();
  expect(whose(tokens, tokenOf('nobody'))).toBeNull();
});

test('a file that is removed, renamed or changed counts no more with the next request, without a look', () => {
  for (const name of ['mx1', 'mx2', 'mx3', 'mx4', 'mx5']) put(name);
  const tokens = opened();
  rmSync(path.join(folder, 'mx1'));
  expect(whose(tokens, tokenOf('mx1'))).toBeNull();
  renameSync(path.join(folder, 'mx2'), path.join(folder, '.mx2'));
  expect(whose(tokens, tokenOf('mx2'))).toBeNull();
  put('mx3', 'another-token-of-mx3-0123456789');
  expect(whose(tokens, tokenOf('mx3'))).toBeNull();
  expect(whose(tokens, 'another-token-of-mx3-0123456789')).toBe('mx3');
  renameSync(path.join(folder, 'mx4'), path.join(folder, 'mx9'));
  expect(whose(tokens, tokenOf('mx4'))).toBe('mx9');
  expect(whose(tokens, tokenOf('mx5'))).toBe('mx5');
});

test('a new file counts at the next look', () => {
  put('mx1');
  const tokens = opened();
  put('mx2');
  tokens.look();
  expect([whose(tokens, tokenOf('mx1')), whose(tokens, tokenOf('mx2'))]).toEqual(['mx1', 'mx2']);
});

test('the whole folder is removed: nobody has a token; it comes back with the next look', () => {
  put('mx1');
  const tokens = opened();
  rmSync(folder, { recursive: true });
  expect(whose(tokens, tokenOf('mx1'))).toBeNull();
  tokens.look();
  mkdirSync(folder);
  put('mx2');
  tokens.look();
  expect([whose(tokens, tokenOf('mx1')), whose(tokens, tokenOf('mx2'))]).toEqual([null, 'mx2']);
});

test('the folder is opened to others: what was read stays in use, and what is removed counts no more', () => {
  put('mx1');
  put('mx2');
  const tokens = opened();
  chmodSync(folder, 0o777);
  put('intruder');
  rmSync(path.join(folder, 'mx1'));
  tokens.look();
  expect(['mx1', 'mx2', 'intruder'].map((name) => whose(tokens, tokenOf(name)))).toEqual([null, 'mx2', null]);
});

test.each([
  '.mx1',
  '.mx1.swp',
  'mx1~',
  '#mx1#',
  'mx1.bak',
  'mx1.dpkg-old',
  'mx1.rpmsave',
  'mx1.orig',
  'mx 1',
  'm\u00fc',
  'x'.repeat(65),
])('a file named %j is no token of a gateway', (name) => {
  put('mx1', 'the-own-token-of-mx1-0123456789');
  put(name);
  const tokens = opened();
  expect(whose(tokens, tokenOf(name))).toBeNull();
  expect(whose(tokens, 'the-own-token-of-mx1-0123456789')).toBe('mx1');
  expect(gatewayNames(folder)).toEqual(['mx1']);
});

test('a token that others can read, that is short, of two lines, or no file, does not count; the others do', () => {
  put('mx1');
  put('open', tokenOf('open'), 0o644);
  put('short', 'short');
  put('two', `${tokenOf('two')}\nmore`);
  put('empty', '');
  mkdirSync(path.join(folder, 'folder'));
  symlinkSync('nowhere', path.join(folder, 'link'));
  // A folder is no gateway that one waits for.
  expect(gatewayNames(folder)).toEqual(['empty', 'link', 'mx1', 'open', 'short', 'two']);
  const tokens = opened();
  for (const name of ['open', 'two', 'short']) expect(whose(tokens, tokenOf(name))).toBeNull();
  expect(['short', '', `${tokenOf('two')}\nmore`].map((token) => whose(tokens, token))).toEqual([null, null, null]);
  expect(whose(tokens, tokenOf('mx1'))).toBe('mx1');
  chmodSync(path.join(folder, 'open'), 0o640);
  tokens.look();
  expect(whose(tokens, tokenOf('open'))).toBe('open');
});

test('two files with one token: it is the first one, and only when both are gone nobody', () => {
  put('mx1', tokenOf('both'));
  put('mx2', tokenOf('both'));
  const tokens = opened();
  expect(whose(tokens, tokenOf('both'))).toBe('mx1');
  rmSync(path.join(folder, 'mx1'));
  expect(whose(tokens, tokenOf('both'))).toBe('mx2');
  rmSync(path.join(folder, 'mx2'));
  expect(whose(tokens, tokenOf('both'))).toBeNull();
});

test('no folder, or one that others may write, is CONFIG at the start', () => {
  put('mx1');
  chmodSync(folder, 0o777);
  expect(opened).toThrow(/serve\.tokens .* can be written by everybody.*chmod go-w/);
  rmSync(folder, { recursive: true });
  expect(opened).toThrow(/cannot read the folder of tokens .*ENOENT/);
});
