// The keys that both lookup jobs ask for, and the map of postmap's own that answers the same.
import { copyFileSync, existsSync, mkdirSync, openSync, readSync, closeSync, fstatSync, writeFileSync } from 'node:fs';
import { run } from '../measure.mjs';

export const KEYS = 100_000;

/**
 * Keys from all over the installed list, every tenth of them unknown; the same ones each time. @returns `{ keys,
 * known }`.
 */
export function sampleKeys(site, count = KEYS) {
  const fd = openSync(site.at('maps/relay_recipients'), 'r');
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(1024);
    const keys = [];
    let known = 0;
    for (let i = 0; i < count; i++) {
      const length = readSync(
        fd,
        buffer,
        0,
        buffer.length,
        Math.floor(((i * 0.6180339887) % 1) * (size - buffer.length)),
      );
      const line = buffer.toString('latin1', 0, length).split('\n')[1];
      const key = line.slice(0, line.indexOf('\t'));
      const unknown = i % 10 === 9;
      keys.push(unknown ? `no.${key}` : key);
      if (!unknown) known++;
    }
    return { keys, known };
  } finally {
    closeSync(fd);
  }
}

/** The folder of maps that postmap itself made of the text that we wrote. */
export async function postmapsOwn(site) {
  const folder = site.at('postmap-maps');
  if (!existsSync(folder)) mkdirSync(folder);
  for (const name of ['relay_recipients', 'relay_domains']) copyFileSync(site.at('maps', name), `${folder}/${name}`);
  await run(['postmap', `cdb:${folder}/relay_recipients`, `cdb:${folder}/relay_domains`], site.env);
  return folder;
}

export function writeKeys(site, keys) {
  writeFileSync(site.at('asked'), `${keys.join('\n')}\n`);
  return site.at('asked');
}
