// Envelope and table end early, at each of their boundaries: with the server's word that this is all, and with the
// manifest's too.
import { describe } from 'vitest';
import { gzipSync } from 'node:zlib';
import { eachRefused } from '../support/crowd.ts';
import { Forger, tableOf, type Lies } from '../support/forger.ts';
import { LONGER } from '../support/scene.ts';

/** Both ends byte by byte, and the middle in steps. */
function boundaries(length: number): number[] {
  const ends = (at: number) => at < 12 || at > length - 12;
  return Array.from({ length }, (_, at) => at).filter((at) => ends(at) || at % 53 === 0);
}

const LENGTH = gzipSync(tableOf(LONGER)).length;

describe('a manifest.json', () => {
  const sample = new Forger();
  const { length } = sample.publish(LONGER).manifestFile;
  const cut = (at: number): Lies => ({ file: (honest) => honest.subarray(0, at) });
  eachRefused(
    'BAD_ENVELOPE',
    // One byte may come and go with the digits of its table's size.
    boundaries(length - 4).map((at) => [`of ${at} bytes`, cut(at)] as const),
  );
});

describe('a table of which the manifest says that it is', () => {
  const cut = (at: number): Lies => ({ wire: (honest) => honest.subarray(0, at) });
  eachRefused(
    'BAD_GZIP',
    boundaries(LENGTH).map((at) => [`of ${at} bytes`, cut(at)] as const),
    { table: true },
  );
});

describe('a table of which the server says that it is, and the manifest that it is whole', () => {
  const cut = (at: number): Lies => ({
    wire: (honest) => honest.subarray(0, at),
    table: (t) => ({ ...t, wireBytes: LENGTH }),
  });
  eachRefused(
    'LENGTH_MISMATCH',
    boundaries(LENGTH).map((at) => [`of ${at} bytes`, cut(at)] as const),
    { table: true },
  );
});
