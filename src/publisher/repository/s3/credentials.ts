/**
 * Where the credentials of an object store come from (docs/commands.md section 3.1): the file that the configuration
 * names, else the AWS variables of the environment, else, where the configuration asks for it, the metadata service
 * of the cloud (IMDSv2), or what gives a container its credentials (ECS, EKS). They are read anew for each run, so a
 * change needs no restart.
 */
import { HostError, SourceError } from '../../../errors.ts';
import { HttpClient, type Answer } from '../../../io/http.ts';
import { PublishError } from '../../errors.ts';
import { readGivenSecret, readSecretPem } from '../../sources/secret.ts';
import { credentialsIn, parseCredentials, valuesOf, type Credentials } from './credentials-text.ts';
import type { S3Config } from './location.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const METADATA = 'http://169.254.169.254';
const CONTAINERS = 'http://169.254.170.2';
/** Addresses that never leave the host: loopback, and those of ECS and EKS. */
const OF_THIS_HOST = /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\]|169\.254\.170\.(2|23)|\[fd00:ec2::23\])$/;
const LIMITS = { idle: 2000, total: 5000 };
/** Seconds that the metadata service's token holds. */
const TTL = 300;
const MOST = 64 * 1024;

/** @throws HostError CONFIG; PublishError OUTPUT if the metadata service cannot be asked */
export async function readCredentials(
  { credentials_file: file, instance_metadata: asks }: Pick<S3Config, 'credentials_file' | 'instance_metadata'>,
  env: Environment,
): Promise<Credentials> {
  if (file !== undefined) {
    const profile = env['AWS_PROFILE'] ?? null;
    const found = parseCredentials(readSecretPem('s3.credentials_file', file), profile);
    if (found !== null) return found;
    const where = profile === null ? '' : ` in its section [${profile}] (AWS_PROFILE)`;
    throw new HostError(
      'CONFIG',
      `s3.credentials_file ${file} holds no aws_access_key_id and aws_secret_access_key${where}`,
    );
  }
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
  const found = credentialsIn(valuesOf(names.map((name) => [name, env[name]] as const)));
  if (found !== null) return found;
  if (asks) return containerUrl(env) === null ? await ofInstance(env) : await ofContainer(env);
  throw new HostError(
    'CONFIG',
    'no credentials for the object store: name a file in s3.credentials_file, set AWS_ACCESS_KEY_ID and ' +
      'AWS_SECRET_ACCESS_KEY, or say s3.instance_metadata = true on an instance that has a role',
  );
}

/** Reads what a metadata service gives. */
type Reader = (what: string, answer: Answer) => Promise<string>;

/** @throws PublishError OUTPUT */
async function asked(
  service: string,
  ask: (client: HttpClient, read: Reader) => Promise<readonly [what: string, text: string]>,
): Promise<Credentials> {
  const client = new HttpClient({ plain: true }, LIMITS.idle, {});
  const failed = (why: string, cause?: unknown) =>
    new PublishError('OUTPUT', `${service} gives no credentials: ${why}`, cause);
  const read = async (what: string, answer: Answer): Promise<string> => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of answer.body) {
      length += chunk.length;
      if (length > MOST) throw failed(`${what} is over ${MOST} bytes`);
      chunks.push(chunk);
    }
    if (answer.status !== 200) throw failed(`${what}: status ${answer.status}`);
    return Buffer.concat(chunks).toString();
  };
  try {
    const [what, text] = await ask(client, read);
    const found = parseCredentials(text, null);
    if (found === null) throw failed(`${what}: what it gives holds no key`);
    return found;
  } catch (error) {
    if (error instanceof SourceError) throw failed(`${error.code}: ${error.message}`, error);
    throw error;
  } finally {
    await client.close();
  }
}

/** Asks the metadata service, by a token first: a forwarded request cannot get that. */
async function ofInstance(env: Environment): Promise<Credentials> {
  const base = new URL(env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? METADATA);
  const roles = new URL('/latest/meta-data/iam/security-credentials/', base);
  const service = `the metadata service at ${base.host}`;
  return await asked(service, async (client, read) => {
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TTL), 'content-length': '0' };
    const sent = await client.send(new URL('/latest/api/token', base), { method: 'PUT', headers }, LIMITS);
    const token = { 'x-aws-ec2-metadata-token': (await read('its token', sent)).trim() };
    const role = (await read('the list of roles', await client.get(roles, token, LIMITS))).split('\n')[0]?.trim() ?? '';
    if (!/^[A-Za-z0-9+=,.@_-]{1,128}$/.test(role))
      throw new PublishError('OUTPUT', `${service} gives no credentials: this instance has no role`);
    return [`role ${role}`, await read(`role ${role}`, await client.get(new URL(role, roles), token, LIMITS))];
  });
}

/** Where a container gets its credentials; null if this is none. @throws HostError CONFIG */
function containerUrl(env: Environment): URL | null {
  const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full } = env;
  if (relative !== undefined && relative !== '') {
    const url = /^\/(?![/\\])[!-~]*$/.test(relative) ? new URL(relative, CONTAINERS) : null;
    if (url?.origin === CONTAINERS) return url;
    throw new HostError('CONFIG', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path');
  }
  if (full === undefined || full === '') return null;
  const url = URL.canParse(full) ? new URL(full) : null;
  if (url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && OF_THIS_HOST.test(url.hostname))))
    return url;
  throw new HostError('CONFIG', 'AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https: nor of this host');
}

async function ofContainer(env: Environment): Promise<Credentials> {
  const url = containerUrl(env) ?? new URL(CONTAINERS);
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN: given, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file } = env;
  const token = file === undefined ? given : readGivenSecret('AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE', file);
  if (token !== undefined && !/^[ -~]*$/.test(token))
    throw new HostError('CONFIG', 'AWS_CONTAINER_AUTHORIZATION_TOKEN holds what no header can have');
  return await asked(`what gives this container its credentials, at ${url.host},`, async (client, read) => [
    url.pathname,
    await read(url.pathname, await client.get(url, token === undefined ? {} : { authorization: token }, LIMITS)),
  ]);
}
