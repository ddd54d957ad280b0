/**
 * A second signer on a host of its own (docs/commands.md section 3.3). One look: pull the candidate -> judge what it
 * says -> take its table -> judge that by the own sources and the own guard -> record -> sign -> serve the signature as
 * a file. What it refuses it names. Nobody writes to another's host.
 */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { decodeEnvelope, encodeEnvelope, MANIFEST_TYPE, MAX_ENVELOPE } from '../../bundle/trust/envelope.ts';
import { parseManifest, type Manifest } from '../../bundle/offer/manifest.ts';
import { StepError } from '../../errors.ts';
import { makeFolder, removeDurable, writeFileAtomic } from '../../io/atomic-file.ts';
import { whyUnwritten } from '../../io/denied.ts';
import { log, logOnce } from '../../io/log.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { REFUSED } from '../keys/collect.ts';
import type { PublisherKeys } from '../keys/publisher-keys.ts';
import type { RemoteFolder } from '../keys/remote.ts';
import { Repository } from '../repository/repository.ts';
import { goodSignatures, signaturesOf } from '../repository/sign-manifest.ts';
import { judgeCandidate } from './judge-candidate.ts';
import { judgeTable, takeTable } from './judge-table.ts';
import { Readings } from './readings.ts';
import { readRecord, writeRecord, type CosignRecord } from './record.ts';

/** Milliseconds between two readings of the sources when nothing is to be signed. */
const READ_EVERY = 60_000;
/** Signatures that are kept in `output`. */
const KEPT = 32;

/** What a look came to. */
export interface Looked {
  readonly outcome: 'nothing' | 'signed' | 'signed before';
  readonly manifest: Manifest | null;
}

export class CosignHost {
  readonly #config: PublisherConfig;
  readonly #keys: PublisherKeys;
  readonly #remote: RemoteFolder;
  readonly #repository: Repository;
  readonly #readings: Readings;

  constructor(config: PublisherConfig, keys: PublisherKeys, remote: RemoteFolder) {
    this.#config = config;
    this.#keys = keys;
    this.#remote = remote;
    this.#repository = new Repository(config.output, config.state_dir);
    this.#readings = new Readings(config, this.#repository);
  }

  /** @throws PublishError UNSIGNED where it refuses; SourceError where the other host cannot be asked */
  async look(now: Date): Promise<Looked> {
    const bytes = await this.#remote.file('manifest.json', MAX_ENVELOPE);
    if (bytes === null) {
      await this.#readInTime(now);
      return { outcome: 'nothing', manifest: null };
    }
    const { payload, payloadType } = opened(bytes);
    const digest = createHash('sha256').update(payload).digest('hex');
    try {
      if (payloadType !== MANIFEST_TYPE)
        throw new PublishError('UNSIGNED', `the candidate's payloadType is "${payloadType.slice(0, 80)}"`);
      return await this.#judged(payload, digest, now);
    } catch (error) {
      if (error instanceof PublishError || error instanceof StepError) this.#sayRefused(digest, error, now);
      throw error;
    }
  }

  async #judged(payload: Uint8Array, digest: string, now: Date): Promise<Looked> {
    const record = await this.#recordOfNow();
    const { signed, out, grant } = record;
    const { name, valid_for: validFor, ring } = this.#config;
    const keyrings = [...new Set([out?.keyring ?? 0, ...(ring === undefined ? [] : [ring])])];
    const rules = {
      name,
      now,
      validFor,
      keyrings,
      out: out?.version ?? 0,
      signed,
      grant: grant === null ? null : { ...grant, until: new Date(grant.until) },
    };
    const isOut = signed?.digest === digest && signed.version <= rules.out;
    if (isOut) return { outcome: 'signed before', manifest: parseManifest(payload) };
    const manifest = judgeCandidate(payload, digest, rules);
    const file = path.join(this.#config.output, `${digest}.json`);
    if (signed?.digest === digest && statSync(file, { throwIfNoEntry: false }) !== undefined)
      return { outcome: 'signed before', manifest };
    const entry = manifest.tables.recipients;
    this.#repository.dropTables([entry.sha256, ...(out === null ? [] : [out.table]), ...this.#readings.tables]);
    await takeTable(this.#remote, this.#repository, entry);
    if (this.#config.source.length > 0) await this.#readings.read(now);
    await judgeTable(this.#config, this.#repository, entry, out?.table ?? null, manifest.shrinkApproved !== undefined);
    await this.#readings.compare(() => this.#repository.table(entry.sha256));
    writeRecord(this.#config, { ...record, signed: { version: manifest.version, digest } }); // before signing
    const signatures = await signaturesOf(MANIFEST_TYPE, payload, this.#keys.signers);
    this.#serve(file, encodeEnvelope(MANIFEST_TYPE, payload, signatures));
    this.#clean();
    log('notice', `${name}: signed version ${manifest.version} (${entry.rows} rows)`);
    return { outcome: 'signed', manifest };
  }

  /** Takes note of what is out: a manifest that has the own signature, or the first that is met. */
  async #recordOfNow(): Promise<CosignRecord> {
    const record = readRecord(this.#config);
    const bytes = await this.#remote.file('../manifest.json', MAX_ENVELOPE);
    if (bytes === null) return record;
    const isOwn = goodSignatures(bytes, this.#keys.own).length > 0;
    if (!isOwn && (record.signed !== null || record.out !== null)) return record;
    const { version, keyring, tables, name } = parseManifest(opened(bytes).payload);
    if (name !== this.#config.name || version <= (record.out?.version ?? 0)) return record;
    if (!isOwn) log('notice', `${name}: version ${version} is out without a signature of this host; going on from it`);
    await takeTable(this.#remote, this.#repository, tables.recipients);
    const next = { ...record, out: { version, keyring, table: tables.recipients.sha256 } };
    writeRecord(this.#config, next);
    return next;
  }

  async #readInTime(now: Date): Promise<void> {
    const { last } = this.#readings;
    if (this.#config.source.length === 0 || (last !== null && now.getTime() - last < READ_EVERY)) return;
    try {
      await this.#readings.read(now);
    } catch (error) {
      if (!(error instanceof PublishError) && !(error instanceof StepError)) throw error;
      logOnce('warning', `${this.#config.name}: ${error.code}: ${error.message}`);
    }
  }

  #serve(file: string, bytes: Uint8Array): void {
    try {
      makeFolder(path.dirname(file), 0o750);
      writeFileAtomic(file, bytes, 0o644);
    } catch (error) {
      if (error instanceof StepError) throw error;
      throw new PublishError('OUTPUT', `cannot write ${file}: ${whyUnwritten(error, file)}`, error);
    }
  }

  /** Tells the publisher's host why nothing is signed: counts and domains, no address. */
  #sayRefused(digest: string, error: PublishError | StepError, now: Date): void {
    const said = { payload: digest, code: error.code, message: error.message.slice(0, 2000), at: now.toISOString() };
    this.#serve(path.join(this.#config.output, REFUSED), Buffer.from(`${JSON.stringify(said)}\n`));
  }

  /** Drops old signatures. */
  #clean(): void {
    const { output } = this.#config;
    const files = readdirSync(output).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
    const byAge = files
      .map((name) => path.join(output, name))
      .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
    for (const file of byAge.slice(KEPT)) removeDurable(file);
  }
}

function opened(bytes: Uint8Array): ReturnType<typeof decodeEnvelope> {
  try {
    return decodeEnvelope(bytes);
  } catch (error) {
    if (error instanceof StepError) throw new PublishError('UNSIGNED', error.message, error);
    throw error;
  }
}
