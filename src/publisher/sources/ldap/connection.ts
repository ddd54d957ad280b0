/**
 * One connection to a directory for one export: verifies TLS, binds, reads page by page. Anything that would make a
 * part look like the whole (a limit, a referral, a missing page, a new connection) is an error.
 */
import net from 'node:net';
import tls from 'node:tls';
import { Client, PagedResultsControl, ResultCodeError, SearchResponse, type Entry, type MessageParser } from 'ldapts';
import { PublishError } from '../../errors.ts';
import { Page } from './page.ts';
import { bare, reach } from './reach.ts';
import { hasNoRecipients } from '../ldap-partitions.ts';
import { NO_SUCH_METHOD, RESULT } from './results.ts';

export interface Login {
  readonly dn: string;
  readonly password: string;
}

export interface Target {
  /** The name that messages use. */
  readonly name: string;
  readonly url: URL;
  /** A UNIX socket instead of the URL's host. */
  readonly socket: string | undefined;
  readonly starttls: boolean;
  /** PEM. If set, the only CA that is trusted; Node's own CAs are not. */
  readonly ca: string | undefined;
  readonly login: Login | undefined;
}

export interface Patience {
  /** Milliseconds for TCP and for TLS. */
  readonly connect: number;
  /** Milliseconds for one answer, that is, one page. */
  readonly answer: number;
  /** Milliseconds for everything. */
  readonly total: number;
}

export class Directory {
  readonly #target: Target;
  readonly #client: Client;
  readonly #parser: MessageParser;
  readonly #deadline: NodeJS.Timeout;
  /** The TLS socket comes before the TCP socket below it. */
  readonly #sockets: net.Socket[] = [];
  /**
   * Rejects when the time is over. ldapts has no timer for the StartTLS handshake, and waits forever for a socket
   * that just closes.
   */
  readonly #over: Promise<never>;
  #end: (late: string) => void = () => undefined;
  #last: SearchResponse | null = null;
  /** Made before ldapts needs it. For ldaps its TLS is verified. */
  #ready: net.Socket | null = null;

  private constructor(target: Target, patience: Patience) {
    this.#target = target;
    const { url } = target;
    const secure = url.protocol === 'ldaps:';
    this.#client = new Client({
      url: `${url.protocol}//${url.host}`,
      timeout: patience.answer,
      connectTimeout: patience.connect,
      ...(secure ? { tlsOptions: this.#tls() } : {}),
      createConnection: () => this.#only(this.#connection()),
      // Called with options alone to change to TLS after StartTLS; otherwise for ldaps.
      createSecureConnection: ((...args: Parameters<typeof tls.connect>) =>
        secure ? this.#only(this.#connection()) : this.#only(tls.connect(...args), true)) as typeof tls.connect,
    });
    // Private to ldapts, which drops the controls of answers. Without them nobody knows whether a page is the last.
    this.#parser = (this.#client as unknown as { readonly messageParser: MessageParser }).messageParser;
    this.#parser.on('message', (message) => {
      if (message instanceof SearchResponse) this.#last = message;
    });
    this.#over = new Promise((_, reject) => {
      this.#end = (late) => {
        reject(this.#error(late));
        this.close();
      };
    });
    this.#over.catch(() => undefined); // the code that waits for an answer reports it
    this.#deadline = setTimeout(() => this.#end(`not done within ${patience.total / 1000} s`), patience.total);
  }

  /** @throws PublishError SOURCE */
  static async open(target: Target, patience: Patience): Promise<Directory> {
    const directory = new Directory(target, patience);
    try {
      await directory.#connect(patience.connect);
      if (target.starttls) await directory.#startTls(patience.connect);
      await directory.#logIn();
      return directory;
    } catch (error) {
      directory.close();
      throw directory.#failure(error);
    }
  }

  async #connect(patience: number): Promise<void> {
    const { url, socket } = this.#target;
    if (socket !== undefined) return;
    const options = url.protocol === 'ldaps:' ? this.#tls() : null;
    this.#ready = await this.#unlessOver(reach(url, options, patience));
  }

  /** @throws Error if ldapts wants another one after it. */
  #connection(): net.Socket {
    const { socket } = this.#target;
    if (socket !== undefined) return net.connect(socket);
    const ready = this.#ready;
    if (ready === null) throw new Error('a second connection');
    this.#ready = null;
    return ready;
  }

  /**
   * Through a local socket the server knows the user, so ask it to use that (SASL EXTERNAL) unless a bind DN is
   * given.
   */
  async #logIn(): Promise<void> {
    const { login, socket } = this.#target;
    if (login !== undefined || socket === undefined) {
      await this.#unlessOver(this.#client.bind(login?.dn ?? '', login?.password ?? ''));
      return;
    }
    try {
      await this.#unlessOver(this.#client.bind('EXTERNAL'));
    } catch (error) {
      if (!(error instanceof ResultCodeError) || error.code !== NO_SUCH_METHOD) throw error;
      await this.#unlessOver(this.#client.bind('', ''));
    }
  }

  /**
   * All entries below a base, or those directly below it, in batches.
   * @throws PublishError SOURCE
   */
  async *entries(
    base: string,
    filter: string,
    attributes: readonly string[],
    scope: 'sub' | 'one' = 'sub',
  ): AsyncGenerator<Entry[]> {
    let cookie = Buffer.alloc(0);
    do {
      const answer = await this.#search(base, filter, scope, attributes, new Page(cookie));
      yield answer.entries;
      cookie = answer.cookie;
    } while (cookie.length > 0);
  }

  /** One entry by its DN. @throws PublishError SOURCE, also if the entry is gone. */
  async entry(dn: string, attributes: readonly string[]): Promise<Entry> {
    const { entries } = await this.#search(dn, '(objectClass=*)', 'base', attributes);
    const [entry] = entries;
    if (entry === undefined) throw this.#error('an entry that was just given is not there any more');
    return entry;
  }

  /** Ends the connection now, whatever is under way. */
  close(): void {
    clearTimeout(this.#deadline);
    // Keep this order: in the other order Node 20 crashes with a segmentation fault.
    for (const socket of [...(this.#ready === null ? [] : [this.#ready]), ...this.#sockets]) {
      socket.on('error', () => undefined); // ldapts removed its listeners; unheard, an error would end the process
      socket.destroy();
    }
  }

  async #search(
    base: string,
    filter: string,
    scope: 'base' | 'sub' | 'one',
    attributes: readonly string[],
    page?: Page,
  ): Promise<{ readonly entries: Entry[]; readonly cookie: Buffer<ArrayBuffer> }> {
    // ldapts would reconnect anonymously, without StartTLS, and go on.
    if (!this.#client.isConnected) throw this.#error('the connection is lost');
    this.#last = null;
    try {
      const options = { filter, scope, attributes: [...attributes], timeLimit: 0, sizeLimit: 0 };
      const { searchEntries, searchReferences } = await this.#unlessOver(this.#client.search(base, options, page));
      const elsewhere = searchReferences.find((each) => !hasNoRecipients(each));
      if (elsewhere !== undefined) {
        throw this.#error(
          `refers to ${elsewhere.slice(0, 200)} for a part of the directory; make that a source of its own, and name a base_dn without it here`,
        );
      }
      return { entries: searchEntries, cookie: page === undefined ? Buffer.alloc(0) : this.#cookie() };
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #cookie(): Buffer<ArrayBuffer> {
    if (this.#last === null) throw this.#error('gave no end of a page');
    const control = this.#last.controls?.find((each) => each instanceof PagedResultsControl);
    return Buffer.from(control?.value?.cookie ?? '');
  }

  async #startTls(patience: number): Promise<void> {
    const { hostname } = this.#target.url;
    const timer = setTimeout(() => this.#end(`no TLS within ${patience / 1000} s`), patience * 2);
    try {
      await this.#unlessOver(this.#client.startTLS({ ...this.#tls(), host: bare(hostname) }));
    } finally {
      clearTimeout(timer);
    }
    // Cleartext behind the StartTLS answer would be taken for the first bytes that came over TLS.
    const { buffer } = this.#parser as unknown as { readonly buffer?: Buffer };
    if (buffer !== undefined) throw this.#error('sent more before TLS than the answer to StartTLS');
  }

  #tls(): tls.ConnectionOptions {
    const host = bare(this.#target.url.hostname);
    const { ca } = this.#target;
    return {
      rejectUnauthorized: true, // overrides NODE_TLS_REJECT_UNAUTHORIZED
      minVersion: 'TLSv1.2',
      ...(ca === undefined ? {} : { ca }),
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
    };
  }

  /** A second connection would not be bound, and its answers would go to another reader. */
  #only<T extends net.Socket>(socket: T, isUpgrade = false): T {
    this.#sockets.unshift(socket);
    if (this.#sockets.length > 1 && !isUpgrade) socket.destroy(new Error('a second connection'));
    return socket;
  }

  /** Waits for an answer, or until the time is over. */
  #unlessOver<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.#over]);
  }

  #error(why: string, cause?: unknown): PublishError {
    return new PublishError('SOURCE', `${this.#target.name} ${why}`, cause);
  }

  #failure(error: unknown): PublishError {
    if (error instanceof PublishError) return error;
    const message = (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ': ');
    if (!(error instanceof ResultCodeError)) return this.#error(`failed: ${message}`, error);
    return this.#error(`${RESULT[error.code] ?? 'refused it'} (LDAP result ${error.code}: ${message})`, error);
  }
}
