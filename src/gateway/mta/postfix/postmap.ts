/**
 * The host's own postmap, for the map types that only Postfix can write. Its exit status proves nothing, so what it
 * wrote is counted and asked for again.
 */
import { postfixStream } from './commands.ts';
import type { MapType } from '../../map-files.ts';

export interface PostmapFault {
  readonly code: 'COMPILE_FAILED' | 'READBACK_FAILED';
  readonly why: string;
}

/**
 * Makes `text` into a map beside it and reads it back.
 * @param rows how many rows the text has. @param keys rows that must be found.
 * @returns null, or what is wrong.
 */
export async function postmap(
  type: MapType,
  text: string,
  rows: number,
  keys: readonly Uint8Array[],
): Promise<PostmapFault | null> {
  const failed = (why: string): PostmapFault => ({ code: 'COMPILE_FAILED', why });
  const damaged = (why: string): PostmapFault => ({ code: 'READBACK_FAILED', why });
  const types = await run('postconf', ['-m'], '');
  if (types.status !== 0) return failed(`maps.types names ${type}, but postconf cannot be run (${types.error})`);
  if (!types.stdout.split('\n').includes(type)) {
    return failed(lacking(type));
  }
  const made = await run('postmap', [`${type}:${text}`], '');
  if (made.status !== 0) return failed(`postmap ${type}: status ${made.status} ${made.error}`);
  const all = await run('postmap', ['-s', `${type}:${text}`], '', true);
  if (all.lines !== rows) return damaged(`the ${type} map has ${all.lines} rows, ${rows} were written`);
  const wanted = keys.map((key) => `${Buffer.from(key).toString()}\n`);
  const found = await run('postmap', ['-q', '-', `${type}:${text}`], wanted.join(''), true);
  if (found.lines !== wanted.length)
    return damaged(`${found.lines} of ${wanted.length} rows are found in the ${type} map`);
  const absent = wanted.map((key) => `\u0001${key}`);
  const strangers = await run('postmap', ['-q', '-', `${type}:${text}`], absent.join(''), true);
  return strangers.lines === 0 ? null : damaged(`rows that were not written are found in the ${type} map`);
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly lines: number;
  readonly error: string;
}

/** @param count only count the lines of the answer: it may be as long as the list. */
async function run(command: string, args: string[], input: string, count = false): Promise<Ran> {
  let [stdout, lines] = ['', 0];
  const { status, error } = await postfixStream(command, args, input, (chunk) => {
    for (const byte of chunk) if (byte === 0x0a) lines++;
    if (!count) stdout += chunk.toString();
  });
  return { status, stdout, lines, error };
}

function lacking(type: MapType): string {
  const way =
    type === 'lmdb' ? 'apt-get install postfix-lmdb' : 'distributions drop Berkeley DB; name cdb or lmdb in maps.types';
  return `this host's Postfix has no map type ${type}: ${way}`;
}
