/**
 * A second signer on a host of its own (docs/commands.md section 3.3). One look: pull the candidate -> judge what it
 * says -> take its table -> judge that by the own sources and the own guard -> record -> sign -> serve the signature as
 * a file. What it refuses it names. Nobody writes to another's host.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { decodeEnvelope, encodeEnvelope, MANIFEST_TYPE, MAX_ENVELOPE } from '../../bundle/trust/envelope.ts';
import { nextHopsOf, parseManifest, type Manifest } from '../../bundle/offer/manifest.ts';
import { StepError } from '../../errors.ts';
import { log, logOnce } from '../../io/log.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { REFUSED } from '../keys/collect.ts';
import type { PublisherKeys } from '../keys/publisher-keys.ts';
import type { RemoteFolder } from '../keys/remote.ts';
import { openStore } from '../repository/open-store.ts';
import { goodSignatures, signaturesOf } from '../repository/sign-manifest.ts';
import { StateFolder } from '../repository/state-folder.ts';
import { putFile, type Store } from '../repository/store.ts';
import { judgeCandidate } from './judge-candidate.ts';
import { HopReadings, judgeHops } from './judge-hops.ts';
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
  readonly #kept: StateFolder;
  /** Opens `output`, for one look: its credentials may be others at the next. */
  readonly #open: () => Store;
  readonly #readings: Readings;
  readonly #hopReadings: HopReadings;
  /** When all sources were read, in milliseconds; null before the first time. */
  #lastRead: number | null = null;
  /** What was wrong with the own sources. It may name an address, a server or a file of this host. */
  #ownFault: unknown = null;

  constructor(config: PublisherConfig, keys: PublisherKeys, remote: RemoteFolder) {
    this.#config = config;
    this.#keys = keys;
    this.#remote = remote;
    this.#open = () => openStore(config.output, config.s3, { owner: `${hostname()} ${config.state_dir}` });
    this.#kept = new StateFolder(config.state_dir);
    this.#readings = new Readings(config, this.#kept);
    this.#hopReadings = new HopReadings(config);
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
    const output = this.#open();
    try {
      if (payloadType !== MANIFEST_TYPE)
        throw new PublishError('UNSIGNED', `the candidate's payloadType is "${payloadType.slice(0, 80)}"`);
      return await this.#judged(output, payload, digest, now);
    } catch (error) {
      if (error instanceof PublishError || error instanceof StepError)
        await this.#sayRefused(output, digest, error, now);
      throw error;
    } finally {
      await output.close();
    }
  }

  async #judged(output: Store, payload: Uint8Array, digest: string, now: Date): Promise<Looked> {
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
    const file = `${digest}.json`;
    if (signed?.digest === digest && (await output.look(file)) !== null) return { outcome: 'signed before', manifest };
    await this.#judgeTables(manifest, out, now);
    writeRecord(this.#config, { ...record, signed: { version: manifest.version, digest } }); // before signing
    const signatures = await signaturesOf(MANIFEST_TYPE, payload, this.#keys.signers);
    await putFile(output, file, encodeEnvelope(MANIFEST_TYPE, payload, signatures));
    await this.#clean(output);
    log('notice', `${name}: signed version ${manifest.version} (${manifest.tables.recipients.rows} rows)`);
    return { outcome: 'signed', manifest };
  }

  /** Takes the candidate's tables and judges them. */
  async #judgeTables(manifest: Manifest, out: CosignRecord['out'], now: Date): Promise<void> {
    const entry = manifest.tables.recipients;
    const { entry: hopsEntry } = nextHopsOf(manifest);
    const granted = manifest.shrinkApproved !== undefined;
    this.#kept.dropTables([entry.sha256, ...(out === null ? [] : [out.table]), ...this.#readings.tables]);
    await takeTable(this.#remote, this.#kept, entry);
    const keptHops = this.#kept.ofTransport();
    keptHops.dropTables([hopsEntry?.sha256, out?.hops].flatMap((sha256) => sha256 ?? []));
    if (hopsEntry !== null) await takeTable(this.#remote, keptHops, hopsEntry, 'transport');
    await this.#read(now).catch((error: unknown) => {
      this.#ownFault = error;
      throw error;
    });
    await judgeTable(this.#config, this.#kept, entry, out?.table ?? null, granted);
    const hops = await judgeHops(this.#config, keptHops, hopsEntry, out?.hops ?? null, granted);
    await this.#readings.compare(() => this.#kept.table(entry.sha256));
    await this.#hopReadings.compare(hops);
  }

  /** Takes note of what is out: a manifest that has the own signature, or the first that is met. */
  async #recordOfNow(): Promise<CosignRecord> {
    const record = readRecord(this.#config);
    const bytes = await this.#remote.file('../manifest.json', MAX_ENVELOPE);
    if (bytes === null) return record;
    const isOwn = goodSignatures(bytes, this.#keys.own).length > 0;
    if (!isOwn && (record.signed !== null || record.out !== null)) return record;
    const manifest = parseManifest(opened(bytes).payload);
    const { version, keyring, tables, name } = manifest;
    if (name !== this.#config.name || version <= (record.out?.version ?? 0)) return record;
    if (!isOwn) log('notice', `${name}: version ${version} is out without a signature of this host; going on from it`);
    await takeTable(this.#remote, this.#kept, tables.recipients);
    const { entry } = nextHopsOf(manifest);
    if (entry !== null) await takeTable(this.#remote, this.#kept.ofTransport(), entry, 'transport');
    const next = { ...record, out: { version, keyring, table: tables.recipients.sha256, hops: entry?.sha256 ?? null } };
    writeRecord(this.#config, next);
    return next;
  }

  get #hasSources(): boolean {
    return this.#config.source.length + this.#config.transport.length > 0;
  }

  async #read(now: Date): Promise<void> {
    if (this.#config.source.length > 0) await this.#readings.read(now);
    await this.#hopReadings.read(now);
    this.#lastRead = now.getTime();
  }

  async #readInTime(now: Date): Promise<void> {
    const last = this.#lastRead;
    if (!this.#hasSources || (last !== null && now.getTime() - last < READ_EVERY)) return;
    try {
      await this.#read(now);
    } catch (error) {
      if (!(error instanceof PublishError) && !(error instanceof StepError)) throw error;
      logOnce('warning', `${this.#config.name}: ${error.code}: ${error.message}`);
    }
  }

  /** Tells the publisher's host why nothing is signed: counts and domains, no address. A web server hands it out. */
  async #sayRefused(output: Store, digest: string, error: PublishError | StepError, now: Date): Promise<void> {
    const isOwn = error === this.#ownFault;
    const message = isOwn ? 'its own sources could not be read; its log says why' : error.message.slice(0, 2000);
    const said = { payload: digest, code: error.code, message, at: now.toISOString() };
    try {
      await putFile(output, REFUSED, Buffer.from(`${JSON.stringify(said)}\n`));
    } catch (failure) {
      if (!(failure instanceof PublishError) && !(failure instanceof StepError)) throw failure;
      logOnce('warning', `${this.#config.name}: why it is refused cannot be told: ${failure.message}`);
    }
  }

  /** Drops old signatures. */
  async #clean(output: Store): Promise<void> {
    const files = (await output.list('')).filter(({ name }) => /^[0-9a-f]{64}\.json$/.test(name));
    const byAge = files.sort((a, b) => b.modified.getTime() - a.modified.getTime());
    for (const { name } of byAge.slice(KEPT)) await output.remove(name);
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
