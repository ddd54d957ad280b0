/**
 * Where the credentials of an object store come from (docs/commands.md section 3.1): the file that the configuration
 * names, else the AWS variables of the environment, else, where the configuration asks for it, the metadata service
 * of the cloud (IMDSv2). They are read anew for each run, so a change needs no restart.
 */
import { HostError, SourceError } from '../../../errors.ts';
import { HttpClient, type Answer } from '../../../io/http.ts';
import { PublishError } from '../../errors.ts';
import { readSecretPem } from '../../sources/secret.ts';
import { credentialsIn, parseCredentials, valuesOf, type Credentials } from './credentials-text.ts';
import type { S3Config } from './location.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const METADATA = 'http://169.254.169.254';
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
  if (asks) return await ofInstance(new URL(env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? METADATA));
  throw new HostError(
    'CONFIG',
    'no credentials for the object store: name a file in s3.credentials_file, set AWS_ACCESS_KEY_ID and ' +
      'AWS_SECRET_ACCESS_KEY, or say s3.instance_metadata = true on an instance that has a role',
  );
}

/** Asks the metadata service, by a token first: a forwarded request cannot get that. */
async function ofInstance(base: URL): Promise<Credentials> {
  const client = new HttpClient({ plain: true }, LIMITS.idle, {});
  const roles = new URL('/latest/meta-data/iam/security-credentials/', base);
  const failed = (why: string, cause?: unknown) =>
    new PublishError('OUTPUT', `the metadata service at ${base.host} gives no credentials: ${why}`, cause);
  const text = async (what: string, answer: Answer): Promise<string> => {
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
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': String(TTL), 'content-length': '0' };
    const sent = await client.send(new URL('/latest/api/token', base), { method: 'PUT', headers }, LIMITS);
    const token = { 'x-aws-ec2-metadata-token': (await text('its token', sent)).trim() };
    const role = (await text('the list of roles', await client.get(roles, token, LIMITS))).split('\n')[0]?.trim() ?? '';
    if (!/^[A-Za-z0-9+=,.@_-]{1,128}$/.test(role)) throw failed('this instance has no role');
    const given = await text(`role ${role}`, await client.get(new URL(role, roles), token, LIMITS));
    const found = parseCredentials(given, null);
    if (found === null) throw failed(`role ${role}: what it gives holds no key`);
    return found;
  } catch (error) {
    if (error instanceof SourceError) throw failed(`${error.code}: ${error.message}`, error);
    throw error;
  } finally {
    await client.close();
  }
}
