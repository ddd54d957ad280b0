// Lookups as mail makes them: RCPT by SMTP to a private Postfix over our maps, against one over postmap's own.
// Needs root, as Postfix does.
import { chmodSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compare } from '../measure.mjs';
import { startGateway } from '../postfix.mjs';
import { postmapsOwn, sampleKeys, writeKeys } from './keys.mjs';

const COUNT = 20_000;
const client = path.join(path.dirname(fileURLToPath(import.meta.url)), '../smtp-ask.mjs');

export const work = 'lookups, smtpd';
export const title = `Lookups by SMTP: ${COUNT.toLocaleString('en-US')} RCPTs to a Postfix over our maps, against one over postmap's own`;
export const goal = 'the same rate: 1.0 x';

export async function measure(site) {
  if (process.getuid?.() !== 0) return { figures: [{ what: 'RCPT by SMTP', measured: 'needs root', goal }] };
  const { keys, known } = sampleKeys(site, COUNT);
  const file = writeKeys(site, keys);
  const folders = [site.at('maps'), await postmapsOwn(site)];
  // Its processes are of another user than we.
  chmodSync(site.folder, 0o755);
  for (const folder of folders) chmodSync(folder, 0o755);
  const started = [];
  try {
    for (const folder of folders) started.push(await startGateway(site, folder));
    const [ours, yardstick] = started.map(({ port }, i) => ({
      name: ['our maps', "postmap's maps"][i],
      argv: [process.execPath, client, `${port}`, file],
      check: (stdout) => {
        if (stdout !== `${known} ${COUNT - known}\n`)
          throw new Error(`not ${known} accepted and the rest not: ${stdout}`);
      },
    }));
    const measured = await compare({ rounds: 7, ours, yardstick }, site.folder);
    const walls = measured.ours.runs.map((r) => r.wall).sort((a, b) => a - b);
    const rate = Math.round(COUNT / (walls[walls.length >> 1] / 1000));
    return { ...measured, notes: [`${rate} RCPTs a second of ours; CPU and memory are the client's`] };
  } finally {
    for (const postfix of started) await postfix.stop();
    for (const name of [folders[1], file]) rmSync(name, { recursive: true, force: true });
  }
}
