// What a command has written, as strace sees it: the bytes of every write to a file, those of its children too.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { run } from './measure.mjs';

const CALL = /\b(?:p?write(?:v|64|v2)?)\([0-9]+<(\/[^>]*)>.*\) = ([0-9]+)$/;

/** @returns bytes, in files and not in pipes, sockets or devices */
export async function writtenBy(argv, env) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-written-'));
  const log = path.join(folder, 'calls');
  try {
    const calls = 'trace=write,pwrite64,writev,pwritev,pwritev2';
    await run(['strace', '-f', '-y', '-s', '0', '-e', calls, '-o', log, ...argv], env);
    let bytes = 0;
    for (const line of readFileSync(log, 'utf8').split('\n')) {
      const [, file, count] = CALL.exec(line) ?? [];
      if (file !== undefined && !file.startsWith('/dev/')) bytes += Number(count);
    }
    return bytes;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
