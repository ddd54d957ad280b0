/**
 * The URLs of a bundle in the configuration, and who is shown what there (docs/commands.md section 2.1): a URL by
 * itself, or a table with credentials of its own. Touches nothing.
 */
import path from 'node:path';
import * as z from 'zod/mini';
import { text } from '../io/config-file.ts';

export const absolute = () => text().check(z.refine((p) => path.isAbsolute(p), { error: 'must be an absolute path' }));

const url = () =>
  z
    .string({ error: 'must be text' })
    .check(z.refine(isBaseUrl, { error: 'must be an https URL that ends in "/", without user, query or fragment' }));

function isBaseUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const u = new URL(value);
  return u.protocol === 'https:' && u.username === '' && u.password === '' && /^[^?#]*\/$/.test(value);
}

/** Files with what a server asks for, and by which it is known. */
export const credentialFiles = () => ({
  ca_file: z.optional(absolute()),
  client_cert: z.optional(absolute()),
  client_key: z.optional(absolute()),
  token_file: z.optional(absolute()),
});

/** A URL that stands by itself is a table with nothing else in it. */
export const Place = z.pipe(
  z.transform((value: unknown) => (typeof value === 'string' ? { url: value } : value)),
  z.strictObject({ url: url(), ...credentialFiles() }, { error: 'must be a URL, or a table { url = "..." }' }),
);

export type CredentialFiles = Partial<
  Record<'ca_file' | 'client_cert' | 'client_key' | 'token_file', string | undefined>
>;

/** Whether certificate and key are both there, or neither. */
export const hasPairs = ({ client_cert: cert, client_key: key }: CredentialFiles): boolean =>
  (cert === undefined) === (key === undefined);

/**
 * The files for one URL of a bundle. The bundle's own token and certificate go to the origin (scheme, host, port)
 * of its first URL and to no other: whoever runs another mirror has no business with them. Its authority, which is
 * no secret, holds for all that name none.
 */
export function filesFor(
  bundle: CredentialFiles & { readonly urls: readonly string[] },
  place: CredentialFiles & { readonly url: string },
): CredentialFiles {
  const isOwn = new URL(place.url).origin === new URL(bundle.urls[0] ?? place.url).origin;
  const { client_cert, client_key, token_file } = isOwn ? bundle : {};
  const hasPair = place.client_cert !== undefined;
  return {
    ca_file: place.ca_file ?? bundle.ca_file,
    client_cert: hasPair ? place.client_cert : client_cert,
    client_key: hasPair ? place.client_key : client_key,
    token_file: place.token_file ?? token_file,
  };
}
