/**
 * Reads a TOML file and checks it against a zod schema, for both sides. An unknown key is an error that names the
 * nearest known key. Reads no other file.
 */
import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import * as z from 'zod/mini';
import { HostError } from '../errors.ts';
import { isAbsent } from './atomic-file.ts';
import { whyUnread } from './denied.ts';
import { nearest } from './nearest.ts';

const UNIT_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const UNIT_BYTES: Record<string, number> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

function quantity(units: Record<string, number>, example: string) {
  const pattern = new RegExp(`^([0-9]{1,12}) ?(${Object.keys(units).join('|')})$`);
  return z.pipe(
    z
      .string({ error: `must be text such as "${example}"` })
      .check(z.regex(pattern, { error: `must be like "${example}"` })),
    z.transform((text: string) => {
      const [, digits = '', unit = ''] = pattern.exec(text) ?? [];
      return Number(digits) * (units[unit] ?? Number.NaN);
    }),
  );
}

/** `30s`, `5m`, `24h`, `7d`: gives milliseconds. */
export const duration = () => quantity(UNIT_MS, '5m');
/** `64MiB`: gives bytes. */
export const size = () => quantity(UNIT_BYTES, '64MiB');
export const text = () => z.string({ error: 'must be text' }).check(z.minLength(1, { error: 'must not be empty' }));
export const flag = () => z.boolean({ error: 'must be true or false' });
export const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).check(z.gte(min, { error }), z.lte(max, { error }));
};
export const percent = () => whole(0, 100);
export const list = <T extends z.ZodMiniType>(item: T) => z.array(item, { error: 'must be a list, [ ... ]' });

/**
 * @param later keys of later versions (`bundle.sealed`). They are refused by that name.
 * @param refusal says why these values are refused before the schema sees them; null if they are not.
 * @param begin what to do where there is no such file.
 * @returns the file's values, as the schema gives them.
 * @throws HostError CONFIG, naming the file, the key and the rule; the line if the file is not TOML.
 */
export function readConfigFile<T>(
  file: string,
  schema: z.ZodMiniType<T>,
  later: readonly string[] = [],
  refusal: (values: unknown) => string | null = () => null,
  begin = '',
): T {
  const values = parseToml(file, readText(file, begin));
  const refused = refusal(values);
  if (refused !== null) throw new HostError('CONFIG', `${file}: ${refused}`);
  return checkConfig(file, values, schema, later);
}

function readText(file: string, begin: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (begin !== '' && isAbsent(error))
      throw new HostError('CONFIG', `there is no configuration ${file}. ${begin}`, error);
    const why = error instanceof TypeError ? 'it is not UTF-8' : whyUnread(error, file);
    throw new HostError('CONFIG', `cannot read the configuration ${file}: ${why}`, error);
  }
}

function parseToml(file: string, content: string): unknown {
  try {
    return parse(content);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    throw new HostError('CONFIG', `${file}, line ${error.line}: ${reason}`, error);
  }
}

/** Checks values as if they had been read from the file. */
export function checkConfig<T>(
  file: string,
  values: unknown,
  schema: z.ZodMiniType<T>,
  later: readonly string[] = [],
): T {
  const result = z.safeParse(schema, values, { reportInput: true });
  if (result.success) return result.data;
  const { issues } = result.error;
  // Report an unknown key first: often it is a misspelling of a key that another issue calls missing.
  const issue = issues.find((i) => i.code === 'unrecognized_keys') ?? issues[0];
  throw new HostError(
    'CONFIG',
    `${file}: ${issue === undefined ? 'not valid' : explain(issue, schema, later)}`,
    result.error,
  );
}

function explain(issue: z.core.$ZodIssue, schema: z.ZodMiniType, later: readonly string[]): string {
  const where = issue.path.map(String);
  const at = (more?: string) => [...where, ...(more === undefined ? [] : [more])].join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0] ?? '';
    const plain = [...where.filter((step) => !/^\d+$/.test(step)), key].join('.');
    if (later.includes(plain)) return `${at(key)} is not in this version of relaymap; take it out`;
    const near = nearest(key, knownKeys(schema, where));
    return `unknown key ${at(key)}${near === undefined ? '' : `; did you mean ${at(near)}?`}`;
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${at()} is missing`;
  if (issue.message !== 'Invalid input') return at() === '' ? issue.message : `${at()} ${issue.message}`;
  return `${at()} is missing or of the wrong kind`;
}

/** The keys that a schema knows at a path. A list index steps into the list's element. */
function knownKeys(schema: unknown, where: string[]): string[] {
  let here = unwrap(schema);
  for (const step of where) {
    if (here instanceof z.ZodMiniArray) here = unwrap(here.def.element);
    else if (here instanceof z.ZodMiniObject) here = unwrap((here.def.shape as Record<string, unknown>)[step]);
  }
  return here instanceof z.ZodMiniObject ? Object.keys(here.def.shape) : [];
}

function unwrap(schema: unknown): unknown {
  if (
    schema instanceof z.ZodMiniOptional ||
    schema instanceof z.ZodMiniDefault ||
    schema instanceof z.ZodMiniPrefault
  ) {
    return unwrap(schema.def.innerType);
  }
  if (!(schema instanceof z.ZodMiniPipe)) return schema;
  const { in: before, out } = schema.def;
  return unwrap(before instanceof z.ZodMiniTransform ? out : before); // a transform has no keys; look at its input
}
