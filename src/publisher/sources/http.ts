/** The http source: a list at an HTTPS URL, as text, CSV or JSON. One GET by io/http; what could be cut short unnoticed is refused. */
import { HostError, SourceError } from '../../errors.ts';
import { HttpClient, type Answer, type Limits } from '../../io/http.ts';
import { PublishError } from '../errors.ts';
import type { HttpSource } from '../source-config.ts';
import { csvColumn } from './csv.ts';
import { jsonAddresses } from './json.ts';
import { linesOf, wholeLines } from './lines.ts';
import { readAuthority, readSecret } from './secret.ts';
import type { SourceReader } from './source-reader.ts';

export interface HttpLimits extends Limits {
  /** Of the body. */
  readonly bytes: number;
}
const LIMITS: HttpLimits = { idle: 20_000, total: 300_000, bytes: 2 ** 30 };
const ACCEPT = { text: 'text/plain', csv: 'text/csv, text/plain', json: 'application/json' };
const UNIT = { text: 'line', csv: 'row', json: 'entry' };

/** @throws HostError CONFIG: a URL that is not https, or has a user, a password or a fragment. */
export function httpSource(source: HttpSource, limits = LIMITS): SourceReader {
  const { name, format } = source;
  const url = URL.canParse(source.url) ? new URL(source.url) : null;
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new HostError(
      'CONFIG',
      `${name}: url must be an https URL without user or fragment; a token goes into token_file`,
    );
  }
  return {
    form: format === 'text' ? 'lines' : 'addresses',
    unit: UNIT[format],
    read: () => {
      const chunks = body(source, url, limits);
      if (format === 'json') return jsonAddresses(name, chunks);
      return format === 'csv' ? csvColumn(name, linesOf(name, chunks)) : linesOf(name, chunks);
    },
    ...(format === 'text' ? { readLines: (seen) => wholeLines(name, body(source, url, limits), seen) } : {}),
  };
}

async function* body(source: HttpSource, url: URL, limits: HttpLimits): AsyncGenerator<Uint8Array> {
  const { name, format, ca_file: ca, token_file: token } = source;
  const failed = (why: string, cause?: unknown) => new PublishError('SOURCE', `${name}: ${why}`, cause);
  const access = {
    ...(ca === undefined ? {} : { ca: readAuthority(ca) }),
    ...(token === undefined ? {} : { token: bearer(token) }),
  };
  const client = new HttpClient(access, limits.idle, process.env);
  try {
    const answer = await client.get(url, { accept: ACCEPT[format] }, limits);
    const refusal = refusalOf(answer);
    if (refusal !== null) {
      answer.discard();
      throw failed(refusal);
    }
    let size = 0;
    for await (const chunk of answer.body) {
      size += chunk.length;
      if (size > limits.bytes) throw failed(`more than ${limits.bytes} bytes`);
      yield chunk;
    }
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw failed(`${error.code}: ${error.message}`, error);
  } finally {
    await client.close();
  }
}

/** Why an answer is not taken for the list, or null. */
function refusalOf(answer: Answer): string | null {
  const { status } = answer;
  const location = answer.header('location');
  if (status >= 300 && status < 400 && location !== undefined) {
    return `redirected (${status}) to ${location.slice(0, 200)}; name the URL itself`;
  }
  if (status !== 200) return `status ${status}, expected 200`;
  const encoding = answer.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') return `content-encoding ${encoding.slice(0, 40)}, which was not asked for`;
  // A page to log in at, or that says sorry, has status 200 only too often.
  const type = answer.header('content-type') ?? '';
  if (/^\s*(text\/html|application\/xhtml)/i.test(type)) return `content-type ${type.slice(0, 40)}, no list`;
  const chunked = /chunked/i.test(answer.header('transfer-encoding') ?? '');
  if (!chunked && answer.header('content-length') === undefined) {
    return 'neither content-length nor chunked: a list cut short would look whole';
  }
  return null;
}

function bearer(file: string): string {
  const token = readSecret('token_file', file).trim();
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    throw new HostError('CONFIG', `token_file ${file} does not hold one bearer token`);
  }
  return token;
}
