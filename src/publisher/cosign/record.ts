/**
 * What a cosigner remembers: what it has signed, what is out, and what shrinking was allowed here. `cosign.json` in
 * state_dir, written before each signature. A damaged record is not an absent one.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod/mini';
import { isInstant } from '../../bundle/offer/instant.ts';
import { isAbsent, makeFolder, writeFileAtomic } from '../../io/atomic-file.ts';
import { whyUnread, whyUnwritten } from '../../io/denied.ts';
import { HostError } from '../../errors.ts';
import { STATE_NAMES, type PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';

const sha256 = () => z.string().check(z.regex(/^[0-9a-f]{64}$/));
const count = () => z.int().check(z.gte(0));

const Shape = z.object({
  format: z.literal(1),
  name: z.string(),
  /** The last payload that was signed: never another one of its version, and none below. */
  signed: z.nullable(z.object({ version: count(), digest: sha256() })),
  /** The newest manifest that is out, by the own signature in it, or the first one that was met. */
  out: z.nullable(
    z.object({
      version: count(),
      keyring: count(),
      table: sha256(),
      /** The table of next hops; null where it has none. */
      hops: z._default(z.nullable(sha256()), null),
    }),
  ),
  /** `cosign --allow-shrink` */
  grant: z.nullable(z.object({ until: z.string().check(z.refine(isInstant)), rows: count(), domains: count() })),
});

export type CosignRecord = z.infer<typeof Shape>;

const fileOf = ({ state_dir: dir }: PublisherConfig): string => path.join(dir, STATE_NAMES.cosigned);

/** @throws PublishError STATE */
export function readRecord(config: PublisherConfig): CosignRecord {
  const file = fileOf(config);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return { format: 1, name: config.name, signed: null, out: null, grant: null };
    throw new PublishError('STATE', `cannot read ${file}: ${whyUnread(error, file)}`, error);
  }
  try {
    const record = z.parse(Shape, JSON.parse(text));
    if (record.name === config.name) return record;
    throw new PublishError('STATE', `${file} is for "${record.name}", the configuration says "${config.name}"`);
  } catch (error) {
    if (error instanceof PublishError) throw error;
    const goOn = 'move it away, then: relaymap-publish cosign --next-version N, above all that was ever signed here';
    throw new PublishError('STATE', `${file} is damaged; ${goOn}`, error);
  }
}

/** @throws PublishError OUTPUT; HostError NO_SPACE */
export function writeRecord(config: PublisherConfig, record: CosignRecord): void {
  try {
    makeFolder(config.state_dir, 0o700);
    writeFileAtomic(fileOf(config), `${JSON.stringify(record, null, 1)}\n`, 0o600);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new PublishError('OUTPUT', `cannot write ${fileOf(config)}: ${whyUnwritten(error, fileOf(config))}`, error);
  }
}
