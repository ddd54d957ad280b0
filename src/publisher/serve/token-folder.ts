/**
 * `tokens` of `serve`: a folder with a file a gateway, whose name is the gateway's. A file that is taken away ends its
 * token with the next request; a new or changed one counts at the next look. Reads that folder and nothing else.
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { GATEWAY_ID } from '../../bundle/fleet/user-agent.ts';
import { HostError, StepError } from '../../errors.ts';
import { whyUnread } from '../../io/denied.ts';
import { log, logOnce } from '../../io/log.ts';
import { requireUnwritable } from '../../io/rights.ts';
import { readToken } from './token.ts';

/** What editors and package managers leave beside a file: the token in it may be one that was taken away. */
const LEFT_OVER = /^\.|\.(bak|old|orig|save|sw[a-p]|tmp|rej|dpkg-[a-z]+|ucf-[a-z]+|rpm[a-z]+)$/i;

interface Tokens {
  /** Hexadecimal digest of the token -> name of the gateway. */
  readonly names: ReadonlyMap<string, string>;
  /** By name: the file as it was when it was read. */
  readonly marks: ReadonlyMap<string, string>;
}

export class TokenFolder {
  readonly #option: string;
  readonly #folder: string;
  #tokens: Tokens;

  /** @param option the configuration key, for messages. @throws HostError CONFIG */
  constructor(option: string, folder: string) {
    this.#option = option;
    this.#folder = folder;
    this.#tokens = this.#read();
  }

  /** @param digest hexadecimal SHA-256 of the token that was given. @returns whose it is now; null for nobody's */
  nameOf(digest: string): string | null {
    const name = this.#tokens.names.get(digest);
    if (name === undefined) return null;
    if (this.#markOf(name) === this.#tokens.marks.get(name)) return name;
    this.look();
    const now = this.#tokens.names.get(digest) ?? null;
    // A file that is gone counts for nothing, also where the rest of the folder cannot be read.
    return now === null || this.#markOf(now) === 'ENOENT' ? null : now;
  }

  #markOf(name: string): string {
    return markOf(path.join(this.#folder, name));
  }

  /** Reads again where something is not as it was. */
  look(): void {
    try {
      const names = gatewayNames(this.#folder);
      const { marks } = this.#tokens;
      const same = (name: string) => marks.get(name) === this.#markOf(name);
      if (names.length === marks.size && names.every(same)) return;
      this.#tokens = this.#read();
      log('notice', `${this.#option} ${this.#folder} has changed and is read again: ${count(this.#tokens)}`);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      // A folder that is gone has no tokens. One that cannot be read now may have them still.
      if (markOf(this.#folder) === 'ENOENT') this.#tokens = { names: new Map(), marks: new Map() };
      const still = this.#tokens.marks.size === 0 ? 'No token of it counts' : 'What was read before stays in use';
      logOnce('warning', `${error.message}. ${still} until it is right`);
    }
  }

  #read(): Tokens {
    const [option, folder] = [this.#option, this.#folder];
    requireUnwritable(option, folder);
    const names = new Map<string, string>();
    const marks = new Map<string, string>();
    for (const name of gatewayNames(folder)) {
      const file = path.join(folder, name);
      marks.set(name, markOf(file));
      try {
        const digest = readToken(option, file).toString('hex');
        const other = names.get(digest);
        if (other === undefined) names.set(digest, name);
        else
          logOnce(
            'warning',
            `${option}: ${other} and ${name} have the same token, which counts as ${other}'s; to take one away, give each its own`,
          );
      } catch (error) {
        if (!(error instanceof StepError)) throw error;
        logOnce('warning', `${error.message}. The token of ${name} does not count until it is right`);
      }
    }
    if (names.size === 0) logOnce('warning', `${option} ${folder} has no token that counts: nobody is let in by it`);
    return { names, marks };
  }
}

/**
 * The gateways that have a file in a folder of tokens, sorted; its files are not opened.
 * @throws HostError CONFIG if the folder cannot be read.
 */
export function gatewayNames(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && GATEWAY_ID.test(entry.name) && !LEFT_OVER.test(entry.name))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw new HostError('CONFIG', `cannot read the folder of tokens ${folder}: ${whyUnread(error, folder)}`, error);
  }
}

const count = ({ names }: Tokens): string => (names.size === 1 ? '1 gateway' : `${names.size} gateways`);

/** Equal where the file was not changed, replaced, made or removed. */
function markOf(file: string): string {
  try {
    const { dev, ino, size, mode, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mode, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
